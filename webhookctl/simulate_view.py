"""How a simulation is shown: a table with the course of each thing, delays, the bill, and the limits that were met."""

import math
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from webhookctl.output import duration, is_terminal, styled, write, write_fields, write_json, write_sentence
from webhookctl.simulated import Simulated
from webhookctl.simulation.finding import Effect, Finding
from webhookctl.simulation.result import Result
from webhookctl.simulation.timeline import Sample

_LEVELS = " ▁▂▃▄▅▆▇█"
_SPARKS = 24
_INDENT = 11  # of what follows a name in write_fields
_STYLES = {Effect.DELAYS: "bold", Effect.REFUSES: "bad", Effect.LOSES: "bad"}


@contextmanager
def shown_progress(total: int) -> Iterator[Callable[[float, int], None]]:
    """Shows, on a terminal, how far a long simulation is; on standard error, so that output can be piped."""
    if not is_terminal(sys.stderr):
        yield lambda _at, _finished: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[at]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total, at="")

        def on_progress(at: float, finished: int) -> None:
            progress.update(task, completed=min(finished, total), at=f"at {_seconds(at)}")

        yield on_progress


def show_simulated(simulated: Simulated) -> None:
    """For people."""
    result = simulated.result
    write_sentence(_headline(result))
    write()
    _show_table(_rows(simulated), result.samples)
    write()
    write_fields(
        [
            ("delay", _delays(result)),
            ("drained", _drained(result)),
            ("batches", _batches(result)),
            ("started", f"{result.cold_starts:,} environments of both functions"),
            ("bill", _bill(simulated.bill)),
        ]
    )
    write()
    _show_findings(simulated.findings)


def write_simulated(simulated: Simulated) -> None:
    """For programs: one document, with the course of everything."""
    result, scenario = simulated.result, simulated.scenario
    counts = ("requests", "accepted", "throttled", "failed", "done", "dead_lettered", "expired", "left")
    peaks = (
        "waiting",
        "in_flight",
        "authorizers",
        "processors",
        "concurrency",
        "requests_per_second",
        "done_per_second",
    )
    write_json(
        {
            "seed": simulated.seed,
            "cohort": result.cohort,
            "counts": {name: getattr(result, name) for name in counts},
            "delay_seconds": {name: _rounded(value) for name, value in result.delays_seconds.items()},
            "drain_seconds": _rounded(result.drain_seconds),
            "peak": {name: getattr(result, f"peak_{name}") for name in peaks},
            "limit": {
                "requests_per_second": min(scenario.route.rate_per_second, scenario.account.throttle.rate_per_second),
                "in_flight": scenario.queue.max_in_flight,
                "processors": scenario.mapping.max_concurrency,
                "concurrency": scenario.account.concurrency,
            },
            "invocations": result.invocations,
            "mean_batch": _rounded(result.mean_batch),
            "cold_starts": result.cold_starts,
            "limits_met": [asdict(found) | {"effect": found.effect.name.lower()} for found in simulated.findings],
            "usd_per_million": {service: _rounded(usd) for service, usd in simulated.bill.items()},
            "timeline": [
                {name: _rounded(value) for name, value in asdict(sample).items()} for sample in result.samples
            ],
        }
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """`course` is how it went over time, `limit` what it may not exceed."""

    name: str
    peak: int
    limit: int | None
    of: str
    course: Callable[[Sample], float]


def _rows(simulated: Simulated) -> Sequence[_Row]:
    result, scenario = simulated.result, simulated.scenario
    rate = min(scenario.route.rate_per_second, scenario.account.throttle.rate_per_second)
    whose = "route" if scenario.route.rate_per_second <= rate else "account"
    return (
        _Row("requests/s", result.peak_requests_per_second, int(rate), whose, lambda sample: sample.arrived),
        _Row("waiting", result.peak_waiting, None, "no limit", lambda sample: sample.waiting),
        _Row("in flight", result.peak_in_flight, scenario.queue.max_in_flight, "SQS", lambda sample: sample.in_flight),
        _Row(
            "processors",
            result.peak_processors,
            scenario.mapping.max_concurrency,
            "max_concurrency",
            lambda sample: sample.processors,
        ),
        _Row("authorizers", result.peak_authorizers, None, "", lambda sample: sample.authorizers),
        _Row(
            "both functions",
            result.peak_concurrency,
            scenario.account.concurrency,
            "account",
            lambda sample: sample.processors + sample.authorizers,
        ),
    )


def _show_table(rows: Sequence[_Row], samples: Sequence[Sample]) -> None:
    headings = ("", "at most", "of", f"over {_seconds(samples[-1].at)}")
    cells = [(row.name, f"{row.peak:,}", _limit(row), sparkline(samples, row.course)) for row in rows]
    if is_terminal():
        _show_rich(headings, cells, rows)
    else:
        _show_lines([headings, *cells])


def _show_rich(headings: Sequence[str], cells: Sequence[Sequence[str]], rows: Sequence[_Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number == 1 else "left", no_wrap=True)
    for row, (name, peak, limit, course) in zip(rows, cells, strict=True):
        style = "red" if row.limit is not None and row.peak >= row.limit else ""
        table.add_row(Text(name), Text(peak, style=style), Text(limit), Text(course, style="cyan"))
    Console(highlight=False).print(table)


def _show_lines(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for name, peak, limit, course in lines:
        write(f"{name:<{widths[0]}}  {peak:>{widths[1]}}  {limit:<{widths[2]}}  {course}".rstrip())


def sparkline(samples: Sequence[Sample], course: Callable[[Sample], float], width: int = _SPARKS) -> str:
    """The course of one thing in so many characters, each as high as the most within its part of the time."""
    width = min(width, len(samples))
    parts = [samples[len(samples) * part // width : len(samples) * (part + 1) // width] for part in range(width)]
    heights = [max(course(sample) for sample in part) for part in parts]
    most = max(heights)
    top = len(_LEVELS) - 1
    return "".join(_LEVELS[math.ceil(height * top / most) if most else 0] for height in heights)


def _limit(row: _Row) -> str:
    return row.of if row.limit is None else f"{row.limit:,} {row.of}"


def _headline(result: Result) -> str:
    answers = [f"{result.accepted:,} accepted"]
    answers += [f"{result.throttled:,} answered 429"] if result.throttled else []
    answers += [f"{result.failed:,} answered 500"] if result.failed else []
    text = f"{result.requests:,} request{'s' if result.requests > 1 else ''} in {_seconds(result.busy_seconds)}"
    about = f" Simulated {result.cohort} at a time." if result.cohort > 1 else ""
    return f"{styled(text, 'bold')}: {', '.join(answers)}.{about}"


def _delays(result: Result) -> str:
    return "  ".join(f"{name} {_seconds(value)}" for name, value in result.delays_seconds.items() if value is not None)


def _drained(result: Result) -> str:
    ends = [f"{result.done:,} done"]
    ends += [styled(f"{result.dead_lettered:,} dead-lettered", "bad")] if result.dead_lettered else []
    ends += [styled(f"{result.expired:,} lost", "bad")] if result.expired else []
    after = max(0.0, result.drain_seconds - result.busy_seconds)
    return f"{', '.join(ends)} at {_seconds(result.drain_seconds)}, {_seconds(after)} after the last request"


def _batches(result: Result) -> str:
    if not result.invocations:
        return ""
    each = _seconds(result.invocation_seconds / result.invocations)
    return f"{result.invocations:,} of {result.mean_batch:.1f} webhooks, {each} each"


def _bill(bill: Mapping[str, float]) -> str:
    """The sum, and on further lines, as wide as the terminal, what it is made of."""
    if not bill:
        return ""
    parts = ", ".join(f"{service} {usd:.2f}".replace(" ", "\xa0") for service, usd in bill.items())
    width = shutil.get_terminal_size().columns - _INDENT if is_terminal() else 100
    lines = [f"${sum(bill.values()):,.2f} per million accepted:", *textwrap.wrap(parts, max(40, width))]
    return f"\n{' ' * _INDENT}".join(lines).replace("\xa0", " ")


def _show_findings(findings: Sequence[Finding]) -> None:
    if not findings:
        write_sentence(styled("No limit was met.", "good"))
        return
    write(
        styled(f"The first of {len(findings)} limits that are met:" if len(findings) > 1 else "A limit is met:", "bold")
    )
    for number, found in enumerate(findings):
        if number:
            write(styled("\nThen:", "bold") if number == 1 else "")
        write_sentence(f"{styled(found.limit, _STYLES[found.effect])} at {_seconds(found.at)}. {found.what}")
        write_sentence(f"What to change: {found.change}")


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.2f} s"
    return f"{value:.1f} s" if value < 120 else duration(value)


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
