"""The load of a simulation, from what was given on the command line."""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

from webhookctl.arguments import read_bytes
from webhookctl.failure import WrongUsage
from webhookctl.simulation.arrivals import Pattern, Span, burst, constant, total

MAX_REQUESTS = 50_000_000
"""As many take minutes."""

DEFAULT_SECONDS = 60.0
DEFAULT_BURST_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """As it was given: a file of a pattern, or a burst, or a rate."""

    arrivals: str | None = None
    burst: int | None = None
    rate_per_second: float | None = None
    seconds: float | None = None


def read_load(load: Load) -> Pattern:
    """When requests arrive. Raises WrongUsage for what says nothing, or two things at once."""
    pattern = _pattern(load)
    if not total(pattern):
        raise WrongUsage("There is nothing to simulate: the load has no request in it.")
    if total(pattern) > MAX_REQUESTS:
        raise WrongUsage(
            f"That are {total(pattern):,} requests, and at most {MAX_REQUESTS:,} are simulated: take a part of it."
        )
    return pattern


def _pattern(load: Load) -> Pattern:
    for option, value in (("--rate", load.rate_per_second), ("--seconds", load.seconds)):
        if value is not None and not 0 < value < math.inf:
            raise WrongUsage(f"{option} must be above 0.")
    if load.arrivals is not None:
        if (load.burst, load.rate_per_second, load.seconds) != (None, None, None):
            raise WrongUsage("--arrivals says all of when requests come: leave out --burst, --rate and --seconds.")
        return tuple(read_pattern(load.arrivals))
    if load.burst is not None:
        return burst(load.burst, _burst_seconds(load.burst, load.rate_per_second, load.seconds))
    if load.rate_per_second is not None:
        return constant(load.rate_per_second, DEFAULT_SECONDS if load.seconds is None else load.seconds)
    raise WrongUsage("Say what comes in: --rate R, --burst N, or --arrivals FILE.csv.")


def _burst_seconds(requests: int, rate_per_second: float | None, seconds: float | None) -> float:
    if rate_per_second is None:
        return DEFAULT_BURST_SECONDS if seconds is None else seconds
    if seconds is not None:
        raise WrongUsage("--burst ends when all are sent: give it --rate or --seconds, not both.")
    return requests / rate_per_second


def read_pattern(argument: str) -> Iterator[Span]:
    """From lines of `second,requests`: so many in the second that begins then. Seconds that are left out have none."""
    try:
        text = read_bytes(argument).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongUsage(f"{argument} is not UTF-8 text.") from None
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and cells == ["second", "requests"]):
            continue
        try:
            second, requests = cells
            span = Span(float(second), 1.0, int(requests))
        except ValueError:
            raise WrongUsage(
                f"Line {number} of {argument} is not second,requests: two numbers, such as 0,250."
            ) from None
        if not 0 <= span.start_seconds < math.inf or span.requests < 0:
            raise WrongUsage(f"Line {number} of {argument} has a number below 0, or none.")
        yield span
