"""One lane as the live view and the demo see it: where its webhooks are, and where they went."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Lane:
    """Counts since the start. `waiting` messages are in the queue and in no invocation's hands, failed ones included.

    `in_flight` and `peak` are invocations, which never exceed `maximum`. `failed` are attempts. `effect` is the kind of
    the lane's effect, empty where it only stores; of attempts at the effect, `retried` failed and are made again later,
    and `deferred` were not made yet.
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
    effect: str = ""
    done: int = 0
    rejected: int = 0
    exhausted: int = 0
    retried: int = 0
    deferred: int = 0

    @property
    def refusals(self) -> int:
        """Refused for any reason."""
        return sum(self.refused.values())

    @property
    def quarantines(self) -> int:
        """Quarantined for any reason."""
        return sum(self.quarantined.values())

    @property
    def failures(self) -> int:
        """Attempts that failed, of the lane itself or of its effect."""
        return self.failed + self.retried
