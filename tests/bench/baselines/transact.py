"""TransactWriteItems, 100 at a time: with a condition each, of which one that fails undoes all."""

from collections.abc import Mapping
from typing import Any

from verified import report_stored, verified  # type: ignore[import-not-found]

from processor import handler as product

MAX_ITEMS = 100


def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """All or nothing."""
    store = product.lane.store
    written = [verified(record) for record in event["Records"]]
    condition = {"TableName": store.table_name, "ConditionExpression": "attribute_not_exists(pk)"}
    for start in range(0, len(written), MAX_ITEMS):
        puts: Any = [{"Put": {**condition, "Item": item}} for _, item in written[start : start + MAX_ITEMS]]
        store.client.transact_write_items(TransactItems=puts)
    answer: dict[str, Any] = report_stored([each for each, _ in written])
    return answer
