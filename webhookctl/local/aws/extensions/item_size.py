"""DynamoDB measures an item by its bytes: 400 KB with attribute names, binary values as they are.

Amazon DynamoDB Developer Guide, "Item sizes and formats" and "Quotas": 400 KB, "attribute name binary length (UTF-8
length) and attribute value binary lengths"; "binary values ... DynamoDB uses the length of the raw bytes". moto
measures binary values as base64 text, a third too long, stops at 405,000, and measures the whole item again for each
attribute.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DDBType, DynamoType, Item, LimitedSizeDict

from webhookctl.local.aws.extensions.patch import patched

MAX_BYTES = 400 * 1024


@contextmanager
def applied() -> Iterator[None]:
    """Measure each new item once, and updates by what they change, while the block runs."""

    def init(self: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
        self.hash_key, self.range_key = hash_key, range_key
        self.attrs = LimitedSizeDict()
        for name, value in attrs.items():
            dict.__setitem__(self.attrs, name, _typed(value))
        _check(self.attrs)

    def set_attribute(self: LimitedSizeDict, name: str, value: Any) -> None:
        _check({**self, name: value})
        dict.__setitem__(self, name, value)

    with patched(Item, "__init__", init), patched(LimitedSizeDict, "__setitem__", set_attribute):
        yield


def _typed(value: DynamoType | dict[str, Any]) -> DynamoType:
    """The value as moto keeps it; one that has no others in it without moto's looking for them."""
    if isinstance(value, DynamoType):
        return DynamoType(value)
    kind, content = next(iter(value.items()))
    if not isinstance(content, str | bytes):
        return DynamoType(value)
    typed = DynamoType.__new__(DynamoType)
    typed.type, typed.value = kind, content
    return typed


def _check(attributes: dict[str, Any]) -> None:
    if sum([len(name.encode()) + _size_bytes(value) for name, value in attributes.items()]) > MAX_BYTES:
        raise ItemSizeTooLarge


def _size_bytes(value: Any) -> int:
    if isinstance(value, DynamoType) and isinstance(value.value, bytes):
        return len(value.value)
    if isinstance(value, DynamoType) and isinstance(value.value, str):
        text = value.value
        if value.type == DDBType.BINARY:
            return len(text) // 4 * 3 - text[-2:].count("=")
        if value.type == DDBType.STRING:
            return len(text) if text.isascii() else len(text.encode())
    return int(value.size()) if isinstance(value, DynamoType) else len(str(value).encode())
