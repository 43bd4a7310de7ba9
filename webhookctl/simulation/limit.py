"""The limits that a load can meet, and which of them it met, when, and how often."""

from dataclasses import dataclass
from enum import StrEnum


class Limit(StrEnum):
    """Each stops something: a request, an invocation, or the growth of something."""

    ROUTE_RATE = "route_rate"
    ACCOUNT_RATE = "account_rate"
    ACCOUNT_CONCURRENCY = "account_concurrency"
    INVOCATION_RATE = "invocation_rate"
    SCALING_RATE = "scaling_rate"
    MAPPING_GROWTH = "mapping_growth"
    MAX_CONCURRENCY = "max_concurrency"
    IN_FLIGHT = "in_flight"
    TIMEOUT = "timeout"
    MAX_RECEIVE_COUNT = "max_receive_count"
    RETENTION = "retention"


@dataclass(slots=True)
class Hit:
    """`count` is of what the limit stopped, requests, invocations or events; of a mapping's, the most that waited."""

    limit: Limit
    first_at: float
    count: int


class Hits:
    """All that were met."""

    def __init__(self) -> None:
        self._hits: dict[Limit, Hit] = {}

    def note(self, limit: Limit, now: float, count: int = 1) -> None:
        """It was met now."""
        hit = self._hits.get(limit)
        if hit is None:
            self._hits[limit] = Hit(limit, now, count)
        else:
            hit.count += count

    def see(self, limit: Limit, now: float, count: int) -> None:
        """It is met now, and that keeps so many waiting."""
        hit = self._hits.get(limit)
        if hit is None:
            self._hits[limit] = Hit(limit, now, count)
        elif count > hit.count:
            hit.count = count

    def in_order(self) -> list[Hit]:
        """The first that was met first."""
        return sorted(self._hits.values(), key=lambda hit: hit.first_at)
