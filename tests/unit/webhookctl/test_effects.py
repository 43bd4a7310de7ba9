"""What `event` and `events` tell of an event whose lane acts on it, and how bodies in parts are read."""

import base64
import dataclasses
import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from common.reasons import Reason
from processor.circuit import CircuitState
from processor.event import Event, Quarantined
from processor.lease import State
from processor.store import EventStore, Lease
from tests.unit.webhookctl.conftest import TABLE, Ended, Run
from webhookctl import cli, events
from webhookctl.reasons import EFFECT_HINTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = time.time()
BODY = hashlib.shake_128().digest(1_000)
LATER = 600  # seconds: long after the test has ended


class Orders:
    """What a test has put into the table of a lane with an effect."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.client = client
        self.store = EventStore(client, TABLE, 30)

    def event(self, event_id: str = "evt-1", *, age_seconds: int = 0, body: bytes = b"{}", request: str = "r") -> Event:
        return Event(
            source="orders",
            id=event_id,
            type="paid",
            key_id="0123abcd",
            content_type="application/json",
            received_at_ms=int((NOW - age_seconds) * 1000),
            request_id=request,
            message_id=f"message-{event_id}",
            body=body,
        )

    def begin(self, event: Event) -> Lease:
        lease = self.store.begin(event, "me", int((NOW + LATER) * 1000), NOW, sent_ms=int(NOW * 1000))
        assert isinstance(lease, Lease)
        return lease

    def circuit(self, state: str, until_seconds: float = 0) -> None:
        """Puts the lane's circuit into that state, an open one until so long from now."""
        circuit = CircuitState(state, int((NOW + until_seconds) * 1000), int(NOW * 1000), 10, "http 503")
        assert self.store.change_circuit("orders", self.store.read_circuit("orders"), circuit)

    def put(self, event_id: str, state: State, age_seconds: int = 0, error: str = "", result: str = "") -> None:
        """Keeps an event whose first attempt has led to that state."""
        lease = self.begin(self.event(event_id, age_seconds=age_seconds))
        if state is State.WAITING:
            self.store.wait(lease, 1, int((NOW + LATER) * 1000), error)
        elif state is not State.RUNNING:
            self.store.end(lease, state, NOW, error=error, result=result)


@pytest.fixture
def orders(dynamodb: "DynamoDBClient") -> Orders:
    return Orders(dynamodb)


@pytest.fixture
def query(run: Run, deployed: Callable[..., Path]) -> Callable[..., Ended]:
    """Runs a command on an environment with a lane that has an effect, and one that only stores."""
    environment = deployed(effects={"orders": "http"}, orders="github", mirror="github")

    def query(*arguments: str) -> Ended:
        return run(*arguments, "--env", str(environment))

    return query


Query = Callable[..., Ended]


def listed(ended: Ended) -> list[dict[str, Any]]:
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.out.splitlines()]


def test_an_event_is_listed_by_what_became_of_its_effect(orders: Orders, query: Query) -> None:
    for age, state in enumerate(State):
        orders.put(f"evt-{state}", state, age_seconds=age)
    stored = orders.event("evt-stored", age_seconds=20)._replace(source="mirror")
    orders.store.put_event(stored, NOW)
    lines = [line.split() for line in query("events").out.splitlines()]
    assert [(line[2], line[3]) for line in lines] == [
        *((state, f"evt-{state}") for state in State),
        ("stored", "evt-stored"),
    ]


def test_a_program_gets_outcome_and_effect_apart(orders: Orders, query: Query) -> None:
    orders.put("evt-1", State.WAITING, error="http 503")
    (row,) = listed(query("events", "--json"))
    assert row["outcome"] == "stored"
    next_attempt_at = row["effect"].pop("next_attempt_at")
    assert row["effect"] == {"state": "waiting", "attempts": 1, "last_error": "http 503"}
    assert next_attempt_at > row["received_at"]


def test_each_state_of_an_effect_can_be_asked_for(orders: Orders, query: Query) -> None:
    for state in State:
        orders.put(f"evt-{state}", state)
    assert {*State} <= {*map(str, cli.Outcome)}
    for state in State:
        assert [row["event_id"] for row in listed(query("events", "--outcome", state, "--json"))] == [f"evt-{state}"]
    assert len(listed(query("events", "--outcome", "stored", "--json"))) == len(State)


def test_the_limit_is_of_those_in_the_state_however_many_others_came_since(
    orders: Orders, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAGE_ITEMS", 2)
    monkeypatch.setattr(events, "SEARCHED_PAGE_ITEMS", 3)
    for number in range(40):
        orders.put(f"evt-{number:02}", State.REJECTED if number % 13 == 12 else State.DONE, age_seconds=number)
    rejected = ["evt-12", "evt-25", "evt-38"]
    for limit in (1, 2, 3, 50):
        rows = listed(query("events", "--outcome", "rejected", "--limit", str(limit), "--json"))[:limit]
        assert [row["event_id"] for row in rows] == rejected[:limit]


def test_a_waiting_event_tells_its_attempts_and_when_the_next_is_due(
    orders: Orders, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.put("evt-1", State.WAITING, error="http 503\x1b[2J")
    monkeypatch.setattr("webhookctl.cli.time.time", lambda: NOW + LATER - 180)
    out = query("event", "evt-1").out
    assert out.startswith("evt-1  orders  waiting\n")
    assert re.search(
        r"\n  attempts +1 of 10\n  last error +http 503\\x1b\[2J\n  next attempt +.* UTC \(in 3 min\)\n", out
    )
    assert "ended at" not in out
    assert "lease until" not in out


def next_attempt(ended: Ended) -> str:
    found = re.search(r"\n  next attempt  (.*)\n", ended.out)
    assert found is not None
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", found[1])


@pytest.mark.parametrize(
    ("state", "until_seconds", "shown"),
    [
        ("closed", 0, "due since TIME (5 min ago)"),
        ("open", LATER + 600, "not before TIME (in 5 min): circuit open"),
        ("open", LATER + 200, "due since TIME (5 min ago): circuit open"),
        ("paused", 0, "none before webhookctl resume orders --env {environment}: the lane is paused"),
    ],
)
def test_an_event_that_is_due_tells_what_holds_its_attempt_up(
    orders: Orders,
    query: Query,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    until_seconds: float,
    shown: str,
) -> None:
    orders.put("evt-1", State.WAITING, error="http 503")
    orders.circuit(state, until_seconds)
    monkeypatch.setattr("webhookctl.cli.time.time", lambda: NOW + LATER + 300)
    assert next_attempt(query("event", "evt-1")) == shown.format(environment=tmp_path / "env")


@pytest.mark.parametrize(
    ("until_seconds", "shown"),
    [(LATER - 100, "TIME (in 3 min)"), (LATER + 420, "not before TIME (in 10 min): circuit open")],
)
def test_an_event_that_is_not_due_waits_for_its_time_and_for_the_circuit(
    orders: Orders, query: Query, monkeypatch: pytest.MonkeyPatch, until_seconds: float, shown: str
) -> None:
    orders.put("evt-1", State.WAITING, error="http 503")
    orders.circuit("open", until_seconds)
    monkeypatch.setattr("webhookctl.cli.time.time", lambda: NOW + LATER - 180)
    assert next_attempt(query("event", "evt-1")) == shown


@pytest.mark.parametrize("state", [State.RUNNING, State.DONE])
def test_of_an_event_that_waits_for_nothing_the_circuit_is_not_asked(
    orders: Orders, query: Query, state: State
) -> None:
    orders.put("evt-1", state)
    orders.circuit("open", LATER)
    assert "circuit" not in query("event", "evt-1").out


def test_a_running_event_tells_until_when_nobody_else_attempts_it(
    orders: Orders, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.put("evt-1", State.RUNNING)
    monkeypatch.setattr("webhookctl.cli.time.time", lambda: NOW + LATER + 300)
    assert re.search(r"\n  lease until +.* UTC \(5 min ago\)\n", query("event", "evt-1").out)
    effect = query("event", "evt-1", "--json").document["effect"]
    assert effect.pop("lease_until").endswith("Z")
    assert effect == {
        "state": "running",
        "attempts": 1,
        "max_attempts": 10,
        "last_error": None,
        "next_attempt_at": None,
        "result": None,
        "ended_at": None,
    }


def test_a_done_event_tells_its_result_and_when_it_ended(
    orders: Orders, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.put("evt-1", State.DONE, result="http 204")
    monkeypatch.setattr("webhookctl.cli.time.time", lambda: NOW + 90)
    assert re.search(r"\n  result +http 204\n  ended at +.* UTC \(90 s ago\)\n", query("event", "evt-1").out)
    effect = query("event", "evt-1", "--json").document["effect"]
    assert (effect["state"], effect["result"], effect["lease_until"]) == ("done", "http 204", None)
    assert effect["ended_at"].endswith("Z")


def test_what_an_earlier_attempt_left_behind_is_not_told(orders: Orders, query: Query) -> None:
    orders.put("evt-1", State.EXHAUSTED, error="http 503")
    orders.client.update_item(
        TableName=TABLE,
        Key={"pk": {"S": "event#orders#evt-1"}, "sk": {"S": "event"}},
        UpdateExpression="SET effect = :running, next_attempt_at_ms = :past",
        ExpressionAttributeValues={":running": {"S": "running"}, ":past": {"N": "1"}},
    )
    effect = query("event", "evt-1", "--json").document["effect"]
    assert (effect["ended_at"], effect["next_attempt_at"]) == (None, None)
    assert effect["last_error"] == "http 503"


@pytest.mark.parametrize("state", [State.REJECTED, State.EXHAUSTED])
def test_what_ended_badly_comes_with_what_to_do_on_a_terminal_only(
    orders: Orders, query: Query, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    orders.put("evt-1", state)
    assert EFFECT_HINTS[state] not in query("event", "evt-1").out
    monkeypatch.setattr("webhookctl.event_view.is_terminal", lambda: True)
    assert EFFECT_HINTS[state] in query("event", "evt-1").out


def test_of_an_older_apply_the_number_of_attempts_is_left_out(
    orders: Orders, run: Run, deployed: Callable[..., Path]
) -> None:
    orders.put("evt-1", State.DONE)
    environment = str(deployed(orders="github"))
    assert re.search(r"\n  attempts +1\n", run("event", "evt-1", "--env", environment).out)
    assert run("event", "evt-1", "--env", environment, "--json").document["effect"]["max_attempts"] is None


def test_the_receipt_of_a_duplicate_is_no_conflict(orders: Orders, query: Query) -> None:
    orders.store = dataclasses.replace(orders.store, receipts=True)
    for request in ("first", "second", "third"):
        orders.store.put_event(orders.event(request=request), NOW)
    assert [item["sk"]["S"] for item in items(orders)] == ["duplicate#second", "duplicate#third", "event"]
    document = query("event", "evt-1", "--json").document
    assert (document["request_id"], document["conflicts"]) == ("first", [])


@pytest.fixture
def in_parts(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> Orders:
    """Stores bodies in parts of 300 bytes."""
    monkeypatch.setattr("processor.store.PART_BYTES", 300)
    orders.store = dataclasses.replace(orders.store, inline_bytes=0)
    return orders


def items(orders: Orders, prefix: str = "") -> list[dict[str, Any]]:
    found = orders.client.scan(TableName=TABLE)["Items"]
    return sorted((item for item in found if item["sk"]["S"].startswith(prefix)), key=lambda item: item["sk"]["S"])


def body_of(document: dict[str, Any]) -> bytes:
    return base64.b64decode(document["body_base64"])


@pytest.mark.parametrize("body", [BODY, b"a" * 1_000_000], ids=["plain", "compressed"])
def test_a_body_in_parts_is_shown_whole(in_parts: Orders, query: Query, tmp_path: Path, body: bytes) -> None:
    in_parts.store.put_event(in_parts.event(body=body), NOW)
    assert len(items(in_parts, "body#")) > 1
    ended = query("event", "evt-1", "--json", "--body-to", "copy")
    assert (ended.code, ended.err) == (0, "")
    assert body_of(ended.document) == body
    assert ended.document["body_bytes"] == len(body)
    assert (tmp_path / "copy").read_bytes() == body


def test_conflicts_and_quarantined_messages_have_their_own_parts(in_parts: Orders, query: Query) -> None:
    other = BODY[::-1]
    in_parts.store.put_event(in_parts.event(body=BODY), NOW)
    in_parts.store.put_event(in_parts.event(body=other, request="another"), NOW + 1)
    forged = Quarantined("orders", Reason.SIGNATURE_MISMATCH, "text/plain", 1, "request", "message-9", BODY)
    in_parts.store.put_quarantined(forged, NOW)
    document = query("event", "evt-1", "--json").document
    assert [body_of(entry) for entry in (document, *document["conflicts"])] == [BODY, other]
    assert body_of(query("event", "message-9", "--json").document) == BODY


def test_a_body_that_lacks_a_part_is_a_failure_after_all_the_rest(
    in_parts: Orders, query: Query, tmp_path: Path
) -> None:
    in_parts.begin(in_parts.event(body=BODY))
    _, part, *_ = items(in_parts, "body#")
    in_parts.client.delete_item(TableName=TABLE, Key={name: part[name] for name in ("pk", "sk")})
    ended = query("event", "evt-1", "--body-to", "copy")
    assert ended.code == 1
    assert ended.err == "Error: The body is not whole yet: 3 of its 4 parts are there.\n"
    assert re.search(r"\n  attempts +1 of 10\n(.*\n)+  sha256 +[0-9a-f]{64}\n$", ended.out)
    assert not (tmp_path / "copy").exists()
    in_json = query("event", "evt-1", "--json")
    assert (in_json.code, in_json.document["body_base64"]) == (1, None)
    alone = query("event", "evt-1", "--body-to", "-")
    assert (alone.code, alone.out) == (1, "")


def test_a_body_that_is_not_the_one_that_came_is_a_failure(in_parts: Orders, query: Query) -> None:
    in_parts.store.put_event(in_parts.event(body=BODY), NOW)
    part = items(in_parts, "body#")[2]
    in_parts.client.put_item(TableName=TABLE, Item=part | {"body": {"B": bytes(300)}})
    ended = query("event", "evt-1", "--json")
    assert (ended.code, ended.document["body_base64"]) == (1, None)
    assert ended.err.startswith("Error: The body is not whole yet: ")


def test_a_conflict_whose_body_is_not_whole_is_told_as_such(in_parts: Orders, query: Query) -> None:
    in_parts.store.put_event(in_parts.event(body=b"{}"), NOW)
    in_parts.store.put_event(in_parts.event(body=BODY, request="another"), NOW)
    for part in items(in_parts, "body#"):
        if len(part["body"]["B"]) == 300:
            in_parts.client.delete_item(TableName=TABLE, Key={name: part[name] for name in ("pk", "sk")})
    ended = query("event", "evt-1")
    assert ended.out.endswith("\n\n{}\n")
    assert "the same id with another body, 1,000 bytes" in ended.out
    assert (ended.code, ended.err) == (
        1,
        "Error: The body of a conflict is not whole yet: 1 of its 4 parts are there.\n",
    )


def test_no_part_is_read_but_for_its_own_body(in_parts: Orders, query: Query) -> None:
    in_parts.store.put_event(in_parts.event(body=BODY), NOW)
    other = dataclasses.replace(in_parts.store, inline_bytes=10_000)
    other.put_event(in_parts.event("evt-2"), NOW)
    read: list[int] = []
    in_parts.client.meta.events.register("after-call.dynamodb.Query", lambda parsed, **_: read.append(parsed["Count"]))
    table = events.Table(in_parts.client, TABLE)
    assert len(list(table.newest(["orders"], ["stored"]))) == 2
    assert sum(read) == 2
    read.clear()
    assert table.find("orders", "evt-2")
    assert sum(read) == 1
    read.clear()
    assert table.find("orders", "evt-1")
    assert sum(read) == 1 + 4
