"""One request of the demonstration, and what must become of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of request it is, as the table names it."""

    PUBLISHED = "published example"
    GENUINE = "genuine"
    HOSTILE_BODY = "genuine, hostile body"
    DUPLICATE = "delivered again"
    CONFLICT = "same id, other body"
    FORGED = "forged"
    STALE = "stale timestamp"
    MALFORMED = "malformed signature"
    UNSIGNED = "unsigned"
    CONTENT_TYPE = "wrong content type"
    NO_CONTENT_TYPE = "no content type"
    OVERSIZE = "oversize body"


GENUINE_KINDS = (Kind.PUBLISHED, Kind.GENUINE, Kind.HOSTILE_BODY, Kind.DUPLICATE, Kind.CONFLICT)
"""Those that must be accepted, and each event of which must be stored exactly once."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request, the status it must be answered with (0: the source's success), and the event that it delivers.

    Deliveries with one `event` are of one event. `at` is a receive time (epoch seconds) for what was signed long ago.
    """

    kind: Kind
    source: str
    headers: Mapping[str, str]
    body: bytes
    status: int = 0
    event: str = ""
    at: float | None = None

    @property
    def is_genuine(self) -> bool:
        """Whether the sender signed exactly this, now."""
        return self.kind in GENUINE_KINDS
