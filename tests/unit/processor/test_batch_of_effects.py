"""What a batch does with the records that it does not get to, and with the order of a FIFO queue."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from processor.batch import process_batch
from processor.event import Outcome
from processor.handling import AttemptFailed, HandlerEvent
from processor.report import metric_lines
from tests.unit.processor.conftest import NOW, Bench, plenty
from tests.unit.processor.records import record


def in_group(group: str, event_id: str) -> dict[str, Any]:
    found = record(event_id=event_id, message_id=event_id)
    found["attributes"] |= {"MessageGroupId": group, "MessageDeduplicationId": event_id}
    return found


def test_records_that_are_not_begun_in_time_may_be_received_again_at_once(bench: Bench) -> None:
    begun: list[str] = []
    bench.handle = lambda event: begun.append(event.id)
    records = [record(event_id=f"evt-{n}", message_id=f"m-{n}") for n in range(4)]
    batch = process_batch(records, bench.lane(), lambda: 11_999 if begun else 60_000)
    assert batch.returned == ["m-1", "m-2", "m-3"]
    assert bench.queues.hidden == [0, 0, 0]


def test_a_record_is_not_begun_with_less_left_than_the_longest_attempt_of_the_batch_took(bench: Bench) -> None:
    def slow(_: HandlerEvent) -> None:
        bench.now += 20

    bench.handle = slow
    deadline = NOW + 50
    records = [record(event_id=f"evt-{n}", message_id=f"m-{n}") for n in range(3)]
    batch = process_batch(records, bench.lane(), lambda: int((deadline - bench.now) * 1000))
    assert [result.outcome for result in batch.results] == [Outcome.DONE]
    assert batch.returned == ["m-1", "m-2"]


def failing(*event_ids: str) -> Callable[[HandlerEvent], None]:
    def handle(event: HandlerEvent) -> None:
        if event.id in event_ids:
            raise AttemptFailed("http 500")

    return handle


def test_in_a_group_nothing_overtakes_what_failed(bench: Bench) -> None:
    bench.handle = failing("a2")
    records = [in_group("a", "a1"), in_group("a", "a2"), in_group("b", "b1"), in_group("a", "a3"), in_group("b", "b2")]
    batch = process_batch(records, bench.lane(), plenty)
    assert batch.returned == ["a2", "a3"]
    assert [result.event_id for result in batch.results] == ["a1", "a2", "b1", "b2"]
    assert bench.queues.hidden == [30, 0]


def test_in_a_group_nothing_overtakes_a_fault_of_ours_either(bench: Bench) -> None:
    broken = {**in_group("a", "a1"), "body": None}
    batch = process_batch([broken, in_group("a", "a2"), in_group("b", "b1")], bench.lane(), plenty)
    assert (batch.returned, batch.faults) == (["a1", "a2"], 1)


def test_without_groups_a_failure_holds_up_nobody(bench: Bench) -> None:
    bench.handle = failing("evt-1")
    records = [record(event_id=event_id, message_id=event_id) for event_id in ("evt-1", "evt-2")]
    assert process_batch(records, bench.lane(), plenty).returned == ["evt-1"]


@pytest.mark.parametrize("circuit_open", [True, False])
def test_metrics_say_what_became_of_effects_how_long_they_took_and_whether_the_circuit_is_open(
    bench: Bench, circuit_open: bool
) -> None:
    bench.handle = failing("evt-2")
    records = [record(event_id=event_id, message_id=event_id) for event_id in ("evt-1", "evt-2", "evt-1")]
    batch = process_batch(records, bench.lane(), plenty)
    line, *keys = map(json.loads, metric_lines("ns", "github", batch.results, batch.faults, circuit_open, NOW))
    counted = {name: value for name, value in line.items() if name[0].isupper()}
    assert counted == {
        "Done": 1,
        "Waiting": 1,
        "Duplicate": 1,
        "CircuitOpen": int(circuit_open),
        "Delay_ms": [100_000],
        "Attempt_ms": [0, 0],
    }
    assert [key["Verified"] for key in keys] == [2]  # each webhook once, however often it comes back
