"""A figure: what ours takes, what a baseline takes, and what is to be reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.bench.ratio import Round, Spread, median, ratio

Unit = Literal["ms", "us", "MB", "bytes", "requests", "write units", "read units", "modules", "a second"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. `limit` is the most that may be reached, of the ratio or of what is counted of ours; None
    for a figure that is only shown.
    """

    code: str
    name: str
    baseline_name: str
    unit: Unit
    ours: float
    baseline: float | None = None
    ratio: Spread | None = None
    limit: float | None = None
    limited: Literal["ratio", "ours"] = "ratio"

    @property
    def measured(self) -> float:
        """What the limit is for."""
        return self.ratio.median if self.limited == "ratio" and self.ratio is not None else self.ours

    @property
    def reached(self) -> bool | None:
        """Whether it is within the limit; None without one."""
        return None if self.limit is None else self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure to be measured: two variants, and the metric (in seconds) by which they are compared."""

    code: str
    name: str
    ours: str
    baseline: str
    baseline_name: str
    metric: str = "cpu"
    limit: float | None = None
    unit: Unit = "ms"


_SCALES = {"ms": 1e3, "us": 1e6, "MB": 1e-6}  # of seconds, and of bytes


def compare(comparison: Comparison, rounds: Sequence[Round]) -> Figure:
    """The figure, from rounds that both variants were part of."""
    scale = _SCALES.get(comparison.unit, 1)
    return Figure(
        code=comparison.code,
        name=comparison.name,
        baseline_name=comparison.baseline_name,
        unit=comparison.unit,
        ours=scale * median(rounds, comparison.ours, comparison.metric),
        baseline=scale * median(rounds, comparison.baseline, comparison.metric),
        ratio=ratio(rounds, comparison.ours, comparison.baseline, comparison.metric),
        limit=comparison.limit,
    )


def counted(
    code: str, name: str, unit: Unit, ours: float, limit: float | None, baseline: float | None = None, of: str = ""
) -> Figure:
    """A figure that is counted, and so has no spread; the limit is for the count itself."""
    exact = None if not baseline else Spread(*[ours / baseline] * 3)
    return Figure(code, name, of, unit, ours, baseline, exact, limit, "ours")
