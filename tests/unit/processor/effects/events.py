import logging
import time
from datetime import UTC, datetime
from typing import Any

from processor.handling import HandlerEvent

RECEIVED_AT = datetime(2026, 5, 4, 3, 2, 1, 500_000, tzinfo=UTC)


def make_event(body: bytes = b'{"amount": 12}', seconds: float = 60, **fields: Any) -> HandlerEvent:
    """A first attempt at an event, with a minute for it."""
    deadline = time.monotonic() + seconds
    source, event_id = fields.pop("source", "shop"), fields.pop("id", "evt_1")
    ordinary = {
        "type": "order.paid",
        "content_type": "application/json",
        "received_at": RECEIVED_AT,
        "request_id": "request",
        "attempt": 1,
        "idempotency_key": f"{source}:{event_id}",
        "logger": logging.LoggerAdapter(logging.getLogger("handler"), {}),
        "remaining": lambda: deadline - time.monotonic(),
    }
    return HandlerEvent(source=source, id=event_id, body=body, **{**ordinary, **fields})
