"""What stands still in the local stack, and why: lanes whose circuit is not closed, functions that do not start."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from processor.circuit import CircuitState
from webhookctl.local.function_error import FunctionError
from webhookctl.output import duration, printable, utc

# Of a fault's message, what has names of code alone: anything else might quote a secret.
_NAMES = re.compile(r"No module named '[\w.]+'|cannot import name '\w+'|Handler '\w+' missing on module '[\w./]+'")


class Troubled(Protocol):
    """What has troubles: the local stack."""

    @property
    def log_dir(self) -> Path:
        """The folder of the functions' logs."""

    def circuits(self) -> Mapping[str, CircuitState]:
        """The circuits that are not closed, by lane."""

    @property
    def start_faults(self) -> Mapping[str, FunctionError]:
        """The functions that do not start, and what the last start ended with."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A lane or a function that stands still: a sentence for now, one with times that stay true, and one for its end.

    `lane` is empty for a function.
    """

    for_now: str
    for_later: str
    ended: str
    lane: str = ""


def troubles(stack: Troubled, now: float) -> Sequence[Trouble]:
    """Functions first: a lane whose function does not start needs that mended before its circuit matters."""
    faults, circuits = sorted(stack.start_faults.items()), sorted(stack.circuits().items())
    return [
        *(_of_function(name, fault, stack.log_dir) for name, fault in faults),
        *(_of_circuit(lane, circuit, now) for lane, circuit in circuits),
    ]


def _of_function(name: str, fault: FunctionError, log_dir: Path) -> Trouble:
    names = _NAMES.search(fault.error_message)
    why = f"{printable(fault.error_type)}{f' ({names[0]})' if names else ''}"
    text = f"{name} does not start: {why}, see {log_dir / f'{name}.log'}"
    return Trouble(text, text, f"{name} starts again")


def _of_circuit(lane: str, circuit: CircuitState, now: float) -> Trouble:
    opened = circuit.opened_at_ms / 1000
    name = "paused" if circuit.state == "paused" else f"circuit {circuit.state}"
    why = f": {printable(circuit.error)}" if circuit.error else ""
    for_now, for_later = _next_attempt(lane, circuit, now)
    return Trouble(
        f"{lane}: {name} for {duration(max(0, now - opened))}, {for_now}{why}",
        f"{lane}: {name} since {utc(opened)}, {for_later}{why}",
        f"{lane}: circuit closed",
        lane,
    )


def _next_attempt(lane: str, circuit: CircuitState, now: float) -> tuple[str, str]:
    if circuit.state == "paused":
        resumed = f"until webhookctl resume {lane}"
        return resumed, resumed
    until = circuit.until_ms / 1000
    for_now = f"in {duration(until - now)}" if until > now else "with the first event to be due"
    return f"next attempt {for_now}", f"next attempt from {utc(until)} on"
