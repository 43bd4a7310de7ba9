"""What DynamoDB charges for, found by comparing a table's items: units written, and bytes stored.

Amazon DynamoDB Developer Guide: "DynamoDB item sizes and formats", "DynamoDB read and write operations" and, for what
an index is charged, "Using Global Secondary Indexes in DynamoDB".
"""

import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

Item = Mapping[str, Mapping[str, Any]]

STORE = Path(__file__).parents[3] / "modules" / "store" / "main.tf"
UNIT_BYTES = 1024
OVERHEAD_BYTES = 100
KEY = ("pk", "sk")


def indexes(*, receipts: bool) -> list[frozenset[str]]:
    """What each index of the Terraform module `store` carries. An item without the first name of one is not in it."""
    by_time, by_receipt = (
        frozenset(re.findall(r'"(\w+)"', names))
        for names in re.findall(r"non_key_attributes = \[(.*)\]", STORE.read_text())
    )
    times = by_time | {"lane", "received_at_ms", *KEY}
    return [times, by_receipt | {"request_id", *KEY}] if receipts else [times]


def units(before: Collection[Item], after: Collection[Item], *, receipts: bool = False) -> int:
    """Write units of going from one to the other in one write for each item that differs. None is deleted."""
    known = {_key(item): item for item in before}
    return sum(_units_of_write(known.get(_key(item), {}), item, receipts) for item in after)


def stored_bytes(items: Collection[Item], *, receipts: bool = False) -> int:
    """What they take in the table and its indexes."""
    return sum(
        size_bytes(item)
        + OVERHEAD_BYTES
        + sum(size_bytes(entry) + OVERHEAD_BYTES for entry in _entries(item, receipts))
        for item in items
    )


def size_bytes(item: Item) -> int:
    """An item's size as it is charged."""
    return sum(len(name.encode()) + _value_bytes(*next(iter(value.items()))) for name, value in item.items())


def _units_of_write(before: Item, after: Item, receipts: bool) -> int:
    if before == after:
        return 0
    table = math.ceil(max(size_bytes(before), size_bytes(after)) / UNIT_BYTES)
    known = _entries(before, receipts) or [{} for _ in _entries(after, receipts)]
    pairs = zip(known, _entries(after, receipts), strict=True)
    return table + sum(
        math.ceil(max(size_bytes(old), size_bytes(new)) / UNIT_BYTES) for old, new in pairs if old != new
    )


def _entries(item: Item, receipts: bool) -> list[Item]:
    """What the item has in the indexes. One that is not in the first, by time, is no event, and in none."""
    if "lane" not in item:
        return []
    return [{name: item[name] for name in names if name in item} for names in indexes(receipts=receipts)]


def _value_bytes(kind: str, value: Any) -> int:
    if kind == "N":
        return math.ceil(len(value) / 2) + 1
    return 1 if kind == "BOOL" else len(value if kind == "B" else value.encode())


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
