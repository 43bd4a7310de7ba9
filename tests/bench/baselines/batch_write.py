"""BatchWriteItem, 25 at a time. It knows no condition: the last of two with one id wins, and nobody is told."""

from collections.abc import Mapping
from typing import Any

from verified import report_stored, verified  # type: ignore[import-not-found]

from processor import handler as product

MAX_ITEMS = 25


def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Last wins."""
    store = product.lane.store
    written = [verified(record) for record in event["Records"]]
    for start in range(0, len(written), MAX_ITEMS):
        puts: Any = [{"PutRequest": {"Item": item}} for _, item in written[start : start + MAX_ITEMS]]
        store.client.batch_write_item(RequestItems={store.table_name: puts})
    answer: dict[str, Any] = report_stored([each for each, _ in written])
    return answer
