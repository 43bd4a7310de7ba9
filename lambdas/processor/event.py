"""An accepted message on its way into the table, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from common.reasons import Reason


class Outcome(StrEnum):
    """Where a message ended. Each is final: the message leaves the queue."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Event:
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


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that could not be verified, kept with what a person needs to see why. `body` is what came."""

    source: str
    reason: Reason
    content_type: str
    received_at_ms: int
    request_id: str
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """One message's outcome, with what logs and metrics say of it."""

    outcome: Outcome
    message_id: str
    request_id: str
    received_at_ms: int
    event_id: str = ""
    key_id: str = ""
    reason: Reason | None = None
