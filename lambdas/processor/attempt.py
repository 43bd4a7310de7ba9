"""One attempt at an event's effect: lease, effect, outcome. After a crash at any point the message comes back."""

import logging
import math
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal, NamedTuple

from processor.circuit import MAX_COOLDOWN_SECONDS, Circuit
from processor.event import Event, Outcome
from processor.fault import describe_fault
from processor.handling import AttemptFailed, EventLogger, Handle, HandlerEvent, PauseLane, Reject, Retry
from processor.lease import Busy, State
from processor.queue import LaneQueue, Record
from processor.schedule import Schedule
from processor.store import EventStore, Lease, LeaseLost

handler_logger = logging.getLogger("handler")

RESERVED_MS = 8_000
"""What an effect leaves of the function's time: a write that keeps its outcome and a call to the queue, each of which
may take 4 s to fail."""

CLOCK_SKEW_MS = 2_000
"""A lease outlives its function by so much: execution environments have clocks of their own."""

NOT_ADMITTED_SECONDS = 10
"""Until a message is looked at again for which it was time to probe, when another became the prober."""

# The system's: environments that are restored from one snapshot have one state of Python's own.
_chance = random.SystemRandom()

MAX_TEXT = 255
MAX_DELAY_SECONDS = 43_200


@dataclass(frozen=True, slots=True)
class Effect:
    """What a lane has that acts: the effect itself, when to try again, the breaker, and the queue."""

    handle: Handle
    schedule: Schedule
    circuit: Circuit
    queue: LaneQueue


class Attempted(NamedTuple):
    """What became of an event in a lane with an effect. `number` is 0 where no attempt was made."""

    outcome: Outcome
    number: int = 0
    duration_ms: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Failed:
    """`wait_seconds` takes the place of the schedule's delay; `at_least_seconds` only where that is longer."""

    error: str
    backend: Literal["failing", "gone", "unknown"]
    wait_seconds: float | None = None
    at_least_seconds: float = 0
    counts: bool = True


@dataclass(frozen=True, slots=True)
class _Rejected:
    error: str


@dataclass(frozen=True, slots=True)
class _Done:
    result: str


def attempt(
    event: Event,
    record: Record,
    effect: Effect,
    store: EventStore,
    *,
    once_per_body: bool,
    remaining_ms: Callable[[], int],
    clock: Callable[[], float],
) -> Attempted:
    """Makes the next attempt at the event's effect, if it may be made now. Raises for faults of ours, and LeaseLost."""
    now = clock()
    hold_seconds = effect.circuit.hold_seconds()
    if hold_seconds is not None and effect.queue.keeps(record, hold_seconds, now):
        return _deferred(record, effect, hold_seconds)
    until_ms = int(now * 1000) + remaining_ms() + CLOCK_SKEW_MS
    sent_ms = int(record["attributes"]["SentTimestamp"])
    lease = store.begin(event, str(uuid.uuid4()), until_ms, now, sent_ms=sent_ms, once_per_body=once_per_body)
    if isinstance(lease, Outcome):
        return Attempted(lease)
    if isinstance(lease, Busy):
        return _deferred(record, effect, lease.until_ms / 1000 - now)
    if hold_seconds is not None:
        return _exhausted(lease, record, effect, store, now, "the circuit was open for as long as the queue keeps it")
    if lease.attempt > effect.schedule.attempts:
        return _exhausted(lease, record, effect, store, now, "the last attempt was cut off")
    if not effect.circuit.admits(remaining_ms() / 1000):
        # Of several that found it time to probe, another did. Nothing was attempted, so nothing counts.
        store.wait(lease, lease.attempt - 1, int((now + NOT_ADMITTED_SECONDS) * 1000), "")
        return _deferred(record, effect, NOT_ADMITTED_SECONDS)
    ended = _perform(_handler_event(event, lease.attempt, remaining_ms), effect.handle)
    ended_at = clock()
    try:
        outcome = _keep(lease, ended, record, effect, store, ended_at, remaining_ms)
    finally:
        _tell(effect.circuit, ended)
    error = "" if isinstance(ended, _Done) else ended.error
    return Attempted(outcome, lease.attempt, int((ended_at - now) * 1000), error)


def _deferred(record: Record, effect: Effect, seconds: float) -> Attempted:
    effect.queue.hide(record, seconds + _chance.uniform(1, 5))  # not all of them in one moment
    return Attempted(Outcome.DEFERRED)


def _exhausted(lease: Lease, record: Record, effect: Effect, store: EventStore, now: float, error: str) -> Attempted:
    # In this order: after a crash between the two there is another attempt, and not an event that nobody retries.
    effect.queue.dead_letter(record)
    store.end(lease, State.EXHAUSTED, now, error=error)
    return Attempted(Outcome.EXHAUSTED, error=error)


def _perform(event: HandlerEvent, handle: Handle) -> _Done | _Rejected | _Failed:
    """Calls the effect. Never raises for what it does, but for what ends the process."""
    try:
        return _Done(_said(handle(event)))
    except Retry as retry:
        reason = _said(getattr(retry, "reason", "")) or "retry"  # a subclass may have an __init__ of its own
        return _Failed(reason, "unknown", wait_seconds=_seconds(getattr(retry, "after_seconds", None)))
    except PauseLane as pause:
        return _Failed(_said(pause.reason), "gone", wait_seconds=MAX_COOLDOWN_SECONDS, counts=False)
    except Reject as rejected:
        return _Rejected(_said(getattr(rejected, "reason", "")) or "rejected")
    except AttemptFailed as failed:
        return _Failed(_said(failed.error), "failing", at_least_seconds=_seconds(failed.after_seconds) or 0)
    except Exception as error:  # noqa: BLE001 - a handler may raise whatever it likes
        fault = describe_fault(error)
        return _Failed(_said(f"{fault['error']} at {fault['at']}"), "failing")


def _tell(circuit: Circuit, ended: _Done | _Rejected | _Failed) -> None:
    """What the attempt says of the backend; a Retry and a Reject may have been decided before it was asked."""
    if isinstance(ended, _Done):
        circuit.succeeded()
    elif isinstance(ended, _Rejected) or ended.backend == "unknown":
        circuit.unused()
    elif ended.backend == "gone":
        circuit.pause(ended.error)
    else:
        circuit.failed(ended.error)


def _keep(
    lease: Lease,
    ended: _Done | _Rejected | _Failed,
    record: Record,
    effect: Effect,
    store: EventStore,
    now: float,
    remaining_ms: Callable[[], int],
) -> Outcome:
    if isinstance(ended, _Done):
        _insist(partial(store.end, lease, State.DONE, now, result=ended.result), remaining_ms)
        return Outcome.DONE
    if isinstance(ended, _Rejected):
        _insist(partial(store.end, lease, State.REJECTED, now, error=ended.error), remaining_ms)
        return Outcome.REJECTED
    attempts = lease.attempt if ended.counts else lease.attempt - 1
    delay_seconds = _delay_seconds(attempts, ended, effect.schedule)
    if delay_seconds is None or not effect.queue.keeps(record, delay_seconds, now):
        return _exhausted(lease, record, effect, store, now, ended.error).outcome
    store.wait(lease, attempts, int((now + delay_seconds) * 1000), ended.error)
    effect.queue.hide(record, delay_seconds)
    return Outcome.WAITING


def _insist(write: Callable[[], None], remaining_ms: Callable[[], int]) -> None:
    """Writes that the effect has taken place, again and again while there is time: else it would take place again."""
    pause_seconds = 0.2
    while True:
        try:
            write()
        except LeaseLost:
            raise
        except Exception:
            if remaining_ms() < RESERVED_MS:
                raise
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, 2)
        else:
            return


def _delay_seconds(attempts: int, ended: _Failed, schedule: Schedule) -> float | None:
    if attempts >= schedule.attempts:
        return None
    if ended.wait_seconds is not None:
        return ended.wait_seconds
    return max(schedule.delay_seconds(attempts, _chance.random()) or 0, ended.at_least_seconds)


def _handler_event(event: Event, number: int, remaining_ms: Callable[[], int]) -> HandlerEvent:
    fields = {"source": event.source, "event_id": event.id, "attempt": number}
    return HandlerEvent(
        source=event.source,
        id=event.id,
        type=event.type,
        content_type=event.content_type,
        received_at=datetime.fromtimestamp(event.received_at_ms / 1000, UTC),
        request_id=event.request_id,
        body=event.body,
        attempt=number,
        idempotency_key=f"{event.source}:{event.id}",
        logger=EventLogger(handler_logger, fields),
        remaining=lambda: max(0, remaining_ms() - RESERVED_MS) / 1000,
    )


def _said(text: object) -> str:
    """What is kept of a text: as much as is of use to a person, and nothing that a terminal would act upon."""
    kept = text[:MAX_TEXT] if isinstance(text, str) else ""
    return "".join(char if char.isprintable() else "?" for char in kept)


def _seconds(value: object) -> float | None:
    """A delay that a handler or a backend gave, within what a message can be hidden for; None where it is no number."""
    if not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(max(0, min(value, MAX_DELAY_SECONDS)))
