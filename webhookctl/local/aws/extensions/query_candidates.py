"""A Query looks at the items with its hash key, not at the whole table.

Amazon DynamoDB Developer Guide, "Querying tables": a query reads one item collection, however large the table is. moto
sorts and compares every item of the table for each page: 25 microseconds an item, in which the local stack does nothing
else.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Hand only the items with the right hash key to moto's Query while the block runs."""
    query, all_items = Table.query, Table.all_items
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

    with ExitStack() as patches:
        patches.enter_context(patched(Table, "query", query_candidates))
        patches.enter_context(patched(Table, "all_items", candidate_items))
        yield


def _with_value(table: Table, attribute: str, expected: DynamoType) -> list[Item]:
    items: Any = table.items
    if attribute == table.hash_key_attr:
        return list(items.get(expected, {}).values())
    return [
        item
        for collection in items.values()
        for item in collection.values()
        if (value := item.attrs.get(attribute)) is not None and value.value == expected.value
    ]
