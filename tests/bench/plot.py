"""The figures with a limit as a picture: each as a share of what is to be reached."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST = 2.0
REACHED, MISSED, INK, FAINT = "#3d8f73", "#c0563f", "#222222", "#777777"

_NUMBER = re.compile(r"\d+")


def drawn(figures: Sequence[Figure]) -> list[Figure]:
    """Those with a limit that has shares. Of some that differ by a number alone, the farthest from being reached."""
    farthest: dict[tuple[str, str, str], Figure] = {}
    for figure in figures:
        kind = (figure.code, _NUMBER.sub("", figure.name), figure.baseline_name)
        if figure.limit and (kind not in farthest or _share(figure) > _share(farthest[kind])):
            farthest[kind] = figure
    return list(farthest.values())


def write(figures: Sequence[Figure], target: Path) -> None:
    """Writes an SVG whose bytes depend on the figures alone. A bar that ends before the line is a figure reached."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    shown = drawn(figures)
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9}):
        picture, axes = plt.subplots(figsize=(9, 1.2 + 0.25 * len(shown)), layout="constrained")
        for place, figure in enumerate(shown):
            _draw(axes, place, figure)
        _frame(axes, len(shown))
        axes.set_yticks(range(len(shown)), [_label(figure) for figure in shown])
        picture.savefig(target, format="svg", metadata={"Date": None}, facecolor="white")
        plt.close(picture)


def _draw(axes: "Axes", place: int, figure: Figure) -> None:
    share = _share(figure)
    axes.barh(place, min(share, WIDEST), color=REACHED if figure.reached else MISSED, height=0.68, zorder=2)
    ratio, limit = figure.ratio, figure.limit or 1
    if ratio is not None and figure.limited == "ratio":
        ends = [min(ratio.least / limit, WIDEST), min(ratio.most / limit, WIDEST)]
        axes.plot(ends, [place, place], color=INK, linewidth=0.8, zorder=4)
    # Beside the bars, where neither they nor the line stand behind it.
    axes.text(WIDEST + 0.16, place, f"{share:.2f}", ha="right", va="center", fontsize=8, color=INK)


def _frame(axes: "Axes", count: int) -> None:
    axes.axvline(1, color=INK, linewidth=1.2, zorder=3)
    axes.text(1, -0.75, "to reach", ha="center", va="bottom", fontsize=8, color=INK)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_xlim(0, WIDEST)
    axes.set_xticks([0, 0.5, 1, 1.5, 2], ["0", "0.5", "1", "1.5", "2 or more"])
    axes.set_xlabel("measured, as a share of what is to be reached: less is better", color=FAINT)
    axes.tick_params(length=0)
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.7, zorder=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _label(figure: Figure) -> str:
    beside = f" / {figure.baseline_name}" if figure.limited == "ratio" else ""
    return figure.name + beside


def _share(figure: Figure) -> float:
    return figure.measured / (figure.limit or 1)
