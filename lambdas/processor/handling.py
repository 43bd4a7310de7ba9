"""What a handler is called with, and what it may raise: `def handle(event: HandlerEvent) -> None`.

Returning is success, and the event is never handled again. `Retry` and `Reject` say what to do instead; any other
exception is a failed attempt, after which the lane's retry schedule decides.

No more than one attempt at an event runs at a time. An attempt that was cut off, by a crash or a time-out, is made
again with the same idempotency key: whether its effect had happened is for the backend to know, by that key.
"""

import json
import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class Transaction(Protocol):
    """A PostgreSQL transaction in which nothing but this event's effect happens, committed when the handler returns."""

    def run(self, sql: str, **parameters: Any) -> list[list[Any]]:
        """Runs a statement with `:name` parameters, and returns its rows. Raises what the driver (pg8000) raises."""


class EventLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines say of which event they are, beside what they are given as `extra`."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """The line with the fields of both. (Before Python 3.13 an adapter's own take the place of the others.)"""
        return msg, {**kwargs, "extra": {**(kwargs.get("extra") or {}), **(self.extra or {})}}


@dataclass(frozen=True, slots=True)
class HandlerEvent:
    """A verified webhook, and one attempt at it.

    `id` is the sender's, or a digest where it gives none; `type` is empty where the sender names none. `received_at`
    is in UTC. `body` holds the exact bytes that were signed. `attempt` is 1 for the first. `idempotency_key` is the
    same in every attempt, and no other event's. `logger` writes the event's id with each line. `transaction` is there
    for a lane with `postgres` beside its handler.
    """

    source: str
    id: str
    type: str
    content_type: str
    received_at: datetime
    request_id: str
    body: bytes
    attempt: int
    idempotency_key: str
    logger: "EventLogger"
    remaining: Callable[[], float]
    transaction: Transaction | None = None

    def json(self) -> Any:
        """The body as a JSON document. Raises ValueError where it is none, or nested too deeply; see `Reject`."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def remaining_seconds(self) -> float:
        """Until the function is stopped, less what is needed to keep the outcome. Past it, the attempt is cut off."""
        return self.remaining()


class Retry(Exception):
    """Try this event again, not before `after_seconds` from now. It counts as an attempt, but not as a fault."""

    def __init__(self, after_seconds: float, reason: str = "") -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds
        self.reason = reason


class Reject(Exception):
    """Never try this event again: no attempt could succeed. It stays in the table as rejected, with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AttemptFailed(Exception):
    """The attempt failed; `error` is kept on the event. `after_seconds` is what the backend asked for, if it did."""

    def __init__(self, error: str, after_seconds: float | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.after_seconds = after_seconds


class PauseLane(Exception):
    """The attempt failed because the backend wants no more of them: the lane stops until somebody resumes it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Handle = Callable[[HandlerEvent], str | None]
"""An effect. What it returns, if anything, is kept on the event as its result: at most 255 printable characters."""
