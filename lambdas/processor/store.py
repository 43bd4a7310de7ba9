"""The table: first writer wins. Key schema and index are those of the Terraform module `store`."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processor.event import Event, Outcome, Quarantined

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LANE_SHARDS = 4
"""Partitions of the index over which one source's outcome is spread: 4,000 writes a second instead of 1,000."""

WRITE_UNIT_BYTES = 1024
SECONDS_PER_DAY = 86_400

Item = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class EventStore:
    """Writes events, conflicts and quarantined messages, each at most once, and when keys were last used.

    Raises botocore's ClientError.
    """

    client: "DynamoDBClient"
    table_name: str
    retention_days: int

    def put_event(self, event: Event, now: float) -> Outcome:
        """Stores the event unless its id is there already: with the same body it is a duplicate, else a conflict."""
        outcome, _ = self._put_event(event, now)
        return outcome

    def put_event_once_per_body(self, event: Event, now: float) -> Outcome:
        """As `put_event`, but an event whose body first came under another id is a duplicate as well.

        The body's marker is written before the event and names it. So a failure between the two loses nothing: the
        message comes back, finds its own marker, and goes on. A conflict gives its marker back: a body that came under
        an id of another event must not stand in the way of its own.
        """
        key = {"pk": {"S": f"body#{event.source}#{event.content_digest}"}, "sk": {"S": "body"}}
        marker = key | _texts(event_id=event.id)
        existing = self._put_new(marker | self._expiry(now), now)
        if existing is not None and existing["event_id"]["S"] != event.id:
            return Outcome.DUPLICATE
        outcome, has_the_id = self._put_event(event, now)
        if not has_the_id:
            past = {"expires_at": {"N": str(int(now) - 1)}}
            self._put_if("event_id = :own", {":own": marker["event_id"]}, marker | past)
        return outcome

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
        item = key | self._common_item(message, Outcome.QUARANTINED, now) | {"reason": {"S": message.reason.value}}
        self.client.put_item(TableName=self.table_name, Item=item)

    def _put_event(self, event: Event, now: float) -> tuple[Outcome, bool]:
        """The outcome, and whether the event of this id is the one with this body."""
        key = {"pk": {"S": f"event#{event.source}#{event.id}"}, "sk": {"S": "event"}}
        item = key | self._event_item(event, Outcome.STORED, now)
        existing = self._put_new(item, now)
        if existing is None:
            return Outcome.STORED, True
        if existing["body_sha256"] == item["body_sha256"]:
            return Outcome.DUPLICATE, True
        return self._put_conflict(event, now), False

    def _put_conflict(self, event: Event, now: float) -> Outcome:
        item = self._event_item(event, Outcome.CONFLICT, now)
        digest = item["body_sha256"]["S"]
        key = {"pk": {"S": f"event#{event.source}#{event.id}"}, "sk": {"S": f"conflict#{digest}"}}
        return Outcome.CONFLICT if self._put_new(key | item, now) is None else Outcome.DUPLICATE

    def _put_new(self, item: Item, now: float) -> Mapping[str, Any] | None:
        """None when the item was written, else the one that was there.

        An item past its time may stay readable for days until DynamoDB deletes it, so its place counts as free:
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
        """
        return self._put_if("attribute_not_exists(pk) OR expires_at < :now", {":now": {"N": str(int(now))}}, item)

    def _put_if(self, condition: str, values: Item, item: Item) -> Mapping[str, Any] | None:
        try:
            self.client.put_item(
                TableName=self.table_name,
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self.client.exceptions.ConditionalCheckFailedException as error:
            existing: Mapping[str, Any] = error.response["Item"]  # type: ignore[typeddict-item]
            return existing
        return None

    def _event_item(self, event: Event, outcome: Outcome, now: float) -> Item:
        return self._common_item(event, outcome, now) | _texts(
            event_id=event.id, sender_id=event.sender_id, event_type=event.type, key_id=event.key_id
        )

    def _common_item(self, message: Event | Quarantined, outcome: Outcome, now: float) -> Item:
        digest = hashlib.sha256(message.body).hexdigest()
        shard = int(hashlib.sha256(message.message_id.encode()).hexdigest()[:8], 16) % LANE_SHARDS
        item = _texts(
            source=message.source,
            outcome=outcome.value,
            lane=f"{message.source}#{outcome.value}#{shard}",
            content_type=message.content_type,
            request_id=message.request_id,
            message_id=message.message_id,
            body_sha256=digest,
        )
        item |= self._expiry(now) | {
            "received_at_ms": {"N": str(message.received_at_ms)},
            "stored_at_ms": {"N": str(int(now * 1000))},
            "body_bytes": {"N": str(len(message.body))},
        }
        return item | _body(message.body, _size(item))

    def _expiry(self, now: float) -> Item:
        return {"expires_at": {"N": str(int(now) + self.retention_days * SECONDS_PER_DAY)}}


def key_use(source: str, key_id: str) -> Item:
    """The key of the item with a key's last use."""
    return {"pk": {"S": f"key#{source}#{key_id}"}, "sk": {"S": "key"}}


def stored_body(item: Mapping[str, Any]) -> bytes:
    """The exact bytes that came, from an item as boto3's client gives it."""
    body: bytes = item["body"]["B"]
    return zlib.decompress(body) if "body_encoding" in item else body


def _body(body: bytes, rest_bytes: int) -> Item:
    """The body as attributes, compressed when that saves a write unit (1 KB of an item, rounded up)."""
    packed = zlib.compress(body)
    plain_units = -(-(rest_bytes + len(body)) // WRITE_UNIT_BYTES)
    packed_units = -(-(rest_bytes + len("body_encodingzlib") + len(packed)) // WRITE_UNIT_BYTES)
    if packed_units < plain_units:
        return {"body": {"B": packed}, "body_encoding": {"S": "zlib"}}
    return {"body": {"B": body}}


def _texts(**values: str) -> Item:
    return {name: {"S": value} for name, value in values.items() if value}


def _size(item: Item) -> int:
    return sum(len(name) + len(text) for name, value in item.items() for text in value.values())
