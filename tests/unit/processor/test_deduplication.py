"""What counts as the same event, by each of the three settings, and that nothing is lost on the way to knowing it."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from common.scheme import preset
from processor.event import Event, Outcome, Result
from processor.settings import DeduplicateBy
from processor.store import EventStore, stored_body
from tests.unit.processor.conftest import NOW, TABLE, Bench, processed
from tests.unit.processor.records import RECEIVED_AT, record

STORED, DUPLICATE, CONFLICT, DEFERRED = Outcome.STORED, Outcome.DUPLICATE, Outcome.CONFLICT, Outcome.DEFERRED
DAY = 86_400


def deliver(bench: Bench, event_id: str, body: bytes) -> Outcome:
    return processed(record(body, event_id=event_id), bench.lane()).outcome


def events(bench: Bench) -> dict[str, bytes]:
    """The stored bodies by id."""
    return {item["event_id"]["S"]: stored_body(item) for item in bench.items() if item["sk"]["S"] == "event"}


def marker(bench: Bench) -> dict[str, Any]:
    (item,) = [item for item in bench.items() if item["sk"]["S"] == "body"]
    return item


def before_write(bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Has something happen just before the write of that number, counted from 1."""
    put_item, writes = bench.client.put_item, iter(range(1, 100))

    def put(**call: Any) -> Any:
        if next(writes) == number:
            monkeypatch.undo()
            act()
        return put_item(**call)

    monkeypatch.setattr(bench.client, "put_item", put)


def left_marker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict's marker, which names an event with another body, after a failure before it was given back."""
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"first")
    before_write(bench, monkeypatch, 3, fail)
    with pytest.raises(ClientError):
        deliver(bench, "evt-1", b"second")


def put(store: EventStore, event_id: str, body: bytes, content: str) -> Outcome:
    """Of a scheme by which the parameters of a form are signed, however they are written."""
    event = Event("github", event_id, "", "", "", 0, "request", "message", body, content_digest=content)
    return store.put_event(event, NOW, once_per_body=True)


def fail() -> None:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "PutItem")


@pytest.mark.parametrize(("deduplicate_by", "effects"), [("id", 2), ("body", 1), ("both", 1)])
def test_a_body_that_is_replayed_under_a_new_id_has_one_effect_unless_the_id_alone_decides(
    bench: Bench, deduplicate_by: DeduplicateBy, effects: int
) -> None:
    bench.deduplicate_by = deduplicate_by
    assert deliver(bench, "genuine", b"pay") is STORED
    assert deliver(bench, "replayed", b"pay") is (STORED if effects == 2 else DUPLICATE)
    assert list(events(bench).values()) == [b"pay"] * effects


def test_by_body_an_event_is_called_by_its_digest_and_keeps_the_senders_id(bench: Bench) -> None:
    bench.deduplicate_by = "body"
    digest = "sha256:" + hashlib.sha256(b"pay").hexdigest()
    result = processed(record(b"pay", event_id="evt-1"), bench.lane())
    assert result.event_id == digest
    (item,) = bench.items()
    assert (item["pk"]["S"], item["sender_id"]["S"]) == (f"event#github#{digest}", "evt-1")


def test_by_body_one_id_with_two_bodies_is_two_events(bench: Bench) -> None:
    bench.deduplicate_by = "body"
    assert [deliver(bench, "evt-1", body) for body in (b"1", b"2")] == [STORED, STORED]


def test_by_body_a_signed_time_makes_no_difference(bench: Bench) -> None:
    bench.deduplicate_by, bench.scheme = "body", preset("slack")
    outcomes = [
        processed(record(b"ping", scheme="slack", signed_at=RECEIVED_AT + second), bench.lane()).outcome
        for second in range(2)
    ]
    assert outcomes == [STORED, DUPLICATE]


@pytest.mark.parametrize("deduplicate_by", ["id", "both"])
def test_where_the_id_is_the_senders_it_is_kept_once(bench: Bench, deduplicate_by: DeduplicateBy) -> None:
    bench.deduplicate_by = deduplicate_by
    deliver(bench, "evt-1", b"pay")
    assert not any("sender_id" in item for item in bench.items())


def test_by_both_a_second_delivery_is_a_duplicate_and_changes_nothing(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"pay")
    before = bench.items()
    bench.now += 60
    assert deliver(bench, "evt-1", b"pay") is DUPLICATE
    assert bench.items() == before


def test_a_bodys_marker_names_the_event_expires_with_it_and_is_in_no_index(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"pay")
    assert marker(bench) == {
        "pk": {"S": f"body#github#{hashlib.sha256(b'pay').hexdigest()}"},
        "sk": {"S": "body"},
        "event_id": {"S": "evt-1"},
        "expires_at": {"N": str(int(NOW) + 30 * DAY)},
    }


@pytest.mark.parametrize("deduplicate_by", ["id", "body"])
def test_only_by_both_there_are_markers(bench: Bench, deduplicate_by: DeduplicateBy) -> None:
    bench.deduplicate_by = deduplicate_by
    deliver(bench, "evt-1", b"pay")
    assert len(bench.items()) == 1


def test_by_both_a_conflict_does_not_stand_in_the_way_of_the_event_that_its_body_is(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    assert deliver(bench, "evt-1", b"first") is STORED
    assert deliver(bench, "evt-1", b"second") is CONFLICT
    assert deliver(bench, "evt-1", b"second") is DUPLICATE
    assert deliver(bench, "evt-2", b"second") is STORED
    assert deliver(bench, "evt-3", b"second") is DUPLICATE
    assert deliver(bench, "evt-1", b"second") is DUPLICATE
    assert events(bench) == {"evt-1": b"first", "evt-2": b"second"}
    assert [stored_body(item) for item in bench.items() if item["sk"]["S"].startswith("conflict#")] == [b"second"]


def test_by_both_an_id_with_the_body_of_another_event_is_a_duplicate_and_no_conflict(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    assert [deliver(bench, *event) for event in (("evt-1", b"1"), ("evt-2", b"2"))] == [STORED, STORED]
    assert deliver(bench, "evt-1", b"2") is DUPLICATE
    assert events(bench) == {"evt-1": b"1", "evt-2": b"2"}


def test_the_id_of_a_duplicate_by_body_is_free_for_its_own_event(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    assert [deliver(bench, *event) for event in (("evt-1", b"1"), ("evt-2", b"1"))] == [STORED, DUPLICATE]
    assert deliver(bench, "evt-2", b"2") is STORED


def test_after_a_failure_between_marker_and_event_the_redelivery_stores_the_event(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.deduplicate_by = "both"
    before_write(bench, monkeypatch, 2, fail)
    with pytest.raises(ClientError):
        deliver(bench, "evt-1", b"pay")
    assert events(bench) == {}
    assert deliver(bench, "evt-2", b"pay") is DUPLICATE
    assert deliver(bench, "evt-1", b"pay") is STORED
    assert events(bench) == {"evt-1": b"pay"}


def test_after_a_failure_between_marker_and_conflict_the_redelivery_keeps_the_conflict(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"first")
    before_write(bench, monkeypatch, 3, fail)
    with pytest.raises(ClientError):
        deliver(bench, "evt-1", b"second")
    assert deliver(bench, "evt-1", b"second") is CONFLICT


@pytest.mark.parametrize("number", [3, 4])
def test_after_a_failure_before_a_conflicts_marker_is_given_back_its_body_is_an_event_under_its_own_id(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"first")
    before_write(bench, monkeypatch, number, fail)
    with pytest.raises(ClientError):
        deliver(bench, "evt-1", b"second")
    assert [deliver(bench, "evt-2", b"second") for _ in range(3)] == [DEFERRED, STORED, DUPLICATE]
    assert deliver(bench, "evt-1", b"second") is DUPLICATE
    assert deliver(bench, "evt-3", b"second") is DUPLICATE
    assert events(bench) == {"evt-1": b"first", "evt-2": b"second"}


@pytest.mark.parametrize("number", [2, 3, 4])
@pytest.mark.parametrize("deliveries", [1, 2])
def test_an_event_that_comes_while_a_conflict_has_its_bodys_marker_is_stored_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, deliveries: int
) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"first")
    outcomes: list[Outcome] = []

    def meanwhile() -> None:
        outcomes.extend(deliver(bench, "evt-2", b"second") for _ in range(deliveries))

    before_write(bench, monkeypatch, number, meanwhile)
    assert deliver(bench, "evt-1", b"second") is CONFLICT
    outcomes.append(deliver(bench, "evt-2", b"second"))
    assert outcomes == [DEFERRED, STORED, DUPLICATE][: deliveries + 1]
    assert deliver(bench, "evt-3", b"second") is DUPLICATE
    assert events(bench) == {"evt-1": b"first", "evt-2": b"second"}


def test_of_two_that_would_take_a_conflicts_marker_over_one_does(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    left_marker(bench, monkeypatch)
    before_write(bench, monkeypatch, 2, lambda: [deliver(bench, "evt-3", b"second") for _ in range(2)])
    assert [deliver(bench, "evt-2", b"second") for _ in range(2)] == [DEFERRED, DUPLICATE]
    assert events(bench) == {"evt-1": b"first", "evt-3": b"second"}


def test_a_marker_that_is_given_back_before_it_is_taken_over_is_free(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_marker(bench, monkeypatch)
    before_write(bench, monkeypatch, 2, lambda: deliver(bench, "evt-1", b"second"))
    assert [deliver(bench, "evt-2", b"second") for _ in range(2)] == [DEFERRED, STORED]
    assert events(bench) == {"evt-1": b"first", "evt-2": b"second"}


def test_after_a_failure_between_taking_a_marker_over_and_the_event_the_redelivery_stores_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_marker(bench, monkeypatch)
    assert deliver(bench, "evt-2", b"second") is DEFERRED
    before_write(bench, monkeypatch, 2, fail)
    with pytest.raises(ClientError):
        deliver(bench, "evt-2", b"second")
    assert [deliver(bench, one, b"second") for one in ("evt-3", "evt-1", "evt-2")] == [DUPLICATE, DUPLICATE, STORED]
    assert events(bench) == {"evt-1": b"first", "evt-2": b"second"}


def test_a_marker_is_not_taken_over_while_the_place_of_the_event_that_it_names_may_become_free(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"first")
    bench.now += 30 * DAY - 900
    outcomes: list[Outcome] = []

    def meanwhile() -> None:
        outcomes.append(deliver(bench, "evt-2", b"second"))
        bench.now += 901
        outcomes.append(deliver(bench, "evt-1", b"second"))

    before_write(bench, monkeypatch, 2, meanwhile)
    deliver(bench, "evt-1", b"second")
    assert outcomes == [DUPLICATE, STORED]
    assert events(bench) == {"evt-1": b"second"}


def test_a_body_that_is_written_in_another_way_is_no_other_body(bench: Bench) -> None:
    store = bench.lane().store
    assert put(store, "evt-1", b"a=1&b=2", content="c") is STORED
    assert put(store, "evt-2", b"b=2&a=1", content="c") is DUPLICATE
    assert put(store, "evt-1", b"c=3", content="d") is CONFLICT


def test_a_body_of_parameters_is_an_event_though_a_conflict_left_its_marker(bench: Bench) -> None:
    store = bench.lane().store
    put(store, "evt-1", b"a=1", content="c")
    bench.client.put_item(TableName=TABLE, Item=marker(bench) | {"pk": {"S": "body#github#d"}})
    assert [put(store, "evt-2", b"d=4", content="d") for _ in range(2)] == [DEFERRED, STORED]


def test_what_was_stored_without_the_digest_of_its_parameters_is_no_other_body(bench: Bench) -> None:
    store = bench.lane().store
    put(store, "evt-1", b"a=1&b=2", content="c")
    (item,) = [item for item in bench.items() if item["sk"]["S"] == "event"]
    bench.client.put_item(TableName=TABLE, Item={n: v for n, v in item.items() if n != "content_sha256"})
    assert put(store, "evt-2", b"b=2&a=1", content="c") is DUPLICATE


@pytest.mark.parametrize("deduplicate_by", ["id", "body", "both"])
def test_an_event_keeps_no_second_digest_of_its_bytes(bench: Bench, deduplicate_by: DeduplicateBy) -> None:
    bench.deduplicate_by = deduplicate_by
    deliver(bench, "evt-1", b"pay")
    assert not any("content_sha256" in item for item in bench.items())


def test_a_marker_that_could_not_be_written_leaves_nothing_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.deduplicate_by = "both"
    before_write(bench, monkeypatch, 1, fail)
    with pytest.raises(ClientError):
        deliver(bench, "evt-1", b"pay")
    assert bench.items() == []


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("other", ["evt-1", "evt-2"])
def test_of_two_processors_with_the_same_body_one_stores_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, other: str
) -> None:
    bench.deduplicate_by = "both"
    outcomes: list[Outcome] = []
    before_write(bench, monkeypatch, number, lambda: outcomes.append(deliver(bench, other, b"pay")))
    outcomes.append(deliver(bench, "evt-1", b"pay"))
    assert sorted(outcomes) == [DUPLICATE, STORED]
    assert list(events(bench).values()) == [b"pay"]


def test_of_two_processors_with_the_same_id_and_two_bodies_one_stores_it_and_one_keeps_the_conflict(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.deduplicate_by = "both"
    outcomes: list[Outcome] = []
    before_write(bench, monkeypatch, 2, lambda: outcomes.append(deliver(bench, "evt-1", b"other")))
    outcomes.append(deliver(bench, "evt-1", b"pay"))
    assert outcomes == [STORED, CONFLICT]


def test_by_both_a_body_past_its_time_that_is_still_readable_is_no_duplicate(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"pay")
    bench.now += 31 * DAY
    assert deliver(bench, "evt-2", b"pay") is STORED
    assert marker(bench)["event_id"] == {"S": "evt-2"}
    assert deliver(bench, "evt-1", b"pay") is DUPLICATE


def test_by_both_an_event_past_its_time_is_stored_again_with_its_marker(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"pay")
    bench.now += 31 * DAY
    assert deliver(bench, "evt-1", b"pay") is STORED
    assert deliver(bench, "evt-2", b"pay") is DUPLICATE


def test_a_marker_does_not_outlive_an_event_that_was_stored_after_a_failure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.deduplicate_by = "both"
    before_write(bench, monkeypatch, 2, fail)
    with pytest.raises(ClientError):
        deliver(bench, "evt-1", b"pay")
    bench.now += DAY
    deliver(bench, "evt-1", b"pay")
    (event,) = [item for item in bench.items() if item["sk"]["S"] == "event"]
    assert int(marker(bench)["expires_at"]["N"]) <= int(event["expires_at"]["N"])


def test_a_duplicate_by_body_is_reported_under_its_own_id(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    deliver(bench, "evt-1", b"pay")
    result: Result = processed(record(b"pay", event_id="evt-2"), bench.lane())
    assert (result.outcome, result.event_id) == (DUPLICATE, "evt-2")


def test_bodies_of_two_sources_are_two_events(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    assert deliver(bench, "evt-1", b"pay") is STORED
    bench.source = "mirror"
    assert processed(record(b"pay", source="mirror", event_id="evt-2"), bench.lane()).outcome is STORED


def test_a_forgery_marks_no_body(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    processed(record(b"pay", key="guess", event_id="evt-0"), bench.lane())
    assert deliver(bench, "evt-1", b"pay") is STORED
