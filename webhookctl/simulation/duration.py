"""How long something takes: always the same, spread as waiting on other machines is, or as it was once measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

_Z99 = 2.3263478740408408  # of the standard normal distribution


class Duration(Protocol):
    """A length of time that may differ each time."""

    @property
    def mean_seconds(self) -> float:
        """Of many of them."""

    def draw(self, choice: Random) -> float:
        """One of them, in seconds."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same."""

    seconds: float

    @property
    def mean_seconds(self) -> float:
        """The one there is."""
        return self.seconds

    def draw(self, choice: Random) -> float:  # noqa: ARG002
        """The one there is."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Most near the median, and a long tail."""

    p50_seconds: float
    p99_seconds: float

    @property
    def sigma(self) -> float:
        """Of the logarithm."""
        return math.log(self.p99_seconds / self.p50_seconds) / _Z99

    @property
    def mean_seconds(self) -> float:
        """Above the median, for the tail."""
        return self.p50_seconds * math.exp(self.sigma**2 / 2)

    def draw(self, choice: Random) -> float:
        """One by chance."""
        return choice.lognormvariate(math.log(self.p50_seconds), self.sigma)


@dataclass(frozen=True, slots=True)
class Measured:
    """Any of those that were measured, each as likely as the other."""

    seconds: Sequence[float]

    @property
    def mean_seconds(self) -> float:
        """Of what was measured."""
        return sum(self.seconds) / len(self.seconds)

    def draw(self, choice: Random) -> float:
        """One by chance."""
        return choice.choice(self.seconds)


def spread(p50_seconds: float, p99_seconds: float | None = None) -> Duration:
    """Lognormal where a 99th percentile above the median is known, else constant."""
    if p99_seconds is None or p99_seconds <= p50_seconds or p50_seconds <= 0:
        return Constant(p50_seconds)
    return Lognormal(p50_seconds, p99_seconds)
