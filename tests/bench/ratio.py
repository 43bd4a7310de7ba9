"""Ratios of what was measured side by side: one for each round, since a machine is not the same in two rounds."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Sample = Mapping[str, float]
"""What one run of a variant was measured to take, by metric."""

Round = Mapping[str, Sample]
"""One run of every variant, by its name."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, and between which values all rounds were."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(rounds: Sequence[Round], ours: str, baseline: str, metric: str) -> Spread:
    """What `ours` took as a multiple of what `baseline` took in the same round."""
    return spread([each[ours][metric] / each[baseline][metric] for each in rounds])


def median(rounds: Sequence[Round], variant: str, metric: str) -> float:
    """What a variant usually took."""
    return statistics.median(each[variant][metric] for each in rounds)
