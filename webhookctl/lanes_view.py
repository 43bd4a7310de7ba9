"""How lanes are shown: a line for each, and what to know of those that are not at work."""

from collections.abc import Sequence
from typing import Any

from processor.circuit import MAX_COOLDOWN_SECONDS, CircuitState
from webhookctl.environment import Environment, Source
from webhookctl.lanes import CLOSED, Lane
from webhookctl.output import (
    duration,
    is_terminal,
    iso_if_any,
    moment,
    printable,
    styled,
    write,
    write_json,
    write_sentence,
)

_HEADINGS = ("source", "effect", "waiting", "in flight", "dead-lettered", "circuit")
_STYLES = {"closed": "green", "open": "yellow", "paused": "red"}


def show_lanes(lanes: Sequence[Lane], environment: Environment, now: float) -> None:
    """For people: a table on a terminal, else aligned lines; then why a lane stands still, and what to do about it."""
    if is_terminal():
        _show_table(lanes)
    else:
        _show_lines(lanes)
    standing = [lane for lane in lanes if lane.circuit and lane.circuit.state != CLOSED.state]
    for lane in standing:
        write()
        write_sentence(_standing(lane, environment, now))


def write_lanes(lanes: Sequence[Lane]) -> None:
    """For programs: one document."""
    write_json({"lanes": [_document(lane) for lane in lanes]})


def show_resumed(source: Source, found: CircuitState, now: float) -> None:
    """For people: what the circuit was, and what follows."""
    if found.state == CLOSED.state:
        write_sentence(f"{source.name} is neither paused nor open: there is nothing to resume.")
        return
    longest = duration(MAX_COOLDOWN_SECONDS)
    write_sentence(
        f"{source.name} was {_since(found, now)}. It is {styled('resumed', 'good')}: what it put off is attempted when "
        f"the queue gives it back, within {longest}."
    )


def write_resumed(source: Source, found: CircuitState) -> None:
    """For programs: one document."""
    write_json({"source": source.name, "resumed": found.state != CLOSED.state, "found": _circuit_document(found)})


def _show_table(lanes: Sequence[Lane]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for heading in _HEADINGS:
        is_count = heading in _HEADINGS[2:5]
        table.add_column(heading, justify="right" if is_count else "left", no_wrap=heading != "source", overflow="fold")
    for lane in lanes:
        source, effect, waiting, in_flight, dead, circuit = _cells(lane)
        table.add_row(
            Text(source),
            Text(effect),
            Text(waiting),
            Text(in_flight),
            Text(dead, style="red" if lane.dead_letter_queue.total else ""),
            Text(circuit, style=_STYLES.get(circuit, "")),
        )
    Console(highlight=False).print(table)


def _show_lines(lanes: Sequence[Lane]) -> None:
    rows = [_HEADINGS, *map(_cells, lanes)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        *cells, last = row
        write("  ".join([*(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)), last]))


def _cells(lane: Lane) -> tuple[str, str, str, str, str, str]:
    counts = lane.queue.waiting, lane.queue.in_flight, lane.dead_letter_queue.total
    waiting, in_flight, dead_lettered = (f"{count:,}" for count in counts)
    return lane.source.name, lane.effect, waiting, in_flight, dead_lettered, lane.circuit.state if lane.circuit else "-"


def _standing(lane: Lane, environment: Environment, now: float) -> str:
    circuit = lane.circuit or CLOSED
    text = f"{styled(lane.source.name, 'bold')} is {_since(circuit, now)}."
    if circuit.state == "open":
        until = "" if circuit.until_ms / 1000 <= now else f" from {moment(circuit.until_ms, now)} on"
        return f"{text} The first event to be due{until} is attempted, to find out whether that lasts."
    option = "" if environment.is_local else f" --env {environment.label}"
    return f"{text} Nothing is attempted until: webhookctl resume {lane.source.name}{option}"


def _since(circuit: CircuitState, now: float) -> str:
    error = f": {printable(circuit.error).rstrip('.')}" if circuit.error else ""
    return f"{styled(circuit.state, 'bad')} since {moment(circuit.opened_at_ms, now)}{error}"


def _document(lane: Lane) -> dict[str, Any]:
    return {
        "source": lane.source.name,
        "effect": lane.source.effect,
        "attempts": lane.source.attempts,
        "waiting": lane.queue.waiting,
        "in_flight": lane.queue.in_flight,
        "dead_lettered": lane.dead_letter_queue.total,
        "circuit": _circuit_document(lane.circuit) if lane.circuit else None,
    }


def _circuit_document(circuit: CircuitState) -> dict[str, Any]:
    return {
        "state": circuit.state,
        "opened_at": iso_if_any(circuit.opened_at_ms),
        "next_probe_at": iso_if_any(circuit.until_ms),
        "error": circuit.error or None,
    }
