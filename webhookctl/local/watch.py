"""The live view of the local stack: a table on a terminal, plain lines elsewhere."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from webhookctl.local.lane import Lane
from webhookctl.local.trouble import Trouble, Troubled, troubles

REFRESHES_PER_SECOND = 2
LINE_SECONDS = 2.0
ALL_LANES = "all lanes"
TROUBLE_STYLE = "red"
MAX_TROUBLES = 5  # told at once: one broken package may be that of all lanes
SHORTENED_FROM = 100_000  # in a narrow table, from here on by the thousand


class Watched(Troubled, Protocol):
    """What the view shows: the local stack."""

    def lanes(self) -> Sequence[Lane]:
        """Every lane as it is now."""

    @property
    def refused_elsewhere(self) -> Mapping[str, int]:
        """Requests that were for no lane, by reason."""

    @property
    def without_postgres(self) -> Mapping[str, str]:
        """The lanes that can't log on to PostgreSQL yet, with the names of their secrets."""


@dataclass(frozen=True)
class Column:
    """A column of counts: its heading, the short one, its value, and the colour of a value that is not zero.

    One `of_effects` is there when a lane has an effect.
    """

    heading: str
    short: str
    attribute: str
    style: str = ""
    of_effects: bool = False


COLUMNS = (
    Column("accepted", "accept", "accepted"),
    Column("refused", "refuse", "refusals", "yellow"),
    Column("waiting", "wait", "waiting", "cyan"),
    Column("in flight", "flight", "in_flight", "cyan"),
    Column("stored", "stored", "stored", "green"),
    Column("done", "done", "done", "green", of_effects=True),
    Column("duplicate", "dup", "duplicate"),
    Column("conflict", "conf", "conflict", "yellow"),
    Column("quarantined", "quar", "quarantines", "yellow"),
    Column("rejected", "rej", "rejected", "yellow", of_effects=True),
    Column("failed", "fail", "failures", "red"),
    Column("dead-lettered", "dead", "dead_lettered", "red"),
)


async def watch(stack: Watched, stop: asyncio.Event, console: Console) -> None:
    """Show what passes through until `stop` is set: a table on a terminal, else a line when something changed."""
    if stack.without_postgres:
        _say_what_is_missing(stack.without_postgres, console)
    if console.is_terminal:
        await _watch_table(stack, stop, console)
    else:
        await _watch_lines(stack, stop, console)


def table(
    lanes: Sequence[Lane], refused_elsewhere: Mapping[str, int], width: int, found: Sequence[Trouble] = ()
) -> RenderableType:
    """The view for a terminal of so many columns. When room is short, names of lanes are cut, and counts are not.

    What stands still is told above the counts: of a view that is higher than the terminal the end is cut off.
    """
    longest = max((len(lane.source) for lane in lanes), default=0)
    shown = _shown(lanes)
    full = _columns(lanes, shown, [column.heading for column in shown], str)
    wide = _width(full) + longest <= width
    columns = full if wide else _columns(lanes, shown, [column.short for column in shown], _short)
    view = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, show_footer=len(lanes) > 1)
    room = max(len(ALL_LANES), min(max(longest, len(ALL_LANES)), width - _width(columns)))
    view.add_column("lane", ALL_LANES, no_wrap=True, overflow="ellipsis", width=room)
    for heading, cells in columns:
        view.add_column(
            heading, cells[-1], justify="right", no_wrap=True, min_width=max(len(heading), *map(len, cells))
        )
    styles = {trouble.lane: TROUBLE_STYLE for trouble in found}
    for row, lane in enumerate(lanes):
        view.add_row(Text(lane.source, style=styles.get(lane.source, "")), *(cells[row] for _, cells in columns))
    return Group(*_lines_of(found), view, *_notes(lanes, refused_elsewhere, wide))


def line(lanes: Sequence[Lane], refused_elsewhere: Mapping[str, int]) -> str:
    """All lanes together in a line; counts that are zero are left out, but for the first and `stored`."""
    parts = []
    for column in _shown(lanes):
        count = _total(lanes, column)
        if column.attribute == "refusals":
            count += sum(refused_elsewhere.values())
        if count or column.attribute in ("accepted", "stored"):
            parts.append(f"{column.heading} {count}")
    return ", ".join(parts)


def _say_what_is_missing(secrets: Mapping[str, str], console: Console) -> None:
    names = ", ".join(sorted(set(secrets.values())))
    for text in (
        f"Waiting for a PostgreSQL login: {', '.join(secrets)} (the secret {names})",
        "Start with --postgres FILE to give one (its form: webhookctl local up --help)",
    ):
        console.print(text, soft_wrap=True, highlight=False, markup=False)


async def _watch_table(stack: Watched, stop: asyncio.Event, console: Console) -> None:
    def view() -> RenderableType:
        return table(stack.lanes(), stack.refused_elsewhere, console.width, troubles(stack, time.time()))

    with Live(view(), console=console, auto_refresh=False) as live:
        stopped = False
        while not stopped:
            stopped = await _stopped(stop, 1 / REFRESHES_PER_SECOND)
            live.update(view(), refresh=True)


async def _watch_lines(stack: Watched, stop: asyncio.Event, console: Console) -> None:
    shown = ""
    known: dict[str, str] = {}
    while True:
        stopped = await _stopped(stop, LINE_SECONDS if shown else 0)
        now = line(stack.lanes(), stack.refused_elsewhere)
        found = {trouble.ended: trouble.for_later for trouble in troubles(stack, time.time())}
        ended = [end for end in known if end not in found]
        begun = [text for end, text in found.items() if known.get(end) != text]
        for text in (*([now] if now != shown else []), *ended, *begun):
            console.print(text, soft_wrap=True, highlight=False, markup=False)
        shown, known = now, found
        if stopped:
            return


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


def _shown(lanes: Iterable[Lane]) -> list[Column]:
    with_effects = any(lane.effect for lane in lanes)
    return [column for column in COLUMNS if with_effects or not column.of_effects]


def _columns(
    lanes: Sequence[Lane], columns: Sequence[Column], headings: Sequence[str], shown: Callable[[int], str]
) -> list[tuple[str, list[Text]]]:
    """For each column its heading and its cells: one per lane, and last the total."""
    return [
        (heading, [*(_cell(lane, column, shown) for lane in lanes), Text(shown(_total(lanes, column)))])
        for heading, column in zip(headings, columns, strict=True)
    ]


def _width(columns: Iterable[tuple[str, list[Text]]]) -> int:
    """What the columns of counts need: a space before each, and the table's two edges."""
    return 2 + sum(1 + max(len(heading), *map(len, cells)) for heading, cells in columns)


def _cell(lane: Lane, column: Column, shown: Callable[[int], str]) -> Text:
    count: int = getattr(lane, column.attribute)
    text = shown(count)
    if column.attribute == "in_flight":
        text = "paused" if lane.paused else f"{count}/{lane.maximum} ({lane.peak})"
    return Text(text, style=column.style if count else "dim")


def _total(lanes: Iterable[Lane], column: Column) -> int:
    return sum(getattr(lane, column.attribute) for lane in lanes)


def _short(count: int) -> str:
    return str(count) if count < SHORTENED_FROM else f"{count // 1000}k"


def _notes(lanes: Sequence[Lane], refused_elsewhere: Mapping[str, int], wide: bool) -> Iterable[RenderableType]:
    reasons = (
        ("refused", [*(lane.refused for lane in lanes)]),
        ("refused, for no lane", [refused_elsewhere]),
        ("quarantined", [*(lane.quarantined for lane in lanes)]),
    )
    for name, counts in reasons:
        if text := _by_reason(counts):
            yield Text(f"{name}: {text}")
    if wide:
        yield Text("in flight: now/maximum (highest seen); failed: attempts", style="dim")
    else:
        yield Text("flight: now/maximum in flight (highest seen); fail: failed attempts", style="dim")
        yield Text("dup: duplicate; conf: conflict; quar: quarantined; dead: dead-lettered", style="dim")
        if any(lane.effect for lane in lanes):
            yield Text("rej: rejected, so that no further attempt is made", style="dim")


def _lines_of(found: Sequence[Trouble]) -> Iterable[RenderableType]:
    for trouble in found[:MAX_TROUBLES]:
        yield Text(trouble.for_now, style=TROUBLE_STYLE)
    if len(found) > MAX_TROUBLES:
        yield Text(f"and {len(found) - MAX_TROUBLES} more stand still", style=TROUBLE_STYLE)


def _by_reason(counts: Iterable[Mapping[str, int]]) -> str:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return ", ".join(f"{reason} {count}" for reason, count in total.most_common())
