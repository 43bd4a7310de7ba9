"""When requests come in: so many within each span of time, at random moments of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

MAX_COHORTS = 500_000
"""Of more requests than these, several are one cohort, which arrives in one moment: ten million take seconds, not
minutes."""


@dataclass(frozen=True, slots=True)
class Span:
    """So many requests between two moments."""

    start_seconds: float
    seconds: float
    requests: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """Requests that arrive in one moment, each for the first time (`attempt` 0) or again."""

    at: float
    count: int
    attempt: int = 0


Pattern = Sequence[Span]


def burst(requests: int, seconds: float) -> Pattern:
    """So many within so long."""
    return (Span(0.0, seconds, requests),)


def constant(rate_per_second: float, seconds: float) -> Pattern:
    """So many in each second, and in the last part of one as many as it is long."""
    edges = [*(float(second) for second in range(int(seconds))), float(int(seconds))]
    if seconds > edges[-1]:
        edges.append(seconds)
    totals = [round(rate_per_second * edge) for edge in edges]
    return tuple(
        Span(start, end - start, after - before)
        for (start, end), (before, after) in zip(pairwise(edges), pairwise(totals), strict=True)
    )


def recorded(seconds: Sequence[float]) -> Pattern:
    """One at each of these moments."""
    return tuple(Span(at, 0.0, 1) for at in seconds)


def total(pattern: Pattern) -> int:
    """All its requests."""
    return sum(span.requests for span in pattern)


def end_seconds(pattern: Pattern) -> float:
    """When the last may arrive."""
    return max((span.start_seconds + span.seconds for span in pattern if span.requests), default=0.0)


def grain(pattern: Pattern, smallest_burst: float) -> int:
    """How many requests are one cohort: one, unless there are very many; never much of what a throttle lets in."""
    return max(1, min(-(-total(pattern) // MAX_COHORTS), int(smallest_burst / 20)))


def cohorts(pattern: Pattern, size: int, choice: Random) -> Iterator[Cohort]:
    """All requests in the order of time, `size` at a time, the last of a span the rest of it.

    Single ones come at random. Many together come almost evenly, as the sum of many does: each in its own part of the
    span.
    """
    for span in sorted(pattern, key=lambda each: each.start_seconds):
        count = -(-span.requests // size)
        if size == 1:
            moments = sorted(choice.random() for _ in range(count))
        else:
            moments = [(number + choice.random()) / count for number in range(count)]
        left = span.requests
        for moment in moments:
            yield Cohort(span.start_seconds + moment * span.seconds, min(size, left))
            left -= size
