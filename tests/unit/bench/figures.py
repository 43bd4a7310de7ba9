"""Figures for tests to draw and print."""

from tests.bench.figure import Figure
from tests.bench.ratio import Spread


def figure(
    *, median: float = 0.5, limit: float | None = 1.0, code: str = "G1", name: str = "a start", ours: float = 21.5
) -> Figure:
    return Figure(
        code=code,
        name=name,
        baseline_name="the usual way",
        unit="ms",
        ours=ours,
        baseline=43.0,
        ratio=Spread(median, median - 0.1, median + 0.1),
        limit=limit,
    )
