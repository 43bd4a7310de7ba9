"""A lane's circuit breaker: while the backend keeps failing, one attempt at a time finds out whether it still does.

    closed ── FAILURES_TO_OPEN in a row ──▶ open ── when due, one prober ──▶ closed, or open for twice as long
       ▲
       └────── somebody resumes it ────── paused ◀── the backend said that it wants no more

The state is one item of the table, which all execution environments of the lane share; each looks at it again when what
it knows is older than MAX_AGE_SECONDS. Failures in a row are counted by each for itself: a write for each would cost
more than a few attempts too many.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from processor.fault import describe_fault

logger = logging.getLogger(__name__)

FAILURES_TO_OPEN = 10
"""In a row, in one execution environment. A backend that fails every other call is slow, not down: it gets there once
in a thousand calls."""

FIRST_COOLDOWN_SECONDS = 10
MAX_COOLDOWN_SECONDS = 900
"""Nor is a message held for longer at a time, so that a lane is at work a quarter of an hour after it was resumed."""

MAX_AGE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class CircuitState:
    """The circuit's item. `until_ms` is when an open circuit lets the next prober through."""

    state: str = "closed"
    until_ms: int = 0
    opened_at_ms: int = 0
    cooldown_seconds: int = 0
    error: str = ""


class CircuitStore(Protocol):
    """Where the state is kept."""

    def read_circuit(self, source: str) -> CircuitState:
        """The state as it is now; closed when there is none."""

    def change_circuit(self, source: str, seen: CircuitState, state: CircuitState) -> bool:
        """Keep another state, unless it is no longer the one that was seen. Whether it was kept."""


class Circuit:
    """One execution environment's view of its lane's circuit. None of its methods raises."""

    def __init__(self, store: CircuitStore, source: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._seen = CircuitState()
        self._read_at: float | None = None
        self._failures = 0
        self._probe_at = 0.0

    @property
    def is_closed(self) -> bool:
        """As far as is known here."""
        return self._seen.state == "closed"

    def hold_seconds(self) -> float | None:
        """How long no attempt may be made; None when one may, or when it is time to probe."""
        now = self._clock()
        self._look(now)
        if self._seen.state == "paused":
            return MAX_COOLDOWN_SECONDS
        if self._seen.state == "open" and now * 1000 < self._seen.until_ms:
            return self._seen.until_ms / 1000 - now
        return None

    def admits(self, probe_seconds: float) -> bool:
        """Whether this very attempt may be made now. To be asked right before it, since of an open circuit that is due
        one caller alone becomes the prober, and has `probe_seconds` before there is another.
        """
        if self.hold_seconds() is not None:
            return False
        if self.is_closed:
            return True
        self._probe_at = self._clock()
        wait_seconds = max(probe_seconds, self._seen.cooldown_seconds)
        return self._change(_open(self._seen, self._probe_at, wait_seconds, self._seen.cooldown_seconds))

    def succeeded(self) -> None:
        """The backend did what it was asked."""
        self._failures = 0
        if self._seen.state == "open" and self._change(CircuitState()):
            logger.warning("circuit closed", extra={"source": self._source})

    def failed(self, error: str) -> None:
        """An attempt failed."""
        now = self._clock()
        self._failures += 1
        if self._seen.state == "open":
            # From the probe's beginning: what was hidden until the next would else come back a moment too early.
            longer = min(2 * self._seen.cooldown_seconds, MAX_COOLDOWN_SECONDS)
            left = max(self._probe_at + longer - now, MAX_AGE_SECONDS)
            self._change(_open(self._seen, now, left, longer, error))
        elif self._failures >= FAILURES_TO_OPEN and self._seen.state == "closed":
            opened = CircuitState("open", opened_at_ms=int(now * 1000))
            if self._change(_open(opened, now, FIRST_COOLDOWN_SECONDS, FIRST_COOLDOWN_SECONDS, error)):
                logger.error("circuit opened", extra={"source": self._source, "error": error})

    def unused(self) -> None:
        """The attempt has said nothing of the backend: if it was a probe, another may be made at once."""
        if self._seen.state == "open":
            self._change(_open(self._seen, self._clock(), 0, self._seen.cooldown_seconds))

    def pause(self, reason: str) -> None:
        """The backend wants no more attempts: none is made until somebody closes the circuit."""
        self._look(self._clock(), max_age_seconds=0)
        now_ms = int(self._clock() * 1000)
        if self._change(CircuitState("paused", 0, now_ms, 0, reason)):
            logger.error("lane paused", extra={"source": self._source, "error": reason})

    def _look(self, now: float, max_age_seconds: float = MAX_AGE_SECONDS) -> None:
        if self._read_at is not None and now - self._read_at < max_age_seconds:
            return
        self._read_at = now
        try:
            state = self._store.read_circuit(self._source)
        except Exception as error:  # noqa: BLE001 - without it the lane works on, as if there were no breaker
            logger.error("circuit not read", extra={"source": self._source} | describe_fault(error))  # noqa: TRY400
            return
        if state.state == "closed" and self._seen.state != "closed":
            self._failures = 0
        self._seen = state

    def _change(self, state: CircuitState) -> bool:
        try:
            changed = self._store.change_circuit(self._source, self._seen, state)
        except Exception as error:  # noqa: BLE001 - whatever it is, the event's outcome must be kept
            logger.error("circuit not kept", extra={"source": self._source} | describe_fault(error))  # noqa: TRY400
            return False
        if changed:
            self._seen, self._failures = state, 0
        else:
            self._read_at = None
        return changed


def _open(state: CircuitState, now: float, wait_seconds: float, cooldown_seconds: int, error: str = "") -> CircuitState:
    return CircuitState(
        "open", int((now + wait_seconds) * 1000), state.opened_at_ms, cooldown_seconds, error or state.error
    )
