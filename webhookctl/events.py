"""Reads the table: events newest first by the index `by_time`, and one event by its id."""

import heapq
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from processor.event import Outcome
from processor.store import LANE_SHARDS, stored_body
from webhookctl.failure import Failure, WrongUsage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "by_time"
OUTCOMES = (Outcome.STORED, Outcome.CONFLICT, Outcome.QUARANTINED)
PAGE_ITEMS = 100
PARALLEL_QUERIES = 10  # as many connections as boto3's pool has

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as the index has it. `id` is the event's, or for a quarantined message, that has none, the message's."""

    source: str
    outcome: str
    id: str
    event_type: str
    reason: str
    body_bytes: int
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class Entry:
    """All that is kept of one webhook. `sender_id` is the sender's own id where the event goes by another."""

    row: Row
    body: bytes
    body_sha256: str
    content_type: str
    key_id: str
    message_id: str
    request_id: str
    stored_at_ms: int
    sender_id: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept under one id: the entry that came first, and those that came after it with another body."""

    entry: Entry
    conflicts: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class _Query:
    since_ms: int
    items: int


@dataclass(frozen=True, slots=True)
class Table:
    """The table of an environment, read only. Raises what boto3 raises."""

    client: "DynamoDBClient"
    name: str

    def newest(
        self, sources: Sequence[str], outcomes: Sequence[str], since: datetime | None = None, limit: int | None = None
    ) -> Iterator[Row]:
        """The newest entries of these sources and outcomes, newest first, read as far as they are asked for."""
        lanes = [
            f"{source}#{outcome}#{shard}"
            for source, outcome, shard in itertools.product(sources, outcomes, range(LANE_SHARDS))
        ]
        query = _Query(
            since_ms=int(since.timestamp() * 1000) if since else 0, items=min(limit or PAGE_ITEMS, PAGE_ITEMS)
        )
        # Twice its share of the limit is enough of most lanes; of the others, more is read when it is needed.
        share = math.ceil(2 * query.items / (len(sources) * LANE_SHARDS or 1))
        first = replace(query, items=min(share, query.items))
        with ThreadPoolExecutor(PARALLEL_QUERIES) as pool:
            pages = list(pool.map(lambda lane: self._page(lane, first), lanes))
        rows = [self._lane(lane, query, page) for lane, page in zip(lanes, pages, strict=True)]
        return itertools.islice(heapq.merge(*rows, key=lambda row: row.received_at_ms, reverse=True), limit)

    def find(self, source: str, wanted_id: str) -> Record | None:
        """What is kept of one source under an event's id, or under the message id of a quarantined message."""
        items = [*self._items(f"event#{source}#{wanted_id}"), *self._items(f"quarantine#{source}#{wanted_id}")]
        if not items:
            return None
        entries = sorted(
            map(_entry, items), key=lambda entry: (entry.row.outcome == Outcome.CONFLICT, entry.stored_at_ms)
        )
        return Record(entries[0], entries[1:])

    def _lane(self, lane: str, query: "_Query", page: Mapping[str, Any]) -> Iterator[Row]:
        while True:
            yield from map(_row, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            page = self._page(lane, query, page["LastEvaluatedKey"])

    def _page(self, lane: str, query: "_Query", start: Any = None) -> Mapping[str, Any]:
        return self.client.query(
            TableName=self.name,
            IndexName=INDEX,
            KeyConditionExpression="lane = :lane AND received_at_ms >= :since",
            ExpressionAttributeValues={":lane": {"S": lane}, ":since": {"N": str(query.since_ms)}},
            ScanIndexForward=False,
            Limit=query.items,
            **({"ExclusiveStartKey": start} if start else {}),
        )

    def _items(self, pk: str) -> Iterator[Item]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def find_only(table: Table, sources: Sequence[str], wanted_id: str) -> Record:
    """What the one source that has this id keeps under it. Raises Failure when none has, WrongUsage when several."""
    with ThreadPoolExecutor(PARALLEL_QUERIES) as pool:
        records = [record for record in pool.map(lambda source: table.find(source, wanted_id), sources) if record]
    if not records:
        raise Failure(
            f"There is no event {wanted_id!r} of {', '.join(sources)}. A receipt is not an event's id, and what was "
            "accepted may still wait in the queue: webhookctl events lists what was kept."
        )
    if len(records) > 1:
        having = ", ".join(record.entry.row.source for record in records)
        raise WrongUsage(f"Several sources have an event {wanted_id!r} ({having}): choose one with --source.")
    return records[0]


def _row(item: Item) -> Row:
    return Row(
        source=_text(item, "source"),
        outcome=_text(item, "outcome"),
        id=_text(item, "event_id") or _text(item, "pk").split("#", 2)[2],
        event_type=_text(item, "event_type"),
        reason=_text(item, "reason"),
        body_bytes=_number(item, "body_bytes"),
        received_at_ms=_number(item, "received_at_ms"),
    )


def _entry(item: Item) -> Entry:
    return Entry(
        row=_row(item),
        body=stored_body(item),
        body_sha256=_text(item, "body_sha256"),
        content_type=_text(item, "content_type"),
        key_id=_text(item, "key_id"),
        message_id=_text(item, "message_id"),
        request_id=_text(item, "request_id"),
        stored_at_ms=_number(item, "stored_at_ms"),
        sender_id=_text(item, "sender_id"),
    )


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {}).get("N", "0"))
