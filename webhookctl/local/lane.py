"""One lane as the live view and the demo see it: where its webhooks are, and where they went."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Lane:
    """Counts since the start. `waiting` messages are in the queue and in no invocation's hands, failed ones included.

    `in_flight` and `peak` are invocations, which never exceed `maximum`. `failed` are attempts.
    """

    source: str
    accepted: int
    refused: Mapping[str, int]
    waiting: int
    in_flight: int
    maximum: int
    peak: int
    paused: bool
    stored: int
    duplicate: int
    conflict: int
    quarantined: Mapping[str, int]
    failed: int
    dead_lettered: int

    @property
    def refusals(self) -> int:
        """Refused for any reason."""
        return sum(self.refused.values())

    @property
    def quarantines(self) -> int:
        """Quarantined for any reason."""
        return sum(self.quarantined.values())
