"""How events are shown: a line for each in a list, and one with all that is known of it."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processor.circuit import CircuitState
from webhookctl.events import Effect, Entry, Record, Row
from webhookctl.output import (
    byte_count,
    is_terminal,
    iso,
    iso_if_any,
    moment,
    printable,
    styled,
    utc,
    write,
    write_fields,
    write_json,
    write_sentence,
)
from webhookctl.reasons import EFFECT_HINTS, HINTS

if TYPE_CHECKING:
    from rich.console import Console

MAX_SHOWN_BYTES = 16 * 1024
WIDE = 110  # columns of a terminal, from which on there is room for more
_MIN_WIDTH = 8
_HEX_BYTES = 256
_HEX_WIDTH = 16
_TYPE = "type or reason"
_STATUS_STYLES = {
    "stored": "green",
    "conflict": "yellow",
    "quarantined": "red",
    "running": "cyan",
    "waiting": "yellow",
    "done": "green",
    "rejected": "red",
    "exhausted": "red",
}


def show_rows(rows: Iterable[Row]) -> int:
    """For people: a table on a terminal, else a line each with nothing cut off. Returns how many there were."""
    listed = list(rows)
    if listed and is_terminal():
        _show_table(listed)
    elif listed:
        _show_lines(listed)
    return len(listed)


def write_rows(rows: Iterable[Row]) -> None:
    """For programs: a JSON document per line."""
    for row in rows:
        write_json(_row_document(row))


@dataclass(frozen=True, slots=True)
class Attempts:
    """What an event's item does not tell of its attempts: how many there are at most, the lane's circuit while the
    event waits for the next, and the command that resumes the lane.
    """

    most: int | None
    circuit: CircuitState | None
    resume: str


def show_record(record: Record, attempts: Attempts, now: float) -> None:
    """For people: everything about the entry, its body, and those that came later under the same id."""
    entry = record.entry
    row = entry.row
    write(f"{styled(row.id, 'bold')}  {row.source}  {row.status}")
    write_fields(
        [
            ("type", printable(row.event_type)),
            ("sender's id", entry.sender_id),
            ("reason", row.reason),
            ("received at", utc(row.received_at_ms / 1000)),
            ("stored at", f"{utc(entry.stored_at_ms / 1000)} ({entry.stored_at_ms - row.received_at_ms:,} ms later)"),
            *(_effect_fields(row.effect, attempts, now) if row.effect else ()),
            ("key id", entry.key_id),
            ("content type", printable(entry.content_type)),
            ("message id", entry.message_id),
            ("receipt", printable(entry.request_id)),
            ("body", byte_count(row.body_bytes)),
            ("sha256", entry.body_sha256),
        ]
    )
    hint = EFFECT_HINTS.get(row.status) or HINTS.get(row.reason)
    if hint and is_terminal():
        write_sentence(hint)
    _show_conflicts(record)
    if entry.body is not None:
        write()
        _show_body(entry.body)


def write_record(record: Record, max_attempts: int | None) -> None:
    """For programs: one document, bodies in base64."""
    effect = record.entry.row.effect
    write_json(
        _entry_document(record.entry)
        | {"effect": _whole_effect_document(effect, max_attempts) if effect else None}
        | {"conflicts": [_entry_document(conflict) for conflict in record.conflicts]}
    )


def _effect_fields(effect: Effect, attempts: Attempts, now: float) -> list[tuple[str, str]]:
    of_how_many = f" of {attempts.most}" if attempts.most else ""
    return [
        ("attempts", f"{effect.attempts}{of_how_many}"),
        ("last error", printable(effect.last_error)),
        ("next attempt", _next_attempt(effect.next_attempt_at_ms, attempts, now)),
        ("lease until", _moment(effect.lease_until_ms, now)),
        ("result", printable(effect.result)),
        ("ended at", _moment(effect.ended_at_ms, now)),
    ]


def _next_attempt(due_ms: int | None, attempts: Attempts, now: float) -> str:
    """When it is due, or what holds it up: an attempt that is due is not made while the circuit is not closed."""
    if due_ms is None:
        return ""
    circuit = attempts.circuit or CircuitState()
    if circuit.state == "paused":
        return f"none before {attempts.resume}: the lane is paused"
    if circuit.state == "open" and circuit.until_ms > max(due_ms, now * 1000):
        return f"not before {moment(circuit.until_ms, now)}: circuit open"
    if due_ms / 1000 > now:
        return moment(due_ms, now)
    return f"due since {moment(due_ms, now)}{': circuit open' if circuit.state == 'open' else ''}"


def _moment(at_ms: int | None, now: float) -> str:
    return "" if at_ms is None else moment(at_ms, now)


def _show_table(rows: list[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    wide = console.width >= WIDE
    if not wide and _one_line_width(rows) > console.width:
        _show_in_two_lines(rows, console)
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for heading in ("received (UTC)", "source", "outcome"):
        table.add_column(heading, no_wrap=True)
    table.add_column("id", overflow="fold")
    table.add_column(_TYPE if wide else "type", overflow="fold")
    if wide:
        table.add_column("bytes", justify="right", no_wrap=True)
    for row in rows:
        cells = [
            Text(_received(row, with_year=wide)),
            Text(row.source),
            Text(row.status, style=_STATUS_STYLES.get(row.status, "")),
            Text(row.id),
            Text(_type(row)),
        ]
        table.add_row(*cells, *([Text(f"{row.body_bytes:,}")] if wide else []))
    console.print(table)


def _one_line_width(rows: list[Row]) -> int:
    """What the widest cells of the five columns need, and a space between each two."""
    cells = [(row.source, row.status, row.id, _type(row)) for row in rows]
    headings = ("source", "outcome", "id", "type")
    return len("01-31 08:00:00") + sum(1 + max(map(len, column)) for column in zip(headings, *cells, strict=True))


def _show_in_two_lines(rows: list[Row], console: "Console") -> None:
    """The id on a line of its own, so that it can be copied."""
    from rich.padding import Padding
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    status_width = max(len("outcome"), *(len(row.status) for row in rows))
    source_width = max(len("source"), *(len(row.source) for row in rows))
    room = console.width - len("01-31 08:00:00") - status_width - len(_TYPE) - 3

    def print_line(received: str, source: str, status: Text, type_: str) -> None:
        line = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
        line.add_column(no_wrap=True)
        line.add_column(width=max(min(source_width, room), _MIN_WIDTH), overflow="fold")
        line.add_column(width=status_width, no_wrap=True)
        line.add_column(overflow="fold")
        line.add_row(Text(received), Text(source), status, Text(type_))
        console.print(line)

    print_line("received (UTC)", "source", Text("outcome"), _TYPE)
    console.print(Text("  id"))
    console.print(Rule(style="", characters="─"))
    for row in rows:
        style = _STATUS_STYLES.get(row.status, "")
        print_line(_received(row, with_year=False), row.source, Text(row.status, style=style), _type(row))
        console.print(Padding(Text(row.id, overflow="fold"), (0, 0, 0, 2)))


def _received(row: Row, *, with_year: bool) -> str:
    return utc(row.received_at_ms / 1000).removesuffix(" UTC")[0 if with_year else len("2026-") :]


def _type(row: Row) -> str:
    return printable(row.reason or row.event_type)


def _show_lines(rows: list[Row]) -> None:
    cells = [
        (
            iso(row.received_at_ms / 1000),
            row.source,
            row.status,
            row.id,
            printable(row.reason or row.event_type) or "-",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    for row, line in zip(rows, cells, strict=True):
        fields = [f"{cell:<{width}}" for cell, width in zip(line, widths, strict=False)]
        write("  ".join([*fields, line[4], str(row.body_bytes)]))


def _show_conflicts(record: Record) -> None:
    for conflict in record.conflicts:
        when = utc(conflict.row.received_at_ms / 1000)
        size = byte_count(conflict.row.body_bytes)
        write(f"  {styled('conflict', 'bad')}: the same id with another body, {size}, at {when}")
        write(f"    sha256 {conflict.body_sha256}")


def _show_body(body: bytes) -> None:
    text = _readable(body)
    if text is None:
        _show_hex(body)
    elif len(body) <= MAX_SHOWN_BYTES:
        write(text, end="" if text.endswith("\n") else "\n")
    else:
        write(text[:MAX_SHOWN_BYTES])
        write(styled(f"… and more: {byte_count(len(body))} in all. --body-to FILE writes them.", "dim"))


def _readable(body: bytes) -> str | None:
    """The body as text if it is UTF-8 with nothing in it that a terminal would act upon."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(char.isprintable() or char in "\n\r\t" for char in text) else None


def _show_hex(body: bytes) -> None:
    for start in range(0, min(len(body), _HEX_BYTES), _HEX_WIDTH):
        chunk = body[start : min(start + _HEX_WIDTH, _HEX_BYTES)]
        digits = chunk.hex(" ", -8).replace(" ", "  ")
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in chunk)
        write(f"{start:08x}  {digits:<34}  {text}")
    if len(body) > _HEX_BYTES:
        write(styled(f"… and more: {byte_count(len(body))} in all. --body-to FILE writes them.", "dim"))


def _row_document(row: Row) -> dict[str, Any]:
    quarantined = row.outcome == "quarantined"
    return {
        "received_at": iso(row.received_at_ms / 1000),
        "source": row.source,
        "outcome": row.outcome,
        "event_id": None if quarantined else row.id,
        "message_id": row.id if quarantined else None,
        "event_type": row.event_type or None,
        "reason": row.reason or None,
        "body_bytes": row.body_bytes,
        "effect": _effect_document(row.effect) if row.effect else None,
    }


def _effect_document(effect: Effect) -> dict[str, Any]:
    return {
        "state": effect.state,
        "attempts": effect.attempts,
        "last_error": effect.last_error or None,
        "next_attempt_at": iso_if_any(effect.next_attempt_at_ms),
    }


def _whole_effect_document(effect: Effect, max_attempts: int | None) -> dict[str, Any]:
    """With what the index does not have."""
    return _effect_document(effect) | {
        "max_attempts": max_attempts,
        "lease_until": iso_if_any(effect.lease_until_ms),
        "result": effect.result or None,
        "ended_at": iso_if_any(effect.ended_at_ms),
    }


def _entry_document(entry: Entry) -> dict[str, Any]:
    return _row_document(entry.row) | {
        "message_id": entry.message_id,
        "stored_at": iso(entry.stored_at_ms / 1000),
        "sender_id": entry.sender_id or None,
        "key_id": entry.key_id or None,
        "content_type": entry.content_type or None,
        "request_id": entry.request_id or None,
        "body_sha256": entry.body_sha256,
        "body_base64": None if entry.body is None else base64.b64encode(entry.body).decode("ascii"),
    }
