"""How a burst is shown while it is sent and when it has ended."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from webhookctl.environment import NOT_RUNNING, Environment, Source
from webhookctl.output import is_terminal, styled, write, write_error, write_fields, write_json
from webhookctl.reasons import HINTS
from webhookctl.sending import Answer, Sent

_SHOWN_RECEIPTS = 3
_PERCENTILES = (50, 90, 99)


@contextmanager
def shown_progress(count: int) -> Iterator[Callable[[Answer], None]]:
    """Shows, on a terminal, how many of several answers have come; on standard error, so that output can be piped."""
    if count == 1 or not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[refused]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=count, refused="")
        refused = 0

        def on_answer(answer: Answer) -> None:
            nonlocal refused
            refused += not answer.is_accepted
            progress.update(task, advance=1, refused=f"{refused:,} not accepted" if refused else "")

        yield on_answer


def show_sent(sent: Sent, source: Source, count: int, environment: Environment) -> None:
    """For people: how many of each answer, receipts, latencies, and what usually causes what was refused."""
    total = f"{len(sent.answers):,}" if len(sent.answers) == count else f"{len(sent.answers):,} of {count:,}"
    rate = f" ({len(sent.answers) / sent.seconds:,.0f}/s)" if len(sent.answers) > 1 and sent.seconds else ""
    write(f"{'Interrupted: s' if sent.interrupted else 'S'}ent {total} to {source.url} in {sent.seconds:.1f} s{rate}")
    for kind, number in sent.kinds:
        status = "none" if kind.status is None else str(kind.status)
        good = kind.status is not None and kind.status < 300
        write(f"{number:>9,} x {styled(status, 'good' if good else 'bad')} {kind.what}")
    write_fields([("receipts", _receipts(sent.receipt_ids)), ("latency", _latencies(sent))])
    for hint in _hints(sent, environment):
        write_error(hint)


def write_sent(sent: Sent, source: Source, count: int) -> None:
    """For programs: one document, with every receipt id."""
    latency_ms = {f"p{percent}": _rounded(sent.latency_ms(percent)) for percent in _PERCENTILES}
    write_json(
        {
            "source": source.name,
            "url": source.url,
            "count": count,
            "answered": sum(answer.status is not None for answer in sent.answers),
            "accepted": sent.accepted,
            "interrupted": sent.interrupted,
            "answers": [{"status": kind.status, "what": kind.what, "count": number} for kind, number in sent.kinds],
            "receipt_ids": sent.receipt_ids,
            "latency_ms": latency_ms | {"max": _rounded(sent.latency_ms(100))},
            "seconds": round(sent.seconds, 3),
        }
    )


def _receipts(ids: list[str]) -> str:
    more = f" and {len(ids) - _SHOWN_RECEIPTS:,} more" if len(ids) > _SHOWN_RECEIPTS else ""
    return "\n            ".join(ids[:_SHOWN_RECEIPTS]) + more


def _latencies(sent: Sent) -> str:
    longest = sent.latency_ms(100)
    if longest is None:
        return ""
    if len(sent.answers) == 1:
        return f"{longest:.0f} ms"
    return (
        "  ".join(f"p{percent} {sent.latency_ms(percent):.0f} ms" for percent in _PERCENTILES)
        + f"  max {longest:.0f} ms"
    )


def _hints(sent: Sent, environment: Environment) -> Iterator[str]:
    for kind, _ in sent.kinds:
        if kind.what in HINTS:
            yield f"{kind.what}: {HINTS[kind.what]}"
        elif kind.status is None and environment.is_local:
            yield f"Does the local stack still run? {NOT_RUNNING.partition('. ')[2]}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
