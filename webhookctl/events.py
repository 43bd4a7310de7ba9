"""Reads the table: events newest first by the index `by_time`, and one event by its id."""

import heapq
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from processor.circuit import CircuitState
from processor.event import Outcome
from processor.lease import State
from processor.store import LANE_SHARDS, circuit_key, circuit_state, part_key, stored_body
from webhookctl.failure import Failure, WrongUsage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "by_time"
OUTCOMES = (Outcome.STORED, Outcome.CONFLICT, Outcome.QUARANTINED)
PAGE_ITEMS = 100
SEARCHED_PAGE_ITEMS = 2_000
"""Looked at for one page where most are filtered out: at some 300 bytes each, less than the 1 MB that it may have."""

PARALLEL_QUERIES = 10  # as many connections as boto3's pool has

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of an event whose lane acts on it. The index has the first four alone.

    `next_attempt_at_ms` is there while it waits, `lease_until_ms` while it runs, and `ended_at_ms` from its end on.
    """

    state: str
    attempts: int
    last_error: str
    next_attempt_at_ms: int | None
    lease_until_ms: int | None = None
    result: str = ""
    ended_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as the index has it. `id` is the event's, or for a quarantined message, that has none, the message's.

    `effect` is of a stored event in a lane that has one.
    """

    source: str
    outcome: str
    id: str
    event_type: str
    reason: str
    body_bytes: int
    received_at_ms: int
    effect: Effect | None = None

    @property
    def status(self) -> str:
        """Where it stands, in one word: the effect's where there is one, else the outcome."""
        return self.effect.state if self.effect else self.outcome

    @property
    def is_waiting(self) -> bool:
        """Whether there is another attempt at its effect."""
        return self.effect is not None and self.effect.state == State.WAITING


@dataclass(frozen=True, slots=True)
class Entry:
    """All that is kept of one webhook. `sender_id` is the sender's own id where the event goes by another.

    Where the `body` is not whole there is none, and `body_fault` says what it lacks.
    """

    row: Row
    body: bytes | None
    body_fault: str
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
    effect: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """The table of an environment, read only. Raises what boto3 raises."""

    client: "DynamoDBClient"
    name: str

    def newest(
        self,
        sources: Sequence[str],
        outcomes: Sequence[str],
        since: datetime | None = None,
        limit: int | None = None,
        effect: str | None = None,
    ) -> Iterator[Row]:
        """The newest entries of these sources and outcomes, newest first, read as far as they are asked for.

        With `effect`, only those whose effect is in that state.
        """
        lanes = [
            f"{source}#{outcome}#{shard}"
            for source, outcome, shard in itertools.product(sources, outcomes, range(LANE_SHARDS))
        ]
        since_ms = int(since.timestamp() * 1000) if since else 0
        query = _Query(since_ms, min(limit or PAGE_ITEMS, PAGE_ITEMS), effect)
        # Twice its share of the limit is enough of most lanes; of the others, more is read when it is needed.
        share = math.ceil(2 * query.items / (len(sources) * LANE_SHARDS or 1))
        first = replace(query, items=min(share, query.items))
        with ThreadPoolExecutor(PARALLEL_QUERIES) as pool:
            pages = list(pool.map(lambda lane: self._page(lane, first), lanes))
        rows = [self._lane(lane, query, page) for lane, page in zip(lanes, pages, strict=True)]
        return itertools.islice(heapq.merge(*rows, key=lambda row: row.received_at_ms, reverse=True), limit)

    def find(self, source: str, wanted_id: str) -> Record | None:
        """What is kept of one source under an event's id, or under the message id of a quarantined message."""
        found = [*self._entries(f"event#{source}#{wanted_id}"), *self._entries(f"quarantine#{source}#{wanted_id}")]
        if not found:
            return None
        entries = sorted(found, key=lambda entry: (entry.row.outcome == Outcome.CONFLICT, entry.stored_at_ms))
        return Record(entries[0], entries[1:])

    def circuit(self, source: str) -> CircuitState:
        """The circuit of a source's lane. By a query, as all else here: whoever may read events may read this."""
        key = circuit_key(source)
        found = self._items("pk = :pk AND sk = :sk", {":pk": key["pk"], ":sk": key["sk"]})
        return circuit_state(next(found, {}))

    def _lane(self, lane: str, query: "_Query", page: Mapping[str, Any]) -> Iterator[Row]:
        while True:
            yield from map(_row, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            page = self._page(lane, query, page["LastEvaluatedKey"])

    def _page(self, lane: str, query: "_Query", start: Any = None) -> Mapping[str, Any]:
        """The lane's next page that has anything in it, or its last."""
        while True:
            page = self._query(lane, query, start)
            start = page.get("LastEvaluatedKey")
            if page["Items"] or not start:
                return page
            # Those in that state are rare here, and a page's limit counts what was looked at, not what was found.
            query = replace(query, items=SEARCHED_PAGE_ITEMS)

    def _query(self, lane: str, query: "_Query", start: Any) -> Mapping[str, Any]:
        values = {":lane": {"S": lane}, ":since": {"N": str(query.since_ms)}}
        more: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
        if query.effect:
            values[":effect"] = {"S": query.effect}
            more["FilterExpression"] = "effect = :effect"
        return self.client.query(
            TableName=self.name,
            IndexName=INDEX,
            KeyConditionExpression="lane = :lane AND received_at_ms >= :since",
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=query.items,
            **more,
        )

    def _entries(self, pk: str) -> Iterator[Entry]:
        """What is kept under this key, each with its body, wherever that is; without the receipts of duplicates."""
        past_all_parts = {":pk": {"S": pk}, ":sk": {"S": "body$"}}  # "$" comes after "#", and "c" after "b"
        for item in self._items("pk = :pk AND sk > :sk", past_all_parts):
            if _text(item, "outcome") != Outcome.DUPLICATE:
                yield self._entry(item)

    def _entry(self, item: Item) -> Entry:
        count = _number(item, "body_parts")
        parts = self._parts(item, count) if count else []
        if len(parts) < count:
            return _entry(item, None, f"{len(parts)} of its {count} parts are there")
        try:
            return _entry(item, stored_body(item, parts), "")
        except ValueError as error:
            return _entry(item, None, str(error))

    def _parts(self, item: Item, count: int) -> list[bytes]:
        digest = _text(item, "body_sha256")
        first, last = part_key(digest, 0), part_key(digest, count - 1)
        values = {":pk": item["pk"], ":first": {"S": first}, ":last": {"S": last}}
        return [part["body"]["B"] for part in self._items("pk = :pk AND sk BETWEEN :first AND :last", values)]

    def _items(self, condition: str, values: Mapping[str, Any]) -> Iterator[Item]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def choose_rows(wanted: str | None) -> tuple[Sequence[str], str | None]:
    """The outcomes and the state of the effect to list, of an outcome, such a state, or nothing in particular."""
    if wanted is None:
        return OUTCOMES, None
    return ([Outcome.STORED], wanted) if wanted in set(State) else ([wanted], None)


def whole_body(entry: Entry) -> bytes:
    """The entry's body. Raises Failure when it is not whole."""
    if entry.body is None:
        whose = "The body of a conflict" if entry.row.outcome == Outcome.CONFLICT else "The body"
        raise Failure(f"{whose} is not whole yet: {entry.body_fault}.")
    return entry.body


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
        effect=_effect(item) if "effect" in item else None,
    )


def _effect(item: Item) -> Effect:
    """Of what an earlier attempt left on the item, only what still holds."""
    state = _text(item, "effect")
    return Effect(
        state=state,
        attempts=_number(item, "attempts"),
        last_error=_text(item, "last_error"),
        next_attempt_at_ms=_number_if_any(item, "next_attempt_at_ms") if state == State.WAITING else None,
        lease_until_ms=_number_if_any(item, "lease_until_ms") if state == State.RUNNING else None,
        result=_text(item, "effect_result"),
        ended_at_ms=None if state in {State.RUNNING, State.WAITING} else _number_if_any(item, "effect_at_ms"),
    )


def _entry(item: Item, body: bytes | None, body_fault: str) -> Entry:
    return Entry(
        row=_row(item),
        body=body,
        body_fault=body_fault,
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
    return _number_if_any(item, name) or 0


def _number_if_any(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None
