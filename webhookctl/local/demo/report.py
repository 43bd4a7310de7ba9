"""The demonstration's account, as tables for people."""

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from webhookctl.local.demo.audit import Row
from webhookctl.local.demo.run import Demonstration

MAX_PROBLEMS = 20


def show(seen: Demonstration, console: Console) -> None:
    """What was sent and where each ended, the lanes' peaks, and whether all promises were kept."""
    console.print(_endings(seen))
    console.print(_peaks(seen))
    rate = seen.accepted / seen.sent_seconds
    console.print(
        f"{seen.accepted:,} accepted in {seen.sent_seconds:.1f} s ({rate:,.0f} a second), "
        f"all lanes idle after {seen.drained_seconds:.1f} s."
    )
    if seen.audit.throttled:
        console.print(
            f"{seen.audit.throttled:,} times a route's throttle answered 429, and the request was sent again."
        )
    problems = seen.problems
    for problem in problems[:MAX_PROBLEMS]:
        console.print(f"[red]broken:[/red] {problem}", highlight=False, soft_wrap=not console.is_terminal)
    if len(problems) > MAX_PROBLEMS:
        console.print(f"[red]and {len(problems) - MAX_PROBLEMS} more[/red]")
    if not problems:
        console.print(
            "[green]kept:[/green] every accepted webhook was found, byte for byte; one effect per event; "
            "no forgery was stored; no maximum was exceeded.",
            highlight=False,
            soft_wrap=not console.is_terminal,
        )


def _table(title: str, *, show_footer: bool = False) -> Table:
    return Table(box=SIMPLE, title=title, title_justify="left", show_footer=show_footer, padding=(0, 1, 0, 0))


def _endings(seen: Demonstration) -> Table:
    table = _table("What was sent, and where it ended", show_footer=True)
    rows = [(kind, row) for kind, row in seen.audit.rows.items() if row.sent]
    total = Row()
    for _, row in rows:
        _add(total, row)
    cells = zip(("all", *_cells(total)), HEADINGS, strict=True)
    for footer, heading in cells:
        table.add_column(heading, footer, justify="left" if heading in LEFT else "right", no_wrap=heading != "refused")
    for kind, row in rows:
        table.add_row(kind.value, *_cells(row))
    return table


HEADINGS = ("", "sent", "refused", "stored", "dupl.", "confl.", "quar.", "missing")
LEFT = ("", "refused")


def _cells(row: Row) -> tuple[str, ...]:
    refused = ", ".join(f"{count}x{status}" for status, count in sorted(row.refused.items()))
    counts = (row.stored, row.duplicate, row.conflict, row.quarantined, row.missing)
    return (str(row.sent), refused, *(str(count or "") for count in counts))


def _add(total: Row, row: Row) -> None:
    total.sent += row.sent
    total.refused += row.refused
    total.stored += row.stored
    total.duplicate += row.duplicate
    total.conflict += row.conflict
    total.quarantined += row.quarantined
    total.missing += row.missing


def _peaks(seen: Demonstration) -> Table:
    table = _table("Processors at once")
    for heading in ("lane", "highest seen", "maximum"):
        table.add_column(heading, justify="left" if heading == "lane" else "right")
    for lane in seen.lanes:
        if lane.accepted:
            table.add_row(lane.source, str(lane.peak), str(lane.maximum))
    return table
