"""A picture of a simulation: what came and went, what waited, and what ran at once, over one time axis."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webhookctl.failure import WrongUsage
from webhookctl.simulated import Simulated
from webhookctl.simulation.timeline import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".svg", ".png", ".pdf")

_POINTS = 300
_RATE_POINTS = 75  # over shorter spans, the ends of equally long batches look like waves
_COLOURS = {"came": "#7f8fa6", "done": "#2e7d32", "refused": "#c62828", "held": "#1565c0", "other": "#ef6c00"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "webhookctl",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


def check_plot(path: str) -> None:
    """Before minutes of simulation. Raises WrongUsage for what could not be written."""
    if Path(path).suffix not in FORMATS:
        raise WrongUsage(f"--plot {path!r} must end in {', '.join(FORMATS)}.")
    if not Path(path).parent.is_dir():
        raise WrongUsage(f"--plot {path!r} is in a directory that is not there.")


def write_plot(simulated: Simulated, path: str) -> None:
    """Draws it. The same simulation gives the same bytes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 7.2), layout="constrained")
        _draw(simulated, figure)
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.endswith(".svg") else None)
        except OSError as error:
            raise WrongUsage(f"Can't write {path}: {(error.strerror or str(error)).lower()}.") from None


def _draw(simulated: Simulated, figure: "Figure") -> None:
    points = merged(simulated.result.samples, _POINTS)
    above = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 2, 3))
    _draw_rates(above[0], merged(simulated.result.samples, _RATE_POINTS))
    _draw_backlog(above[1], simulated, points)
    _draw_in_flight(above[2], simulated, points)
    _draw_concurrency(above[3], simulated, points)
    above[3].set_xlabel("seconds since the first request")
    for axes in above:
        axes.grid(visible=True, color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(bottom=0)
    above[3].set_xlim(points[0].at, points[-1].at)


def _draw_rates(axes: "Axes", points: Sequence[Sample]) -> None:
    step = points[1].at - points[0].at if len(points) > 1 else 1.0
    axes.set_title("requests and events a second")
    _line(axes, points, lambda point: point.arrived / step, "requests", "came")
    if any(point.done for point in points):
        _line(axes, points, lambda point: point.done / step, "done", "done")
    if any(point.refused for point in points):
        _line(axes, points, lambda point: point.refused / step, "answered 429 or 500", "refused")
    _legend(axes)


def _draw_backlog(axes: "Axes", simulated: Simulated, points: Sequence[Sample]) -> None:
    result = simulated.result
    delays = ", ".join(f"{name} {value:,.1f} s" for name, value in result.delays_seconds.items() if value is not None)
    axes.set_title(
        f"webhooks that wait in the queue (delay: {delays})" if delays else "webhooks that wait in the queue"
    )
    axes.fill_between(
        [point.at for point in points],
        [point.waiting for point in points],
        color=_COLOURS["held"],
        alpha=0.25,
        linewidth=0,
    )
    _line(axes, points, lambda point: point.waiting, "", "held")


def _draw_in_flight(axes: "Axes", simulated: Simulated, points: Sequence[Sample]) -> None:
    limit = simulated.scenario.queue.max_in_flight
    axes.set_title(f"messages in flight, of SQS's {limit:,}")
    _line(axes, points, lambda point: point.in_flight, "", "held")
    _limit(axes, limit, simulated.result.peak_in_flight, "")


def _draw_concurrency(axes: "Axes", simulated: Simulated, points: Sequence[Sample]) -> None:
    result, scenario = simulated.result, simulated.scenario
    axes.set_title(f"functions at once, of {scenario.account.concurrency:,}")
    _line(axes, points, lambda point: point.authorizers, "authorizers", "came")
    _line(axes, points, lambda point: point.processors, "processors", "done")
    _limit(axes, scenario.account.concurrency, result.peak_concurrency, "the account's limit")
    _limit(axes, scenario.mapping.max_concurrency, result.peak_processors, "max_concurrency", "other")
    _legend(axes)


def _line(axes: "Axes", points: Sequence[Sample], height: Callable[[Sample], float], name: str, colour: str) -> None:
    axes.plot(
        [point.at for point in points],
        [height(point) for point in points],
        label=name or None,
        color=_COLOURS[colour],
        linewidth=1.2,
    )


def _limit(axes: "Axes", limit: float, peak: float, name: str, colour: str = "refused") -> None:
    """A limit that is far off would make all else flat: the title names it."""
    if peak * 4 >= limit:
        axes.axhline(limit, label=name or None, color=_COLOURS[colour], linewidth=1, linestyle="--")


def _legend(axes: "Axes") -> None:
    axes.legend(
        loc="lower right",
        frameon=False,
        ncols=4,
        bbox_to_anchor=(1, 1),
        borderaxespad=0.2,
        handlelength=1.4,
        fontsize=8,
    )


def merged(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    """At most so many: counts are added up, and of what stood at once the most is kept."""
    size = -(-len(samples) // most)
    return [_merge(samples[first : first + size]) for first in range(0, len(samples), size)]


def _merge(samples: Sequence[Sample]) -> Sample:
    return Sample(
        at=samples[0].at,
        arrived=sum(sample.arrived for sample in samples),
        refused=sum(sample.refused for sample in samples),
        done=sum(sample.done for sample in samples),
        waiting=max(sample.waiting for sample in samples),
        in_flight=max(sample.in_flight for sample in samples),
        authorizers=max(sample.authorizers for sample in samples),
        processors=max(sample.processors for sample in samples),
    )
