"""The circuit breaker's states and ways, each environment with a view of its own on the lane's one item."""

from typing import Any

import pytest

from processor.circuit import (
    FAILURES_TO_OPEN,
    FIRST_COOLDOWN_SECONDS,
    MAX_AGE_SECONDS,
    MAX_COOLDOWN_SECONDS,
    Circuit,
    CircuitState,
)
from processor.store import EventStore
from tests.unit.processor.conftest import TABLE, Bench

PROBE_SECONDS = 5


def circuit_of(bench: Bench) -> Circuit:
    return Circuit(EventStore(bench.client, TABLE, 30), "github", lambda: bench.now)


def kept(bench: Bench) -> CircuitState:
    return EventStore(bench.client, TABLE, 30).read_circuit("github")


def opened(bench: Bench) -> Circuit:
    circuit = circuit_of(bench)
    for _ in range(FAILURES_TO_OPEN):
        assert circuit.admits(PROBE_SECONDS)
        circuit.failed("http 500")
    return circuit


def test_a_circuit_is_closed_and_nothing_is_kept_of_it_while_attempts_succeed(bench: Bench) -> None:
    circuit = circuit_of(bench)
    for _ in range(2 * FAILURES_TO_OPEN):
        circuit.failed("http 500")
        circuit.succeeded()
    assert circuit.is_closed
    assert bench.items() == []


def test_failures_in_a_row_open_it_for_all_environments(bench: Bench) -> None:
    other = circuit_of(bench)
    circuit = opened(bench)
    assert not circuit.is_closed
    for view in (circuit, other):
        held = view.hold_seconds()
        assert held is not None
        assert not view.admits(PROBE_SECONDS)
        assert 0 < held <= FIRST_COOLDOWN_SECONDS
    assert (kept(bench).state, kept(bench).error) == ("open", "http 500")


def test_when_it_is_due_one_prober_goes_and_the_others_wait(bench: Bench) -> None:
    opened(bench)
    bench.now += FIRST_COOLDOWN_SECONDS
    views = [circuit_of(bench) for _ in range(4)]
    assert [view.hold_seconds() for view in views] == [None] * 4
    admitted = [view.admits(PROBE_SECONDS) for view in views]
    assert admitted == [True, False, False, False]
    assert views[0].hold_seconds() is not None  # one attempt, not one batch


def test_two_that_reach_for_the_probe_at_once_are_not_both_let_through(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(bench)
    bench.now += FIRST_COOLDOWN_SECONDS
    put_item, admitted = bench.client.put_item, []

    def overtaken(**call: Any) -> Any:
        monkeypatch.undo()
        admitted.append(circuit_of(bench).admits(PROBE_SECONDS))
        return put_item(**call)

    monkeypatch.setattr(bench.client, "put_item", overtaken)
    late = circuit_of(bench)
    assert late.hold_seconds() is None
    admitted.append(late.admits(PROBE_SECONDS))
    assert admitted == [True, False]


def test_a_probe_that_succeeds_closes_it_for_all(bench: Bench) -> None:
    other = opened(bench)
    bench.now += FIRST_COOLDOWN_SECONDS
    prober = circuit_of(bench)
    assert prober.hold_seconds() is None
    assert prober.admits(PROBE_SECONDS)
    prober.succeeded()
    assert prober.admits(PROBE_SECONDS)
    bench.now += MAX_AGE_SECONDS
    assert other.hold_seconds() is None
    assert other.is_closed


def test_each_probe_that_fails_doubles_the_wait_up_to_a_quarter_of_an_hour(bench: Bench) -> None:
    circuit = opened(bench)
    waits = []
    for _ in range(10):
        bench.now = kept(bench).until_ms / 1000
        assert circuit.hold_seconds() is None
        assert circuit.admits(PROBE_SECONDS)
        circuit.failed("http 503")
        waits.append(kept(bench).until_ms / 1000 - bench.now)
    assert waits[:3] == [2 * FIRST_COOLDOWN_SECONDS, 4 * FIRST_COOLDOWN_SECONDS, 8 * FIRST_COOLDOWN_SECONDS]
    assert waits[-1] == MAX_COOLDOWN_SECONDS
    assert kept(bench).error == "http 503"


def test_a_change_that_the_client_repeats_since_its_answer_was_lost_is_one_change(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_item = bench.client.put_item

    def twice(**call: Any) -> Any:
        put_item(**call)
        return put_item(**call)

    monkeypatch.setattr(bench.client, "put_item", twice)
    circuit = opened(bench)
    bench.now += FIRST_COOLDOWN_SECONDS
    assert circuit.admits(PROBE_SECONDS)


def test_a_prober_that_was_killed_is_followed_by_another(bench: Bench) -> None:
    opened(bench)
    bench.now += FIRST_COOLDOWN_SECONDS
    for _ in range(2):
        prober = circuit_of(bench)
        assert prober.hold_seconds() is None
        assert prober.admits(PROBE_SECONDS)
        bench.now += FIRST_COOLDOWN_SECONDS


def test_a_paused_lane_stays_so_until_somebody_closes_the_circuit(bench: Bench) -> None:
    circuit = circuit_of(bench)
    circuit.pause("http 410")
    bench.now += 10 * MAX_COOLDOWN_SECONDS
    for view in (circuit, circuit_of(bench)):
        assert view.hold_seconds() == MAX_COOLDOWN_SECONDS
    EventStore(bench.client, TABLE, 30).change_circuit("github", kept(bench), CircuitState())
    bench.now += MAX_AGE_SECONDS
    assert circuit.hold_seconds() is None


def test_a_pause_takes_the_place_of_an_open_circuit(bench: Bench) -> None:
    opened(bench)
    circuit_of(bench).pause("http 410")
    assert (kept(bench).state, kept(bench).error) == ("paused", "http 410")


def test_a_table_that_fails_leaves_the_lane_at_work(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise ConnectionError

    circuit = circuit_of(bench)
    monkeypatch.setattr(bench.client, "get_item", fail)
    monkeypatch.setattr(bench.client, "put_item", fail)
    assert circuit.hold_seconds() is None
    for _ in range(FAILURES_TO_OPEN):
        circuit.failed("http 500")
    circuit.pause("http 410")
    assert {entry.message for entry in caplog.records} == {"circuit not read", "circuit not kept"}


def test_the_state_is_asked_for_once_in_a_while_and_not_for_each_record(bench: Bench) -> None:
    reads: list[str] = []
    bench.client.meta.events.register("before-call.dynamodb.GetItem", lambda **_: reads.append(""))
    circuit = circuit_of(bench)
    for _ in range(100):
        circuit.hold_seconds()
    assert len(reads) == 1
