import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from processor.circuit import CircuitState
from processor.store import EventStore
from tests.unit.webhookctl.conftest import QUEUES, REGION, TABLE, Ended, Run

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW_MS = int(time.time() * 1000)
PAUSED = CircuitState("paused", opened_at_ms=NOW_MS - 300_000, error="http 410: gone\x1b[2J")
OPEN = CircuitState("open", NOW_MS + 600_000, NOW_MS - 300_000, 10, "http 503")
SOURCES = {"shop": "github", "audit": "github", "orders": "github"}
EFFECTS = {"shop": "http", "orders": "postgres"}


class Lanes:
    """The queues and the circuits of an account of moto's."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.store = EventStore(dynamodb, TABLE, 30)
        self.sqs = boto3.client("sqs", region_name=REGION)
        for source in SOURCES:
            for name in (f"webhook-test-{source}", f"webhook-test-{source}-dead-letter"):
                self.sqs.create_queue(QueueName=name)

    def put(self, source: str, circuit: CircuitState) -> None:
        assert self.store.change_circuit(source, self.store.read_circuit(source), circuit)

    def send(self, queue: str, count: int = 1, *, received: int = 0) -> None:
        url = f"{QUEUES}/webhook-test-{queue}"
        for _ in range(count):
            self.sqs.send_message(QueueUrl=url, MessageBody="1")
        for _ in range(received):
            self.sqs.receive_message(QueueUrl=url, VisibilityTimeout=900)


@pytest.fixture
def lanes(dynamodb: "DynamoDBClient") -> Lanes:
    return Lanes(dynamodb)


@pytest.fixture
def query(run: Run, deployed: Callable[..., Path]) -> Callable[..., Ended]:
    environment = deployed(effects=EFFECTS, **SOURCES)

    def query(*arguments: str) -> Ended:
        return run(*arguments, "--env", str(environment))

    return query


Query = Callable[..., Ended]


def test_each_lane_is_shown_by_its_name_with_what_its_queues_hold(lanes: Lanes, query: Query) -> None:
    lanes.send("orders", 5, received=2)
    lanes.send("audit-dead-letter", 3, received=1)
    ended = query("lanes")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split() for line in ended.out.splitlines()] == [
        ["source", "effect", "waiting", "in", "flight", "dead-lettered", "circuit"],
        ["audit", "stores", "0", "0", "3", "-"],
        ["orders", "postgres", "3", "2", "0", "closed"],
        ["shop", "http", "0", "0", "0", "closed"],
    ]


def test_a_program_gets_one_document_of_all_lanes(lanes: Lanes, query: Query) -> None:
    lanes.send("orders", 2, received=1)
    lanes.put("orders", OPEN)
    audit, orders, shop = query("lanes", "--json").document["lanes"]
    assert (audit["source"], audit["effect"], audit["attempts"], audit["circuit"]) == ("audit", None, None, None)
    assert shop["circuit"] == {"state": "closed", "opened_at": None, "next_probe_at": None, "error": None}
    circuit = orders.pop("circuit")
    assert orders == {
        "source": "orders",
        "effect": "postgres",
        "attempts": 10,
        "waiting": 1,
        "in_flight": 1,
        "dead_lettered": 0,
    }
    assert circuit.pop("opened_at") < circuit.pop("next_probe_at")
    assert circuit == {"state": "open", "error": "http 503"}


def test_of_an_open_circuit_it_tells_since_when_why_and_the_next_attempt(
    lanes: Lanes, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes.put("orders", OPEN)
    monkeypatch.setattr("webhookctl.cli.time.time", lambda: NOW_MS / 1000)
    line = query("lanes").out.splitlines()[-1]
    assert line.startswith("orders is open since ")
    assert " (5 min ago): http 503. " in line
    assert " UTC (in 10 min) on is attempted" in line
    monkeypatch.setattr("webhookctl.cli.time.time", lambda: NOW_MS / 1000 + 3_600)
    assert query("lanes").out.endswith(" The first event to be due is attempted, to find out whether that lasts.\n")


def test_of_a_paused_lane_it_tells_why_and_how_to_resume_it(lanes: Lanes, query: Query, tmp_path: Path) -> None:
    lanes.put("shop", PAUSED)
    line = query("lanes").out.splitlines()[-1]
    assert line.startswith("shop is paused since ")
    assert ": http 410: gone\\x1b[2J. " in line
    assert line.endswith(f"until: webhookctl resume shop --env {tmp_path / 'env'}")


def test_on_a_terminal_it_is_a_table_that_fits(lanes: Lanes, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    lanes.put("shop", PAUSED)
    monkeypatch.setattr("webhookctl.lanes_view.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    table, _, sentence = query("lanes").out.partition("\n\n")
    assert max(map(len, table.splitlines())) <= 80
    assert table.splitlines()[-1].split() == ["shop", "http", "0", "0", "0", "paused"]
    assert sentence.startswith("shop is paused")


def test_a_queue_that_is_not_there_is_a_failure_of_one_line(lanes: Lanes, query: Query) -> None:
    lanes.sqs.delete_queue(QueueUrl=f"{QUEUES}/webhook-test-shop")
    ended = query("lanes")
    assert (ended.code, ended.out) == (1, "")
    assert "AWS answered GetQueueAttributes with" in ended.err


@pytest.mark.parametrize("found", [PAUSED, OPEN], ids=["paused", "open"])
def test_a_lane_that_stands_still_is_resumed(lanes: Lanes, query: Query, found: CircuitState) -> None:
    lanes.put("shop", found)
    lanes.put("orders", PAUSED)
    ended = query("resume", "shop")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"shop was {found.state} since ")
    assert " It is resumed: " in ended.out
    assert lanes.store.read_circuit("shop") == CircuitState()
    assert lanes.store.read_circuit("orders") == PAUSED


def test_a_resumed_circuit_can_open_again(lanes: Lanes, query: Query) -> None:
    lanes.put("shop", PAUSED)
    query("resume", "shop")
    assert lanes.store.change_circuit("shop", CircuitState(), OPEN)


def test_a_lane_at_work_has_nothing_to_resume(lanes: Lanes, query: Query) -> None:
    for _ in range(2):
        ended = query("resume", "shop")
        assert (ended.code, ended.out) == (0, "shop is neither paused nor open: there is nothing to resume.\n")
        lanes.put("shop", CircuitState())


def test_a_program_is_told_what_was_found(lanes: Lanes, query: Query) -> None:
    lanes.put("shop", PAUSED)
    document = query("resume", "shop", "--json").document
    assert document["found"].pop("opened_at").endswith("Z")
    assert document == {
        "source": "shop",
        "resumed": True,
        "found": {"state": "paused", "next_probe_at": None, "error": "http 410: gone\x1b[2J"},
    }
    assert query("resume", "shop", "--json").document["resumed"] is False


def test_a_circuit_that_changes_meanwhile_is_looked_at_again(
    lanes: Lanes, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes.put("shop", OPEN)
    change = EventStore.change_circuit
    seen: list[str] = []

    def changed_by_another(store: EventStore, source: str, found: CircuitState, state: CircuitState) -> bool:
        seen.append(found.state)
        if len(seen) == 1:
            change(store, source, found, PAUSED)
        return change(store, source, found, state)

    monkeypatch.setattr(EventStore, "change_circuit", changed_by_another)
    assert query("resume", "shop").out.startswith("shop was paused since ")
    assert seen == ["open", "paused"]
    assert lanes.store.read_circuit("shop") == CircuitState()


def test_a_lane_that_only_stores_cannot_be_resumed(lanes: Lanes, query: Query) -> None:
    only_stores, unknown = query("resume", "audit"), query("resume", "shpo")
    assert (only_stores.code, only_stores.out) == (2, "")
    assert only_stores.err == "Error: The lane of audit only stores: it has no circuit, and is never paused.\n"
    assert unknown.code == 2
    assert "There is no source 'shpo'" in unknown.err


def test_a_table_that_is_not_there_is_a_failure(aws: None, query: Query) -> None:
    ended = query("resume", "shop")
    assert (ended.code, ended.out) == (1, "")
    assert "There is no table webhook-test-events" in ended.err
