"""A Query looks at the items with its hash key, not at the whole table.

Amazon DynamoDB Developer Guide, "Querying tables" and "Using Global Secondary Indexes": a query reads one item
collection, however large the table is, and an index is kept with each write. moto has no indexes. It sorts and compares
every item of the table for each page: 25 microseconds an item, in which the local stack does nothing else.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DDBType, DynamoType, Item
from moto.dynamodb.models.table import Table

from webhookctl.local.aws.extensions.patch import patched

KEY_TYPES = (DDBType.STRING, DDBType.NUMBER, DDBType.BINARY)


@contextmanager
def applied() -> Iterator[None]:
    """Hand only the items with the right hash key to moto's Query while the block runs.

    All that is written to a table is to be written in such blocks.
    """
    query, all_items = Table.query, Table.all_items
    put_item, update_item, delete_item = Table.put_item, DynamoDBBackend.update_item, Table.delete_item
    candidates: list[list[Item]] = []

    def query_candidates(self: Table, hash_key: DynamoType | None, *arguments: Any, **options: Any) -> Any:
        conditions = options.get("hash_key_conditions") or []
        if self.range_key_attr is None or hash_key is None or not conditions:
            return query(self, hash_key, *arguments, **options)
        candidates.append(_with_value(self, *conditions[0]))
        try:
            return query(self, hash_key, *arguments, **options)
        finally:
            candidates.pop()

    def candidate_items(self: Table) -> list[Item]:
        return candidates[-1] if candidates else all_items(self)

    def put(self: Table, *arguments: Any, **options: Any) -> Item:
        item = put_item(self, *arguments, **options)
        note(self, item)
        return item

    def update(self: DynamoDBBackend, table_name: str, *arguments: Any, **options: Any) -> Item:
        item = update_item(self, table_name, *arguments, **options)
        note(self.get_table(table_name), item)
        return item

    def delete(self: Table, *arguments: Any, **options: Any) -> Item | None:
        item = delete_item(self, *arguments, **options)
        if item is not None:
            for index in _indexes.get(self, {}).values():
                index.remove(item)
        return item

    with ExitStack() as patches:
        patches.enter_context(patched(Table, "query", query_candidates))
        patches.enter_context(patched(Table, "all_items", candidate_items))
        patches.enter_context(patched(Table, "put_item", put))
        patches.enter_context(patched(DynamoDBBackend, "update_item", update))
        patches.enter_context(patched(Table, "delete_item", delete))
        yield


class _Index:
    """The items of a table by the value of one attribute, as far as they have it."""

    def __init__(self, attribute: str) -> None:
        self._attribute = attribute
        self._items: dict[Any, dict[Any, Item]] = {}
        self._values: dict[Any, Any] = {}

    def find(self, value: Any) -> list[Item]:
        return list(self._items.get(value, {}).values())

    def add(self, item: Item) -> None:
        self.remove(item)
        value = item.attrs.get(self._attribute)
        if value is not None and value.type in KEY_TYPES:
            key = _key(item)
            self._values[key] = value.value
            self._items.setdefault(value.value, {})[key] = item

    def remove(self, item: Item) -> None:
        key = _key(item)
        if key in self._values:
            value = self._values.pop(key)
            del self._items[value][key]
            if not self._items[value]:
                del self._items[value]


# Made when an attribute is first asked for. Tables take theirs along when they go.
_indexes: WeakKeyDictionary[Table, dict[str, _Index]] = WeakKeyDictionary()


def _with_value(table: Table, attribute: str, expected: DynamoType) -> list[Item]:
    items: Any = table.items
    if attribute == table.hash_key_attr:
        return list(items.get(expected, {}).values())
    indexes = _indexes.setdefault(table, {})
    if attribute not in indexes:
        indexes[attribute] = _Index(attribute)
        for collection in items.values():
            for item in collection.values():
                indexes[attribute].add(item)
    return indexes[attribute].find(expected.value)


def note(table: Table, item: Item) -> None:
    """What a table has got past its own methods."""
    for index in _indexes.get(table, {}).values():
        index.add(item)


def _key(item: Item) -> tuple[Any, Any]:
    return item.hash_key.value, item.range_key.value if item.range_key else None
