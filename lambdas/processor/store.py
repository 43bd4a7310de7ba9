"""The table: first writer wins. Key schema and index are those of the Terraform module `store`."""

import hashlib
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from processor.circuit import CircuitState
from processor.event import Event, Outcome, Quarantined
from processor.lease import Busy, Finished, Free, State, allowed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LANE_SHARDS = 4
"""Partitions of the index over which one source's outcome is spread: 4,000 writes a second instead of 1,000."""

WRITE_UNIT_BYTES = 1024
SECONDS_PER_DAY = 86_400

LONGEST_RUN_SECONDS = 1_000
"""Within which a processor that is under way has ended: 900 s (AWS Lambda Developer Guide, "Lambda quotas"), and what
two clocks differ by."""

PART_BYTES = 390_000
"""Of a body that is split: an item holds 400 KB, its names and keys included (DynamoDB Developer Guide, "Quotas")."""

INLINE_BYTES = 390_000
INLINE_BYTES_WITH_EFFECT = 2_048
"""Largest item that holds its body itself. Each attempt at an effect writes the event's item, and is charged for the
whole of it: there the body is better beside."""

Item = dict[str, dict[str, Any]]
T = TypeVar("T")


class LeaseLost(Exception):
    """The attempt took longer than its lease, and another has begun: its outcome is not this one's to keep."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to one attempt at an event's effect, until then. `attempt` is 1 for the first."""

    key: Item
    owner: str
    until_ms: int
    attempt: int


@dataclass(frozen=True, slots=True)
class EventStore:
    """Writes events, conflicts and quarantined messages, each at most once, and when keys were last used.

    Raises botocore's ClientError. The client repeats a call whose answer was lost, which is then refused for what it
    has done itself: leases and circuits are therefore changed under a name of one's own, by which that is known.
    """

    client: "DynamoDBClient"
    table_name: str
    retention_days: int
    receipts: bool = False
    inline_bytes: int = INLINE_BYTES

    def put_event(self, event: Event, now: float, *, once_per_body: bool = False) -> Outcome:
        """Stores the event unless its id is there already: with the same body it is a duplicate, else a conflict.

        With `once_per_body` an event whose body first came under another id is a duplicate as well; or it is DEFERRED,
        where that is decided the next time.
        """

        def put() -> Outcome:
            item, parts = self._event_item(event, Outcome.STORED, now)
            self._put_parts(item, parts)
            existing = self._put_new(item, now)
            return Outcome.STORED if existing is None else self.put_again(event, existing, now)

        return self._once_per_body(event, now, put) if once_per_body else put()

    def event_item(self, event: Event, now: float) -> Item | None:
        """The item that `put_event` writes for a new event; None where its body takes more than one."""
        item, parts = self._event_item(event, Outcome.STORED, now)
        return None if parts else item

    def put_again(self, event: Event, existing: Mapping[str, Any], now: float) -> Outcome:
        """What comes under an id that is taken: a duplicate of what is there, or a conflict, kept beside it."""
        if existing["body_sha256"]["S"] == _digest(event.body):
            if existing.get("request_id", {}).get("S") != event.request_id:
                self._put_receipt(event, event.id, now)
            return Outcome.DUPLICATE
        return self._put_conflict(event, now)

    def begin(
        self, event: Event, owner: str, until_ms: int, now: float, *, sent_ms: int, once_per_body: bool = False
    ) -> Lease | Busy | Outcome:
        """Stores the event as `put_event` does, and with it the right to attempt its effect until then.

        Of several at once one gets the lease. `sent_ms` is when the message was. The outcome is any but STORED.
        """

        def begin() -> Lease | Busy | Outcome:
            item, parts = self._event_item(event, Outcome.STORED, now)
            first = Lease({name: item[name] for name in ("pk", "sk")}, owner, until_ms, attempt=1)
            existing = self._put_new(item | _running(first), now)
            if existing is None or _owner(existing) == owner:
                self._put_parts_of(first, item, parts, now)
                return first
            if existing["body_sha256"] != item["body_sha256"]:
                return self.put_again(event, existing, now)
            begun = self._begin_again(existing, first, int(now * 1000), sent_ms)
            if isinstance(begun, Finished):
                return self.put_again(event, existing, now)
            if isinstance(begun, Lease) and "body_stored" not in existing:
                self._put_parts_of(begun, item, parts, now)
            return begun

        return self._once_per_body(event, now, begin) if once_per_body else begin()

    def end(self, lease: Lease, state: State, now: float, *, result: str = "", error: str = "") -> None:
        """Keeps how the attempt ended: DONE, REJECTED or EXHAUSTED. Raises LeaseLost."""
        ended = _texts(effect=state.value, effect_result=result, last_error=error)
        self._release(lease, ended | {"effect_at_ms": {"N": str(int(now * 1000))}})

    def wait(
        self, lease: Lease, attempts: int, next_attempt_at_ms: int, error: str, *, body_stored: bool = True
    ) -> None:
        """Keeps that so many attempts were made, and when the next is due. Raises LeaseLost."""
        numbers = {"attempts": {"N": str(attempts)}, "next_attempt_at_ms": {"N": str(next_attempt_at_ms)}}
        self._release(lease, _texts(effect=State.WAITING.value, last_error=error) | numbers, body_stored=body_stored)

    def put_key_use(self, source: str, key_id: str, used_at_ms: int) -> int:
        """Keeps that the key was used then, unless it was later, too. Returns the latest use that is kept.

        Kept without an end: keys are few, and a key that is not used for a retention time must not look like one
        that never was.
        """
        item = key_use(source, key_id) | {"last_used_at_ms": {"N": str(used_at_ms)}}
        condition = "attribute_not_exists(pk) OR last_used_at_ms < :used"
        later = self._put_if(condition, {":used": item["last_used_at_ms"]}, item)
        return used_at_ms if later is None else int(later["last_used_at_ms"]["N"])

    def put_quarantined(self, message: Quarantined, now: float) -> None:
        """Keeps the message. Its own id is the key: a redelivery of the same message takes the place of the first."""
        key = {"pk": {"S": f"quarantine#{message.source}#{message.message_id}"}, "sk": {"S": "quarantine"}}
        reason = {"reason": {"S": message.reason.value}}
        item, parts = self._with_body(key | self._common_item(message, Outcome.QUARANTINED, now) | reason, message.body)
        self._put_parts(item, parts)
        self.client.put_item(TableName=self.table_name, Item=item)

    def read_circuit(self, source: str) -> CircuitState:
        """The state of a lane's circuit; closed when there is none."""
        answer = self.client.get_item(TableName=self.table_name, Key=circuit_key(source), ConsistentRead=True)
        return circuit_state(answer.get("Item", {}))

    def change_circuit(self, source: str, seen: CircuitState, state: CircuitState) -> bool:
        """Keeps another state, unless it is no longer the one that was seen. Whether it was kept."""
        change = {"changed_by": {"S": str(uuid.uuid4())}}
        item = circuit_key(source) | _texts(state=state.state, error=state.error) | change
        numbers = {
            "until_ms": state.until_ms,
            "opened_at_ms": state.opened_at_ms,
            "cooldown_seconds": state.cooldown_seconds,
        }
        item |= {name: {"N": str(value)} for name, value in numbers.items()}
        condition = "#state = :state AND until_ms = :until"
        if seen.state == "closed":
            condition = f"attribute_not_exists(pk) OR ({condition})"
        values: Item = {":state": {"S": seen.state}, ":until": {"N": str(seen.until_ms)}}
        found = self._put_if(condition, values, item, {"#state": "state"})
        return found is None or found.get("changed_by") == change["changed_by"]

    def _once_per_body(self, event: Event, now: float, put: Callable[[], T]) -> T | Outcome:
        """Puts the event unless its body first came under another id: then it is a duplicate.

        The body's marker is written before the event and names it. So a failure between the two loses nothing: the
        message comes back, finds its own marker, and goes on.

        A conflict leaves a marker, too, until it gives it back, which names an event with another body. It is taken
        over, and the message comes back to its own marker.
        """
        existing = self._put_new(_marker(event) | self._expiry(now), now)
        if existing is None or existing["event_id"]["S"] == event.id:
            return put()
        first_id = existing["event_id"]["S"]
        if self._has_another_body(first_id, event, now):
            marker = _marker(event) | self._expiry(now)
            self._put_if("event_id = :theirs", {":theirs": existing["event_id"]}, marker)
            return Outcome.DEFERRED
        self._put_receipt(event, first_id, now)
        return Outcome.DUPLICATE

    def _has_another_body(self, first_id: str, event: Event, now: float) -> bool:
        """Whether the event of that id is there, and can't become one with this body.

        Nobody stores this body under that id then: who is about to finds the other body, and later ones find the marker
        taken over. Unless the event's time is over before they are done: then its place counts as free. Nor does it
        say anything that there is no event yet: who wrote the marker is about to write it, or comes back for that.
        """
        answer = self.client.get_item(
            TableName=self.table_name,
            Key={"pk": {"S": f"event#{event.source}#{first_id}"}, "sk": {"S": "event"}},
            ProjectionExpression="body_sha256, content_sha256, expires_at",
            ConsistentRead=True,
        )
        item = answer.get("Item")
        if item is None or int(item["expires_at"]["N"]) < now + LONGEST_RUN_SECONDS:
            return False
        if event.content_digest == _digest(event.body):
            return item["body_sha256"]["S"] != event.content_digest
        return item.get("content_sha256", {}).get("S", event.content_digest) != event.content_digest

    def _put_conflict(self, event: Event, now: float) -> Outcome:
        item, parts = self._event_item(event, Outcome.CONFLICT, now)
        self._put_parts(item, parts)
        existing = self._put_new(item, now)
        if event.content_digest:
            self._give_back_marker(event, now)
        if existing is None:
            return Outcome.CONFLICT
        if existing.get("request_id", {}).get("S") != event.request_id:
            self._put_receipt(event, event.id, now)
        return Outcome.DUPLICATE

    def _give_back_marker(self, event: Event, now: float) -> None:
        """A body that came under an id of another event must not stand in the way of its own."""
        marker = _marker(event)
        past = {"expires_at": {"N": str(int(now) - 1)}}
        self._put_if("event_id = :own", {":own": marker["event_id"]}, marker | past)

    def _put_receipt(self, event: Event, first_id: str, now: float) -> None:
        """Where receipts can be asked for: that this one's webhook was a duplicate of that event."""
        if not self.receipts:
            return
        key = {"pk": {"S": f"event#{event.source}#{first_id}"}, "sk": {"S": f"duplicate#{event.request_id}"}}
        texts = _texts(
            source=event.source, outcome=Outcome.DUPLICATE.value, event_id=first_id, request_id=event.request_id
        )
        item = key | texts | self._times(event.received_at_ms, now)
        self.client.put_item(TableName=self.table_name, Item=item)

    def _begin_again(
        self, existing: Mapping[str, Any], first: Lease, now_ms: int, sent_ms: int
    ) -> Lease | Busy | Finished:
        chance = allowed(existing, now_ms, sent_ms)
        if not isinstance(chance, Free):
            return chance
        lease = Lease(first.key, first.owner, first.until_ms, chance.attempt)
        conditions = [f"#{name} = :seen_{name}" for name in chance.seen]
        values = {f":seen_{name}": value for name, value in chance.seen.items()}
        names = {f"#{name}": name for name in chance.seen}
        taken = self._update(
            first.key, _running(lease), ("next_attempt_at_ms", "effect_at_ms"), " AND ".join(conditions), values, names
        )
        if taken is None or _owner(taken) == lease.owner:
            return lease
        theirs = allowed(taken, now_ms, sent_ms)
        return Busy(now_ms) if isinstance(theirs, Free) else theirs

    def _release(self, lease: Lease, attributes: Item, *, body_stored: bool = True) -> None:
        gone = [name for name in ("lease_owner", "lease_until_ms", "next_attempt_at_ms") if name not in attributes]
        owner = {"S": lease.owner}
        kept = attributes | {"ended_by": owner} | ({"body_stored": {"BOOL": True}} if body_stored else {})
        found = self._update(lease.key, kept, gone, "lease_owner = :owner", {":owner": owner}, {})
        if found is not None and found.get("ended_by") != owner:
            raise LeaseLost

    def _update(
        self,
        key: Item,
        attributes: Item,
        gone: Sequence[str],
        condition: str,
        values: Item,
        names: Mapping[str, str],
    ) -> Mapping[str, Any] | None:
        """None when the item was changed, else what it is; empty when it is not there."""
        changes = ", ".join(f"#set_{name} = :set_{name}" for name in attributes)
        removed = f" REMOVE {', '.join(gone)}" if gone else ""
        try:
            self.client.update_item(
                TableName=self.table_name,
                Key=key,
                UpdateExpression=f"SET {changes}{removed}",
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#set_{name}": name for name in attributes} | dict(names),
                ExpressionAttributeValues={f":set_{name}": value for name, value in attributes.items()} | values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self.client.exceptions.ConditionalCheckFailedException as error:
            existing: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
            return existing
        return None

    def _put_new(self, item: Item, now: float) -> Mapping[str, Any] | None:
        """None when the item was written, else the one that was there.

        An item past its time may stay readable for days until DynamoDB deletes it, so its place counts as free:
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
        """
        return self._put_if("attribute_not_exists(pk) OR expires_at < :now", {":now": {"N": str(int(now))}}, item)

    def _put_if(
        self, condition: str, values: Item, item: Item, names: Mapping[str, str] | None = None
    ) -> Mapping[str, Any] | None:
        try:
            self.client.put_item(
                TableName=self.table_name,
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **({"ExpressionAttributeNames": names} if names else {}),  # type: ignore[arg-type]
            )
        except self.client.exceptions.ConditionalCheckFailedException as error:
            existing: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
            return existing
        return None

    def _put_parts_of(self, lease: Lease, item: Item, parts: Sequence[bytes], now: float) -> None:
        """Under a lease; where it fails the lease is given back, since nothing was attempted."""
        try:
            self._put_parts(item, parts)
        except Exception:
            with suppress(Exception):
                self.wait(lease, lease.attempt - 1, int(now * 1000), "", body_stored=False)
            raise

    def _put_parts(self, item: Item, parts: Sequence[bytes]) -> None:
        """Before what they belong to, or under its lease: their key says whose they are, and what is in them."""
        for number, part in enumerate(parts):
            key = {"pk": item["pk"], "sk": {"S": part_key(item["body_sha256"]["S"], number)}}
            self.client.put_item(
                TableName=self.table_name, Item=key | {"body": {"B": part}, "expires_at": item["expires_at"]}
            )

    def _event_item(self, event: Event, outcome: Outcome, now: float) -> tuple[Item, Sequence[bytes]]:
        sk = "event" if outcome is Outcome.STORED else f"conflict#{_digest(event.body)}"
        key = {"pk": {"S": f"event#{event.source}#{event.id}"}, "sk": {"S": sk}}
        texts = _texts(
            event_id=event.id,
            sender_id=event.sender_id,
            event_type=event.type,
            key_id=event.key_id,
            content_sha256=_content_digest(event),
        )
        return self._with_body(key | self._common_item(event, outcome, now) | texts, event.body)

    def _common_item(self, message: Event | Quarantined, outcome: Outcome, now: float) -> Item:
        shard = int(hashlib.sha256(message.message_id.encode()).hexdigest()[:8], 16) % LANE_SHARDS
        texts = _texts(
            source=message.source,
            outcome=outcome.value,
            lane=f"{message.source}#{outcome.value}#{shard}",
            content_type=message.content_type,
            request_id=message.request_id,
            message_id=message.message_id,
            body_sha256=_digest(message.body),
        )
        return texts | self._times(message.received_at_ms, now) | {"body_bytes": {"N": str(len(message.body))}}

    def _times(self, received_at_ms: int, now: float) -> Item:
        times = {"received_at_ms": {"N": str(received_at_ms)}, "stored_at_ms": {"N": str(int(now * 1000))}}
        return times | self._expiry(now)

    def _expiry(self, now: float) -> Item:
        return {"expires_at": {"N": str(int(now) + self.retention_days * SECONDS_PER_DAY)}}

    def _with_body(self, item: Item, body: bytes) -> tuple[Item, Sequence[bytes]]:
        """The item with its body, compressed when that saves a write unit; beside it the parts, if it is too large."""
        rest_bytes = _size(item)
        units = _units(rest_bytes + len(body))
        encoding: Item = {}
        if units > 1:
            packed = zlib.compress(body)
            if _units(rest_bytes + len("body_encodingzlib") + len(packed)) < units:
                body, encoding = packed, {"body_encoding": {"S": "zlib"}}
        if rest_bytes + len(body) <= self.inline_bytes:
            return item | encoding | {"body": {"B": body}}, ()
        parts = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
        return item | encoding | {"body_parts": {"N": str(len(parts))}}, parts


def key_use(source: str, key_id: str) -> Item:
    """The key of the item with a key's last use."""
    return {"pk": {"S": f"key#{source}#{key_id}"}, "sk": {"S": "key"}}


def circuit_key(source: str) -> Item:
    """The key of the item with the state of a lane's circuit."""
    return {"pk": {"S": f"circuit#{source}"}, "sk": {"S": "circuit"}}


def circuit_state(item: Mapping[str, Any]) -> CircuitState:
    """The state in such an item, as boto3's client gives it; closed when there is nothing in it."""
    return CircuitState(
        state=item.get("state", {}).get("S", "closed"),
        until_ms=int(item.get("until_ms", {}).get("N", 0)),
        opened_at_ms=int(item.get("opened_at_ms", {}).get("N", 0)),
        cooldown_seconds=int(item.get("cooldown_seconds", {}).get("N", 0)),
        error=item.get("error", {}).get("S", ""),
    )


def part_key(body_sha256: str, number: int) -> str:
    """The sort key of one part of a body; in their order as text, they are in order."""
    return f"body#{body_sha256}#{number:04}"


def stored_body(item: Mapping[str, Any], parts: Sequence[bytes] = ()) -> bytes:
    """The exact bytes that came, from an item as boto3's client gives it and, if it has `body_parts`, those in order.

    Raises ValueError when they are not what came: one is missing yet, or anything was changed.
    """
    if len(parts) != int(item.get("body_parts", {}).get("N", 0)):
        raise ValueError("the body is not whole")
    body: bytes = b"".join(parts) if parts else item["body"]["B"]
    try:
        body = zlib.decompress(body) if "body_encoding" in item else body
    except zlib.error as error:
        raise ValueError("the body is not what was compressed") from error
    if _digest(body) != item["body_sha256"]["S"]:
        raise ValueError("the body is not the one that came")
    return body


def _marker(event: Event) -> Item:
    key = {"pk": {"S": f"body#{event.source}#{event.content_digest}"}, "sk": {"S": "body"}}
    return key | _texts(event_id=event.id)


def _content_digest(event: Event) -> str:
    """What tells whether two bodies are one, where neither the event's id nor the digest of its bytes does."""
    if event.content_digest in ("", event.id.removeprefix("sha256:")) or event.content_digest == _digest(event.body):
        return ""
    return event.content_digest


def _running(lease: Lease) -> Item:
    return _texts(effect=State.RUNNING.value, lease_owner=lease.owner) | {
        "lease_until_ms": {"N": str(lease.until_ms)},
        "attempts": {"N": str(lease.attempt)},
    }


def _owner(item: Mapping[str, Any]) -> str:
    return str(item.get("lease_owner", {}).get("S", ""))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _units(item_bytes: int) -> int:
    return -(-item_bytes // WRITE_UNIT_BYTES)


def _texts(**values: str) -> Item:
    return {name: {"S": value} for name, value in values.items() if value}


def _size(item: Item) -> int:
    return sum(len(name) + len(text) for name, value in item.items() for text in value.values())
