"""The state machine of an event's effect, transition by transition: what each state allows, and who gets it."""

from collections.abc import Callable
from typing import Any

import pytest

from processor.event import Outcome
from processor.lease import Busy, Finished, Free, State, allowed
from processor.store import EventStore, Lease, LeaseLost
from tests.unit.processor.conftest import NOW, TABLE, Bench, processed
from tests.unit.processor.records import record

NOW_MS = int(NOW * 1000)


def item(state: State | None, *, due_ms: int = NOW_MS, attempts: int = 3) -> dict[str, Any]:
    if state is None:
        return {"outcome": {"S": "stored"}}
    found: dict[str, Any] = {"effect": {"S": state.value}, "attempts": {"N": str(attempts)}}
    if state is State.RUNNING:
        found |= {"lease_owner": {"S": "somebody"}, "lease_until_ms": {"N": str(due_ms)}}
    if state is State.WAITING:
        found |= {"next_attempt_at_ms": {"N": str(due_ms)}}
    return found


@pytest.mark.parametrize("state", [None, State.DONE, State.REJECTED])
def test_what_is_finished_allows_no_attempt_ever(state: State | None) -> None:
    assert allowed(item(state), NOW_MS * 1000, NOW_MS) == Finished()


@pytest.mark.parametrize("state", [State.RUNNING, State.WAITING])
def test_nobody_may_begin_before_the_lease_ends_or_the_next_attempt_is_due(state: State) -> None:
    assert allowed(item(state, due_ms=NOW_MS + 1), NOW_MS, NOW_MS) == Busy(NOW_MS + 1)


@pytest.mark.parametrize("state", [State.RUNNING, State.WAITING])
def test_then_the_next_attempt_may_begin(state: State) -> None:
    begun = allowed(item(state, attempts=3), NOW_MS, NOW_MS)
    assert isinstance(begun, Free)
    assert begun.attempt == 4


def test_a_redriven_event_begins_anew() -> None:
    exhausted = item(State.EXHAUSTED, attempts=10) | {"effect_at_ms": {"N": str(NOW_MS)}}
    begun = allowed(exhausted, NOW_MS + 2, NOW_MS + 1)
    assert isinstance(begun, Free)
    assert begun.attempt == 1


def test_a_copy_that_was_sent_before_its_event_was_exhausted_does_not_begin_it_anew() -> None:
    exhausted = item(State.EXHAUSTED, attempts=10) | {"effect_at_ms": {"N": str(NOW_MS)}}
    assert allowed(exhausted, NOW_MS + 2, NOW_MS) == Finished()


def store_of(bench: Bench) -> EventStore:
    return EventStore(bench.client, TABLE, 30)


def begin(bench: Bench, owner: str = "a") -> Any:
    """As a processor would that has ten seconds left, with the event of the sample record."""
    seen: list[Any] = []

    class Probe(EventStore):
        def put_event(self, event: Any, *_: Any, **__: Any) -> Outcome:
            seen.append(event)
            return Outcome.STORED

    lane = bench.lane()
    object.__setattr__(lane, "store", Probe(bench.client, TABLE, 30))
    processed(record(), lane)
    until_ms = int(bench.now * 1000) + 10_000
    return store_of(bench).begin(seen[0], owner, until_ms, bench.now, sent_ms=int(bench.now * 1000))


def test_of_two_that_begin_a_new_event_one_gets_the_lease(bench: Bench) -> None:
    first, second = begin(bench, "a"), begin(bench, "b")
    assert isinstance(first, Lease)
    assert second == Busy(NOW_MS + 10_000)
    assert bench.event()["lease_owner"] == "a"


def test_of_two_that_find_an_expired_lease_one_gets_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(bench, "crashed")
    bench.now += 11
    update_item, outcomes = bench.client.update_item, []

    def overtaken(**call: Any) -> Any:
        monkeypatch.undo()
        outcomes.append(begin(bench, "winner"))
        return update_item(**call)

    monkeypatch.setattr(bench.client, "update_item", overtaken)
    outcomes.append(begin(bench, "loser"))
    winner, loser = outcomes
    assert (winner.owner, winner.attempt) == ("winner", 2)
    assert loser == Busy(winner.until_ms)
    assert (bench.event()["lease_owner"], bench.event()["attempts"]) == ("winner", "2")


def end_as(state: State) -> Callable[[EventStore, Lease], None]:
    return lambda store, lease: store.end(lease, state, NOW)


@pytest.mark.parametrize(
    ("leave", "state"),
    [
        (end_as(State.DONE), "done"),
        (end_as(State.REJECTED), "rejected"),
        (end_as(State.EXHAUSTED), "exhausted"),
        (lambda store, lease: store.wait(lease, 1, NOW_MS + 5_000, "http 500"), "waiting"),
    ],
)
def test_the_owner_of_the_lease_leaves_running_by_each_of_its_ways(
    bench: Bench, leave: Callable[[EventStore, Lease], None], state: str
) -> None:
    leave(store_of(bench), begin(bench))
    event = bench.event()
    assert event["effect"] == state
    assert event.keys().isdisjoint({"lease_owner", "lease_until_ms"})
    assert ("next_attempt_at_ms" in event) == (state == "waiting")


@pytest.mark.parametrize("leave", [end_as(State.DONE), lambda store, lease: store.wait(lease, 1, 0, "late")])
def test_who_lost_the_lease_changes_nothing(bench: Bench, leave: Callable[[EventStore, Lease], None]) -> None:
    late = begin(bench, "late")
    bench.now += 11
    begin(bench, "next")
    before = bench.event()
    with pytest.raises(LeaseLost):
        leave(store_of(bench), late)
    assert bench.event() == before


def test_what_is_finished_is_a_duplicate_to_whoever_comes_after(bench: Bench) -> None:
    store_of(bench).end(begin(bench), State.DONE, NOW)
    bench.now += 1_000
    assert begin(bench, "b") is Outcome.DUPLICATE
    assert bench.event()["effect"] == "done"


def test_waiting_ends_when_it_is_due_and_no_earlier(bench: Bench) -> None:
    store_of(bench).wait(begin(bench), 1, NOW_MS + 5_000, "http 500")
    assert begin(bench, "b") == Busy(NOW_MS + 5_000)
    bench.now += 5
    begun = begin(bench, "b")
    assert (begun.owner, begun.attempt) == ("b", 2)
    assert "next_attempt_at_ms" not in bench.event()


def test_a_redriven_event_runs_again_from_its_first_attempt(bench: Bench) -> None:
    store_of(bench).end(begin(bench), State.EXHAUSTED, NOW, error="http 500")
    bench.now += 1
    begun = begin(bench, "b")
    assert (begun.attempt, bench.event()["effect"], bench.event()["last_error"]) == (1, "running", "http 500")
    assert "effect_at_ms" not in bench.event()


def test_an_event_of_a_time_without_an_effect_is_not_run_later(bench: Bench) -> None:
    assert processed(record(), bench.lane()).outcome is Outcome.STORED
    assert begin(bench) is Outcome.DUPLICATE


def test_an_event_past_its_time_in_the_table_is_a_new_one(bench: Bench) -> None:
    store_of(bench).end(begin(bench), State.DONE, NOW)
    bench.now += 31 * 86_400
    begun = begin(bench, "b")
    assert isinstance(begun, Lease)
    assert begun.attempt == 1
