"""What a simulation has shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webhookctl.simulation.limit import Hit
from webhookctl.simulation.timeline import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`busy_seconds` are until the last arrival, `drain_seconds` until the last event was done or dead-lettered.

    Peaks per start and per authorizer are of requests, within as long as an authorizer's start or a call of it takes.

    accepted = done + dead_lettered + expired + left, which is 0 unless it was stopped.
    """

    requests: int
    accepted: int
    throttled: int
    failed: int
    done: int
    dead_lettered: int
    expired: int
    left: int
    delays_seconds: Mapping[str, float | None]
    mean_delay_seconds: float
    drain_seconds: float
    busy_seconds: float
    peak_waiting: int
    peak_in_flight: int
    peak_authorizers: int
    peak_processors: int
    peak_concurrency: int
    peak_requests_per_second: int
    peak_requests_per_start: int
    peak_requests_per_authorizer: int
    peak_done_per_second: int
    cold_starts: int
    invocations: int
    invocation_seconds: float
    received: int
    cohort: int
    hits: Sequence[Hit]
    samples: Sequence[Sample]
    done_by_second: Mapping[int, int]

    @property
    def refused(self) -> int:
        """Requests that were not kept."""
        return self.throttled + self.failed

    @property
    def mean_batch(self) -> float:
        """Messages in an invocation."""
        return self.received / self.invocations if self.invocations else 0.0

    @property
    def receives_per_message(self) -> float:
        """How often each accepted message was received."""
        return self.received / self.accepted if self.accepted else 0.0
