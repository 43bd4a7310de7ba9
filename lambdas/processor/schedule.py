"""When a failed attempt is made again: a delay for each attempt but the last."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Schedule:
    """The delays in seconds before the second attempt, the third, and so on.

    With `jitter` each is drawn from the upper half of what is given, so that events which failed together do not come
    back together.
    """

    delays_seconds: tuple[float, ...]
    jitter: bool

    @property
    def attempts(self) -> int:
        """The most attempts at one event."""
        return len(self.delays_seconds) + 1

    def delay_seconds(self, attempt: int, chance: float) -> float | None:
        """How long to wait after this attempt failed (1 is the first); None after the last. `chance` is from 0 to 1."""
        if attempt > len(self.delays_seconds):
            return None
        delay = self.delays_seconds[attempt - 1]
        return delay * (1 + chance) / 2 if self.jitter else delay


def read_schedule(fields: Mapping[str, Any]) -> Schedule:
    """The schedule that Terraform derived. Raises KeyError, TypeError and ValueError for one that it could not have."""
    delays = tuple(float(delay) for delay in fields["delays_seconds"])
    if any(delay < 0 for delay in delays):
        raise ValueError("a delay is negative")
    return Schedule(delays, bool(fields["jitter"]))
