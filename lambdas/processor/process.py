"""One message from envelope to outcome. Anything that can't be verified is quarantined before any effect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.envelope import Envelope, MalformedEnvelope, read_envelope
from common.headers import Headers, gather
from common.keyring import KeyRing
from common.keys import Key
from common.reasons import NotGenuine, Reason
from common.scheme import Scheme
from common.signature import Head, Request, check_freshness, verify
from processor.attempt import Attempted, Effect, attempt
from processor.event import Event, Outcome, Quarantined, Result
from processor.identity import content_digest, identify
from processor.settings import Settings
from processor.store import EventStore


@dataclass(frozen=True, slots=True)
class Lane:
    """What processing needs beside the message. There is no key ring for an unsigned source, and no effect for a lane
    that only stores.
    """

    settings: Settings
    keyring: KeyRing | None
    store: EventStore
    clock: Callable[[], float]
    effect: Effect | None = None


def process(record: Mapping[str, Any], lane: Lane, remaining_ms: Callable[[], int]) -> Result:
    """The outcome of one SQS record. Raises for faults of ours, upon which the message must be tried again."""
    return finish(read(record, lane), record, lane, remaining_ms)


def read(record: Mapping[str, Any], lane: Lane) -> Event | Quarantined:
    """What the record holds. Writes nothing; raises for faults of ours, such as keys that can't be read."""
    try:
        envelope = read_envelope(record["body"])
        if envelope.source != lane.settings.source:
            raise MalformedEnvelope("of another lane")
    except MalformedEnvelope:
        return _unreadable(record, lane.settings.source)
    headers = gather(envelope.headers.items())
    try:
        return _verified(envelope, headers, record["messageId"], lane)
    except NotGenuine as refusal:
        return _refused(envelope, headers, record["messageId"], refusal.reason)


def finish(
    message: Event | Quarantined, record: Mapping[str, Any], lane: Lane, remaining_ms: Callable[[], int]
) -> Result:
    """Writes what was read, acts upon it where the lane does, and says what became of it. Raises as `process` does."""
    if isinstance(message, Quarantined):
        return _quarantine(message, lane)
    return event_result(message, _acted_upon(message, record, lane, remaining_ms))


def event_result(event: Event, attempted: Attempted) -> Result:
    """The result of an event of which this became."""
    return Result(
        attempted.outcome,
        event.message_id,
        event.request_id,
        event.received_at_ms,
        event_id=event.id,
        key_id=event.key_id,
        attempt=attempted.number,
        attempt_ms=attempted.duration_ms,
        error=attempted.error,
    )


def _acted_upon(event: Event, record: Mapping[str, Any], lane: Lane, remaining_ms: Callable[[], int]) -> Attempted:
    once_per_body = lane.settings.deduplicate_by == "both"
    if lane.effect is None:
        return Attempted(lane.store.put_event(event, lane.clock(), once_per_body=once_per_body))
    return attempt(
        event,
        record,
        lane.effect,
        lane.store,
        once_per_body=once_per_body,
        remaining_ms=remaining_ms,
        clock=lane.clock,
    )


def _verified(envelope: Envelope, headers: Headers, message_id: str, lane: Lane) -> Event:
    scheme = lane.settings.scheme
    head, key, body = _genuine(scheme, envelope, headers, lane)
    # Against the receive time: how long the message then waited in the queue is no fault of the sender's.
    check_freshness(head, envelope.received_at_ms / 1000, lane.settings.tolerance_seconds)
    identity = identify(scheme, head, headers, body)
    content = "" if lane.settings.deduplicate_by == "id" else content_digest(scheme, head, body)
    if lane.settings.deduplicate_by == "body":
        identity = identity._replace(id=f"sha256:{content}")
    return Event(
        source=envelope.source,
        id=identity.id,
        type=identity.type,
        key_id=key.id if key else "",
        content_type=_header(headers, "content-type"),
        received_at_ms=envelope.received_at_ms,
        request_id=envelope.request_id,
        message_id=message_id,
        body=body,
        content_digest=content,
        sender_id=identity.sender_id if identity.sender_id != identity.id else "",
    )


def _genuine(scheme: Scheme, envelope: Envelope, headers: Headers, lane: Lane) -> tuple[Head, Key | None, bytes]:
    """The first body for which a key fits; on a mismatch once more with keys that are new since. Raises NotGenuine."""
    request = Request(headers, url=envelope.url)
    if lane.keyring is None:
        return *verify(scheme, (), request, envelope.bodies[0]), envelope.bodies[0]
    now = lane.clock()
    try:
        return _first_match(scheme, lane.keyring.keys(now), request, envelope.bodies)
    except NotGenuine as refusal:
        if refusal.reason is not Reason.SIGNATURE_MISMATCH:
            raise
        return _first_match(scheme, lane.keyring.newer_keys(now), request, envelope.bodies)


def _first_match(
    scheme: Scheme, keys: tuple[Key, ...], request: Request, bodies: tuple[bytes, ...]
) -> tuple[Head, Key | None, bytes]:
    refusals = []
    for body in bodies:
        try:
            return *verify(scheme, keys, request, body), body
        except NotGenuine as refusal:
            refusals.append(refusal)
    mismatches = [refusal for refusal in refusals if refusal.reason is Reason.SIGNATURE_MISMATCH]
    raise (mismatches or refusals)[0]  # upon a mismatch newer keys are asked for


def _quarantine(message: Quarantined, lane: Lane) -> Result:
    lane.store.put_quarantined(message, lane.clock())
    return Result(
        Outcome.QUARANTINED, message.message_id, message.request_id, message.received_at_ms, reason=message.reason
    )


def _refused(envelope: Envelope, headers: Headers, message_id: str, reason: Reason) -> Quarantined:
    return Quarantined(
        source=envelope.source,
        reason=reason,
        content_type=_header(headers, "content-type"),
        received_at_ms=envelope.received_at_ms,
        request_id=envelope.request_id,
        message_id=message_id,
        body=envelope.bodies[0],
    )


def _unreadable(record: Mapping[str, Any], source: str) -> Quarantined:
    return Quarantined(
        source=source,
        reason=Reason.MALFORMED_ENVELOPE,
        content_type="",
        received_at_ms=int(record["attributes"]["SentTimestamp"]),
        request_id="",
        message_id=record["messageId"],
        body=record["body"].encode("utf-8", "surrogatepass"),
    )


def _header(headers: Headers, name: str) -> str:
    return headers.get(name.lower(), ("",))[0]
