"""One attempt at an event's effect: lease, effect, outcome. After a crash at any point the message comes back."""

import logging
import math
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from processor.circuit import MAX_COOLDOWN_SECONDS, Circuit
from processor.event import Event, Outcome
from processor.fault import describe_fault
from processor.handling import AttemptFailed, EventLogger, Handle, HandlerEvent, PauseLane, Reject, Retry
from processor.lease import Busy, State
from processor.queue import LaneQueue, Record
from processor.schedule import Schedule
from processor.store import EventStore, Lease

handler_logger = logging.getLogger("handler")

RESERVED_MS = 8_000
"""What an effect leaves of the function's time: a write that keeps its outcome and a call to the queue, each of which
may take 4 s to fail."""

CLOCK_SKEW_MS = 2_000
"""A lease outlives its function by so much: execution environments have clocks of their own."""

MAX_TEXT = 255
MAX_DELAY_SECONDS = 43_200


@dataclass(frozen=True, slots=True)
class Effect:
    """What a lane has that acts: the effect itself, when to try again, the breaker, and the queue."""

    handle: Handle
    schedule: Schedule
    circuit: Circuit
    queue: LaneQueue


@dataclass(frozen=True, slots=True)
class Attempted:
    """What became of an event in a lane with an effect. `number` is 0 where no attempt was made."""

    outcome: Outcome
    number: int = 0
    duration_ms: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Failed:
    """`wait_seconds` takes the place of the schedule's delay; `at_least_seconds` only where that is longer."""

    error: str
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
    until_ms = int(now * 1000) + remaining_ms() + CLOCK_SKEW_MS
    lease = store.begin(event, str(uuid.uuid4()), until_ms, now, once_per_body=once_per_body)
    if isinstance(lease, Outcome):
        return Attempted(lease)
    if isinstance(lease, Busy):
        effect.queue.hide(record, lease.until_ms / 1000 - now + 1)
        return Attempted(Outcome.DEFERRED)
    ended = _perform(_handler_event(event, lease.attempt, remaining_ms), effect)
    ended_at = clock()
    outcome = _keep(lease, ended, record, effect, store, ended_at)
    error = "" if isinstance(ended, _Done) else ended.error
    return Attempted(outcome, lease.attempt, int((ended_at - now) * 1000), error)


def _perform(event: HandlerEvent, effect: Effect) -> _Done | _Rejected | _Failed:
    """Calls the effect, and tells the circuit breaker what that says of the backend."""
    try:
        result = effect.handle(event)
    except Retry as retry:
        return _Failed(_said(retry.reason) or "retry", wait_seconds=_seconds(retry.after_seconds))
    except PauseLane as pause:
        effect.circuit.pause(_said(pause.reason))
        return _Failed(_said(pause.reason), wait_seconds=MAX_COOLDOWN_SECONDS, counts=False)
    except Reject as rejected:
        effect.circuit.succeeded()  # the backend is there: it is this event that it will never take
        return _Rejected(_said(rejected.reason) or "rejected")
    except AttemptFailed as failed:
        ended = _Failed(_said(failed.error), at_least_seconds=_seconds(failed.after_seconds) or 0)
    except Exception as error:  # noqa: BLE001 - a handler may raise whatever it likes
        fault = describe_fault(error)
        ended = _Failed(_said(f"{fault['error']} at {fault['at']}"))
    else:
        effect.circuit.succeeded()
        return _Done(_said(result))
    effect.circuit.failed(ended.error)
    return ended


def _keep(
    lease: Lease, ended: _Done | _Rejected | _Failed, record: Record, effect: Effect, store: EventStore, now: float
) -> Outcome:
    if isinstance(ended, _Done):
        store.end(lease, State.DONE, now, result=ended.result)
        return Outcome.DONE
    if isinstance(ended, _Rejected):
        store.end(lease, State.REJECTED, now, error=ended.error)
        return Outcome.REJECTED
    attempts = lease.attempt if ended.counts else lease.attempt - 1
    delay_seconds = _delay_seconds(attempts, ended, effect.schedule)
    if delay_seconds is None or not effect.queue.keeps(record, delay_seconds, now):
        # In this order: after a crash between the two there is another attempt, and not an event that nobody retries.
        effect.queue.dead_letter(record)
        store.end(lease, State.EXHAUSTED, now, error=ended.error)
        return Outcome.EXHAUSTED
    store.wait(lease, attempts, int((now + delay_seconds) * 1000), ended.error)
    effect.queue.hide(record, delay_seconds)
    return Outcome.WAITING


def _delay_seconds(attempts: int, ended: _Failed, schedule: Schedule) -> float | None:
    if attempts >= schedule.attempts:
        return None
    if ended.wait_seconds is not None:
        return ended.wait_seconds
    return max(schedule.delay_seconds(attempts, random.random()) or 0, ended.at_least_seconds)  # noqa: S311


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
