"""What becomes of an event: its product is marked as viewed, its type is counted, or it is rejected.

All of it happens in the event's transaction, which is committed once, however often the event is sent or tried.
"""

import re
from typing import Any

from processor.handling import HandlerEvent, Reject, Retry, Transaction

VIEWS = ("open", "click")
TYPES = (*VIEWS, "spam_report")
FIRST_RETRY_SECONDS = 5

_PRODUCT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# No row of `products`, no row here. Events come in any order, so an earlier view may come later.
_VIEW = """
INSERT INTO product_views AS viewed (product_id, first_viewed_at, last_viewed_at, views)
SELECT product_id, CAST(:at AS timestamptz), CAST(:at AS timestamptz), 1 FROM products WHERE product_id = :product_id
ON CONFLICT (product_id) DO UPDATE SET
    first_viewed_at = least(viewed.first_viewed_at, excluded.first_viewed_at),
    last_viewed_at = greatest(viewed.last_viewed_at, excluded.last_viewed_at),
    views = viewed.views + 1
RETURNING views
"""
_COUNT = """
INSERT INTO event_counts AS counted (type, count) VALUES (:type, 1)
ON CONFLICT (type) DO UPDATE SET count = counted.count + 1
"""


def handle(event: HandlerEvent) -> None:
    """Marks the product of an open or a click as viewed, and counts the event by its type.

    Raises Reject for what can never be counted, and Retry for a product that the shop does not have yet.
    """
    if event.transaction is None:
        raise RuntimeError("this handler needs postgres = {} beside it")
    if event.type not in TYPES:
        raise Reject("unknown type")
    if event.type in VIEWS:
        _mark_viewed(event, event.transaction)
    # Last, since all events of a type wait for this row: nobody holds it while waiting for another.
    event.transaction.run(_COUNT, type=event.type)


def _mark_viewed(event: HandlerEvent, transaction: Transaction) -> None:
    if not transaction.run(_VIEW, product_id=_product_id(event), at=event.received_at):
        # Twice as long each time: the lane's ten attempts then take 43 minutes.
        raise Retry(FIRST_RETRY_SECONDS * 2 ** (event.attempt - 1), "the product is not there yet")


def _product_id(event: HandlerEvent) -> str:
    try:
        document: Any = event.json()
    except ValueError:
        raise Reject("not JSON") from None
    product_id = document.get("product_id") if isinstance(document, dict) else None
    if not isinstance(product_id, str) or not _PRODUCT_ID.fullmatch(product_id):
        raise Reject("no product id")
    return product_id
