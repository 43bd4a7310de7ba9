"""An accepted message on its way into the table, and what became of it."""

from enum import StrEnum
from typing import NamedTuple

from common.reasons import Reason


class Outcome(StrEnum):
    """What became of a message. All but WAITING and DEFERRED are final: the message leaves its queue."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"
    DONE = "done"
    """The effect took place."""
    REJECTED = "rejected"
    """The effect can never take place."""
    EXHAUSTED = "exhausted"
    """The last attempt failed, or the queue would not have kept the message until the next: it is dead-lettered."""
    WAITING = "waiting"
    """The attempt failed, and is made again later."""
    DEFERRED = "deferred"
    """No attempt was made, since one is running, the next is not due, or the circuit is open; or it is decided the next
    time whether its body is another event's."""

    @property
    def comes_back(self) -> bool:
        """Whether the message stays in its queue, to be received again."""
        return self in (Outcome.WAITING, Outcome.DEFERRED)


class Event(NamedTuple):
    """A verified webhook. Its id is the sender's, or a digest; `sender_id` is the sender's where the id is another.

    `content_digest` tells whether two bodies are one, where the source asks for that; empty where it does not.
    """

    source: str
    id: str
    type: str
    key_id: str
    content_type: str
    received_at_ms: int
    request_id: str
    message_id: str
    body: bytes
    content_digest: str = ""
    sender_id: str = ""


class Quarantined(NamedTuple):
    """A message that could not be verified, kept with what a person needs to see why. `body` is what came."""

    source: str
    reason: Reason
    content_type: str
    received_at_ms: int
    request_id: str
    message_id: str
    body: bytes


class Result(NamedTuple):
    """One message's outcome, with what logs and metrics say of it. `attempt` is 0 where there was none."""

    outcome: Outcome
    message_id: str
    request_id: str
    received_at_ms: int
    event_id: str = ""
    key_id: str = ""
    reason: Reason | None = None
    attempt: int = 0
    attempt_ms: int = 0
    error: str = ""
