"""An event in a lane with an effect, from the record to what is kept of it."""

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from processor.attempt import CLOCK_SKEW_MS, RESERVED_MS
from processor.batch import process_batch
from processor.circuit import FAILURES_TO_OPEN, MAX_COOLDOWN_SECONDS
from processor.event import Outcome
from processor.handling import AttemptFailed, HandlerEvent, PauseLane, Reject, Retry
from processor.process import process
from processor.queue import MARGIN_SECONDS, MAX_HIDDEN_SECONDS
from processor.schedule import Schedule
from processor.store import LeaseLost
from tests.unit.processor.conftest import NOW, RETENTION_SECONDS, Bench, plenty, processed
from tests.unit.processor.records import RECEIVED_AT, record

NOW_MS = int(NOW * 1000)


class Backend:
    """Does what it is told to, call after call; the last again and again."""

    def __init__(self, *acts: Exception | str | None) -> None:
        self.calls: list[HandlerEvent] = []
        self._acts = list(acts)

    def __call__(self, event: HandlerEvent) -> str | None:
        self.calls.append(event)
        act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
        if isinstance(act, Exception):
            raise act
        return act


def lane_with(bench: Bench, *acts: Exception | str | None) -> Backend:
    bench.handle = backend = Backend(*acts)
    return backend


def test_an_event_is_stored_acted_upon_and_done(bench: Bench) -> None:
    backend = lane_with(bench, "http 204")
    result = processed(record(), bench.lane())
    assert (result.outcome, result.attempt, result.event_id) == (Outcome.DONE, 1, "evt-1")
    event = bench.event()
    assert (event["outcome"], event["effect"], event["effect_result"]) == ("stored", "done", "http 204")
    assert (event["attempts"], event["effect_at_ms"]) == ("1", str(NOW_MS))
    (call,) = backend.calls
    assert (call.source, call.id, call.body, call.attempt) == ("github", "evt-1", b'{"a": 1}', 1)
    assert (call.idempotency_key, call.content_type) == ("github:evt-1", "application/json")
    assert call.received_at.timestamp() == RECEIVED_AT
    assert call.json() == {"a": 1}
    assert bench.queues.hidden == []


def test_a_finished_event_is_never_acted_upon_again(bench: Bench) -> None:
    backend = lane_with(bench, None)
    outcomes = [processed(record(message_id=f"m-{n}"), bench.lane()).outcome for n in range(3)]
    assert outcomes == [Outcome.DONE, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(backend.calls) == 1


def test_nothing_that_is_not_genuine_has_an_effect(bench: Bench) -> None:
    backend = lane_with(bench, None)
    assert processed(record(key="guess"), bench.lane()).outcome is Outcome.QUARANTINED
    assert backend.calls == []


def test_a_conflict_has_no_effect(bench: Bench) -> None:
    backend = lane_with(bench, None)
    processed(record(b"first"), bench.lane())
    assert processed(record(b"second"), bench.lane()).outcome is Outcome.CONFLICT
    assert [call.body for call in backend.calls] == [b"first"]


def test_a_failed_attempt_waits_for_its_delay_and_is_made_again(bench: Bench) -> None:
    backend = lane_with(bench, AttemptFailed("http 500"), None)
    assert processed(record(), bench.lane()).outcome is Outcome.WAITING
    event = bench.event()
    assert (event["effect"], event["attempts"], event["last_error"]) == ("waiting", "1", "http 500")
    assert event["next_attempt_at_ms"] == str(NOW_MS + 30_000)
    assert bench.queues.hidden == [30]
    bench.now += 30
    assert processed(record(), bench.lane()).outcome is Outcome.DONE
    assert [call.attempt for call in backend.calls] == [1, 2]
    assert len({call.idempotency_key for call in backend.calls}) == 1


def test_environments_that_are_restored_from_one_snapshot_do_not_try_again_in_one_moment(bench: Bench) -> None:
    bench.schedule = Schedule((40_000,), jitter=True)
    lane_with(bench, AttemptFailed("http 500"))
    for event_id in ("evt-1", "evt-2"):
        random.seed(0)  # the snapshot has one state of Python's own generator
        processed(record(event_id=event_id), bench.lane())
    due = [item["next_attempt_at_ms"]["N"] for item in bench.items() if "next_attempt_at_ms" in item]
    assert len(due) == len(set(due)) == 2


def test_what_comes_too_early_is_hidden_again_and_costs_no_attempt(bench: Bench) -> None:
    backend = lane_with(bench, AttemptFailed("http 500"))
    processed(record(), bench.lane())
    bench.now += 10
    assert processed(record(), bench.lane()).outcome is Outcome.DEFERRED
    assert bench.queues.hidden[0] == 30
    assert 21 <= bench.queues.hidden[1] <= 25  # what is left, and a little, so that not all come in one moment
    assert (len(backend.calls), bench.event()["attempts"]) == (1, "1")


def test_after_the_last_attempt_the_message_is_dead_lettered_and_the_event_says_why(bench: Bench) -> None:
    backend = lane_with(bench, AttemptFailed("http 500"))
    message = record()
    message["attributes"] |= {"AWSTraceHeader": "Root=1-2-3", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    outcomes = []
    for _ in range(3):
        outcomes.append(processed(message, bench.lane()).outcome)
        bench.now += 60
    assert outcomes == [Outcome.WAITING, Outcome.WAITING, Outcome.EXHAUSTED]
    assert len(backend.calls) == 3
    (dead,) = bench.queues.dead_lettered
    assert dead == {
        "MessageBody": message["body"],
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2-3"}},
        "MessageGroupId": "g",
        "MessageDeduplicationId": "message-1",
    }
    assert (bench.event()["effect"], bench.event()["last_error"]) == ("exhausted", "http 500")


def test_a_redriven_event_has_all_its_attempts_again(bench: Bench) -> None:
    lane_with(bench, *[AttemptFailed("http 500")] * 3, None)
    for _ in range(3):
        processed(record(), bench.lane())
        bench.now += 60
    assert processed(record(message_id="a copy"), bench.lane()).outcome is Outcome.DUPLICATE
    assert processed(redriven(bench), bench.lane()).outcome is Outcome.DONE
    assert bench.event()["attempts"] == "1"


def redriven(bench: Bench) -> dict[str, Any]:
    """The sample record as a new message, sent now."""
    found = record(message_id="redriven")
    return {**found, "attributes": {**found["attributes"], "SentTimestamp": str(int(bench.now * 1000))}}


def test_a_dead_letter_queue_that_can_not_be_reached_loses_nothing(bench: Bench) -> None:
    lane_with(bench, AttemptFailed("http 500"))
    bench.schedule = type(bench.schedule)((), jitter=False)
    bench.queues.fails = True
    with pytest.raises(ConnectionError):
        processed(record(), bench.lane())
    assert bench.event()["effect"] == "running"


def test_retry_waits_as_long_as_the_handler_says(bench: Bench) -> None:
    lane_with(bench, Retry(7, "not yet there"))
    assert processed(record(), bench.lane()).outcome is Outcome.WAITING
    assert bench.queues.hidden == [7]
    assert bench.event()["last_error"] == "not yet there"


@pytest.mark.parametrize(
    ("after", "hidden"),
    [(-5, 0), (10**9, MAX_HIDDEN_SECONDS), (float("nan"), 30), ("soon", 30), (float("inf"), MAX_HIDDEN_SECONDS)],
)
def test_a_delay_that_makes_no_sense_is_made_one_that_does(bench: Bench, after: Any, hidden: int) -> None:
    lane_with(bench, Retry(after))
    assert processed(record(), bench.lane()).outcome is Outcome.WAITING
    assert bench.queues.hidden == [hidden]


def test_a_retry_counts_as_an_attempt(bench: Bench) -> None:
    lane_with(bench, Retry(0))
    outcomes = [processed(record(), bench.lane()).outcome for _ in range(3)]
    assert outcomes == [Outcome.WAITING, Outcome.WAITING, Outcome.EXHAUSTED]


def test_what_a_backend_asks_for_is_honoured_where_it_is_longer(bench: Bench) -> None:
    lane_with(bench, AttemptFailed("http 429", 600), AttemptFailed("http 429", 1))
    processed(record(), bench.lane())
    bench.now += 600
    processed(record(), bench.lane())
    assert bench.queues.hidden == [600, 60]


def test_reject_ends_an_event_for_good(bench: Bench) -> None:
    backend = lane_with(bench, Reject("no such product"))
    outcomes = [processed(record(message_id=f"m-{n}"), bench.lane()).outcome for n in range(2)]
    assert outcomes == [Outcome.REJECTED, Outcome.DUPLICATE]
    assert len(backend.calls) == 1
    assert (bench.event()["effect"], bench.event()["last_error"]) == ("rejected", "no such product")
    assert bench.queues.dead_lettered == []


def test_any_other_exception_is_a_failed_attempt_of_which_only_type_and_place_are_kept(bench: Bench) -> None:
    def broken(event: HandlerEvent) -> str:
        return {"private": event.body}["s3cret"]  # type: ignore[return-value]

    bench.handle = broken
    result = processed(record(b"private body"), bench.lane())
    assert result.outcome is Outcome.WAITING
    assert bench.event()["last_error"].startswith("KeyError at broken:")
    assert "s3cret" not in str(result)


@pytest.mark.parametrize("text", ["\x1b[31mred", "line\nbreak", "\x00" * 300, "x" * 300])
def test_what_is_kept_of_a_handlers_text_can_be_shown(bench: Bench, text: str) -> None:
    lane_with(bench, text)
    processed(record(), bench.lane())
    kept = bench.event()["effect_result"]
    assert kept.isprintable()
    assert len(kept) <= 255


def test_a_crash_in_the_middle_is_followed_by_one_attempt_when_the_lease_has_ended(bench: Bench) -> None:
    class Killed(BaseException):
        pass

    bench.handle = _raise(Killed())
    with pytest.raises(Killed):
        processed(record(), bench.lane())
    assert bench.event()["lease_until_ms"] == str(NOW_MS + plenty() + CLOCK_SKEW_MS)
    backend = lane_with(bench, None)
    assert processed(record(), bench.lane()).outcome is Outcome.DEFERRED
    bench.now += (plenty() + CLOCK_SKEW_MS) / 1000
    assert processed(record(), bench.lane()).outcome is Outcome.DONE
    assert [call.attempt for call in backend.calls] == [2]


def _raise(error: BaseException) -> Callable[[HandlerEvent], None]:
    def handle(_: HandlerEvent) -> None:
        raise error

    return handle


def test_two_processors_at_once_make_one_attempt(bench: Bench) -> None:
    second: list[Outcome] = []
    calls: list[str] = []

    def slow(event: HandlerEvent) -> None:
        calls.append(event.id)
        if not second:
            second.append(Outcome.STORED)
            second[0] = processed(record(message_id="other"), bench.lane()).outcome

    bench.handle = slow
    assert processed(record(), bench.lane()).outcome is Outcome.DONE
    assert second == [Outcome.DEFERRED]
    assert calls == ["evt-1"]


def test_an_attempt_that_outlived_its_lease_does_not_overwrite_its_successors_outcome(bench: Bench) -> None:
    def overtaken(_: HandlerEvent) -> None:
        bench.now += 100
        lane_with(bench, "the successor's")
        assert processed(record(), bench.lane()).outcome is Outcome.DONE

    bench.handle = overtaken
    with pytest.raises(LeaseLost):
        processed(record(), bench.lane())
    assert bench.event()["effect_result"] == "the successor's"


def test_a_write_that_the_client_repeats_since_its_answer_was_lost_is_one_write(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def repeated(call: Callable[..., Any]) -> Callable[..., Any]:
        def twice(**arguments: Any) -> Any:
            call(**arguments)
            return call(**arguments)

        return twice

    monkeypatch.setattr(bench.client, "put_item", repeated(bench.client.put_item))
    monkeypatch.setattr(bench.client, "update_item", repeated(bench.client.update_item))
    backend = lane_with(bench, AttemptFailed("http 500"), None)
    assert processed(record(), bench.lane()).outcome is Outcome.WAITING
    bench.now += 30
    assert processed(record(), bench.lane()).outcome is Outcome.DONE
    assert [call.attempt for call in backend.calls] == [1, 2]


def test_a_write_that_fails_before_the_effect_lets_it_not_happen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = lane_with(bench, None)

    def throttled(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "PutItem")

    with monkeypatch.context() as patch:
        patch.setattr(bench.client, "put_item", throttled)
        assert process_batch([record()], bench.lane(), plenty).faults == 1
    assert backend.calls == []
    assert processed(record(), bench.lane()).outcome is Outcome.DONE


def test_an_effect_that_took_place_is_written_down_again_and_again_while_there_is_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = lane_with(bench, None)
    update_item, refusals = bench.client.update_item, [1, 2, 3]

    def throttled(**call: Any) -> Any:
        if refusals:
            refusals.pop()
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "UpdateItem")
        return update_item(**call)

    monkeypatch.setattr(bench.client, "update_item", throttled)
    monkeypatch.setattr("processor.attempt.time.sleep", lambda _: None)
    assert processed(record(), bench.lane()).outcome is Outcome.DONE
    assert len(backend.calls) == 1


def test_and_given_up_when_there_is_no_time_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    lane_with(bench, None)

    def throttled(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "UpdateItem")

    monkeypatch.setattr(bench.client, "update_item", throttled)
    with pytest.raises(ClientError):
        process(record(), bench.lane(), lambda: RESERVED_MS - 1)


def test_the_outcome_is_kept_before_the_circuit_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    lane_with(bench, *[AttemptFailed("http 500")] * FAILURES_TO_OPEN, None)
    lane = bench.lane()
    for number in range(FAILURES_TO_OPEN):
        processed(record(event_id=f"evt-{number}"), lane)
    bench.now += 11

    def killed() -> None:
        raise SystemExit

    assert lane.effect is not None
    monkeypatch.setattr(lane.effect.circuit, "succeeded", killed)
    with pytest.raises(SystemExit):
        processed(record(event_id="new"), lane)
    assert [item["effect"]["S"] for item in bench.items() if item["pk"]["S"].endswith("new")] == ["done"]


@pytest.mark.parametrize("says_nothing", [Retry(60), Reject("no order id")])
def test_a_probe_that_says_nothing_of_the_backend_makes_room_for_another(bench: Bench, says_nothing: Exception) -> None:
    backend = lane_with(bench, *[AttemptFailed("http 500")] * FAILURES_TO_OPEN, says_nothing, None)
    lane = bench.lane()
    for number in range(FAILURES_TO_OPEN):
        processed(record(event_id=f"evt-{number}"), lane)
    bench.now += 11
    batch = process_batch([record(event_id="new-1"), record(event_id="new-2")], lane, plenty)
    assert batch.results[1].outcome is Outcome.DONE
    assert len(backend.calls) == FAILURES_TO_OPEN + 2


def test_rejections_do_not_hide_that_the_backend_keeps_failing(bench: Bench) -> None:
    lane_with(bench, *[AttemptFailed("http 500"), Reject("odd")] * FAILURES_TO_OPEN)
    lane = bench.lane()
    for number in range(2 * FAILURES_TO_OPEN):
        processed(record(event_id=f"evt-{number}"), lane)
    assert lane.effect is not None
    assert not lane.effect.circuit.is_closed


def test_an_exception_of_a_handlers_own_may_have_forgotten_what_it_is_made_of(bench: Bench) -> None:
    class Later(Retry):
        def __init__(self) -> None:
            pass

    lane_with(bench, Later())
    assert processed(record(), bench.lane()).outcome is Outcome.WAITING
    assert bench.queues.hidden == [30]


def test_a_visibility_that_could_not_be_changed_changes_nothing_else(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    lane_with(bench, AttemptFailed("http 500"))
    bench.queues.fails = True
    assert processed(record(), bench.lane()).outcome is Outcome.WAITING
    assert bench.event()["next_attempt_at_ms"] == str(NOW_MS + 30_000)
    assert [entry.message for entry in caplog.records] == ["visibility not changed"]


def test_a_message_that_the_queue_would_forget_before_its_next_attempt_is_dead_lettered(bench: Bench) -> None:
    lane_with(bench, AttemptFailed("http 500"))
    bench.now = RECEIVED_AT + RETENTION_SECONDS - MARGIN_SECONDS - 29
    assert processed(record(), bench.lane()).outcome is Outcome.EXHAUSTED
    assert len(bench.queues.dead_lettered) == 1


def test_a_handler_has_the_time_that_is_left_less_what_keeping_the_outcome_takes(bench: Bench) -> None:
    backend = lane_with(bench, None)
    processed(record(), bench.lane())
    assert backend.calls[0].remaining_seconds() == (plenty() - RESERVED_MS) / 1000


def test_what_a_handler_logs_has_the_events_id(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    def talkative(event: HandlerEvent) -> None:
        event.logger.info("viewed", extra={"product": 7})

    bench.handle = talkative
    processed(record(), bench.lane())
    (entry,) = [vars(entry) for entry in caplog.records if entry.name == "handler"]
    assert (entry["source"], entry["event_id"], entry["attempt"], entry["product"]) == ("github", "evt-1", 1, 7)


def test_a_backend_that_keeps_failing_is_left_alone_and_no_attempt_is_used_up(bench: Bench) -> None:
    backend = lane_with(bench, AttemptFailed("http 500"))
    lane = bench.lane()
    for number in range(FAILURES_TO_OPEN):
        process_batch([record(event_id=f"evt-{number}")], lane, plenty)
    batch = process_batch([record(event_id="later"), record(event_id="evt-0")], lane, plenty)
    assert [result.outcome for result in batch.results] == [Outcome.DEFERRED] * 2
    assert len(batch.returned) == 2
    assert len(backend.calls) == FAILURES_TO_OPEN
    assert all(item["attempts"]["N"] == "1" for item in bench.items() if item["sk"]["S"] == "event")


def test_it_resumes_by_itself_with_one_attempt_first(bench: Bench) -> None:
    backend = lane_with(bench, *[AttemptFailed("http 500")] * FAILURES_TO_OPEN, None)
    lane = bench.lane()
    for number in range(FAILURES_TO_OPEN):
        process_batch([record(event_id=f"evt-{number}")], lane, plenty)
    bench.now += 11
    records = [record(event_id=f"new-{number}") for number in range(3)]
    assert [result.outcome for result in process_batch(records, lane, plenty).results] == [Outcome.DONE] * 3
    assert len(backend.calls) == FAILURES_TO_OPEN + 3


def test_a_retry_of_the_handler_and_a_rejection_do_not_count_against_the_backend(bench: Bench) -> None:
    lane_with(bench, *[Retry(60), Reject("odd")] * FAILURES_TO_OPEN)
    lane = bench.lane()
    outcomes = [processed(record(event_id=f"evt-{n}"), lane).outcome for n in range(2 * FAILURES_TO_OPEN)]
    assert set(outcomes) == {Outcome.WAITING, Outcome.REJECTED}
    assert lane.effect is not None
    assert lane.effect.circuit.is_closed


def test_a_backend_that_wants_no_more_pauses_the_lane_and_uses_up_no_attempt(bench: Bench) -> None:
    backend = lane_with(bench, PauseLane("http 410"))
    lane = bench.lane()
    batch = process_batch([record(), record(event_id="evt-2")], lane, plenty)
    assert [result.outcome for result in batch.results] == [Outcome.WAITING, Outcome.DEFERRED]
    assert len(backend.calls) == 1
    assert (bench.event()["attempts"], bench.event()["last_error"]) == ("0", "http 410")
    assert bench.queues.hidden[0] == MAX_COOLDOWN_SECONDS


def test_what_is_not_genuine_or_no_new_event_takes_no_probe_from_those_that_are(bench: Bench) -> None:
    backend = lane_with(bench, None, *[AttemptFailed("http 500")] * FAILURES_TO_OPEN, None)
    lane = bench.lane()
    process_batch([record()], lane, plenty)
    for number in range(FAILURES_TO_OPEN):
        process_batch([record(event_id=f"evt-{number + 2}")], lane, plenty)
    bench.now += 11
    records = [record(key="forged", message_id="forged"), record(), record(event_id="new")]
    outcomes = [result.outcome for result in process_batch(records, lane, plenty).results]
    assert outcomes == [Outcome.QUARANTINED, Outcome.DUPLICATE, Outcome.DONE]
    assert backend.calls[-1].id == "new"


def test_forgeries_leave_the_queue_behind_an_open_circuit_too(bench: Bench) -> None:
    lane_with(bench, PauseLane("http 410"))
    lane = bench.lane()
    batch = process_batch([record(), record(key="forged", message_id="forged")], lane, plenty)
    assert [result.outcome for result in batch.results] == [Outcome.WAITING, Outcome.QUARANTINED]


def test_an_attempt_that_another_probed_instead_of_does_not_count(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = lane_with(bench, None)
    lane = bench.lane()
    assert lane.effect is not None
    monkeypatch.setattr(lane.effect.circuit, "admits", lambda _: False)
    assert processed(record(), lane).outcome is Outcome.DEFERRED
    assert (bench.event()["effect"], bench.event()["attempts"]) == ("waiting", "0")
    bench.now += 10
    assert processed(record(), bench.lane()).outcome is Outcome.DONE
    assert [call.attempt for call in backend.calls] == [1]


def test_attempts_that_are_cut_off_are_bounded_too(bench: Bench) -> None:
    bench.handle = _raise(SystemExit())
    for _ in range(3):
        with pytest.raises(SystemExit):
            processed(record(), bench.lane())
        bench.now += 100
    assert processed(record(), bench.lane()).outcome is Outcome.EXHAUSTED
    assert (bench.event()["effect"], bench.event()["last_error"]) == ("exhausted", "the last attempt was cut off")
    assert len(bench.queues.dead_lettered) == 1


def test_a_document_that_is_nested_too_deeply_is_none(bench: Bench) -> None:
    def read(event: HandlerEvent) -> None:
        with pytest.raises(ValueError, match="nested"):
            event.json()

    bench.handle = read
    assert processed(record(b"[" * 100_000), bench.lane()).outcome is Outcome.DONE


def test_a_message_does_not_grow_too_old_behind_an_open_circuit(bench: Bench) -> None:
    lane_with(bench, PauseLane("http 410"))
    lane = bench.lane()
    process_batch([record()], lane, plenty)
    bench.now = RECEIVED_AT + RETENTION_SECONDS - MARGIN_SECONDS
    batch = process_batch([record(event_id="evt-2")], lane, plenty)
    assert [result.outcome for result in batch.results] == [Outcome.EXHAUSTED]
    assert batch.returned == []
    assert len(bench.queues.dead_lettered) == 1
    assert [item["effect"]["S"] for item in bench.items() if item["pk"]["S"].endswith("evt-2")] == ["exhausted"]


def test_what_could_not_be_dead_lettered_behind_an_open_circuit_comes_back(bench: Bench) -> None:
    lane_with(bench, PauseLane("http 410"))
    lane = bench.lane()
    process_batch([record()], lane, plenty)
    bench.now = RECEIVED_AT + RETENTION_SECONDS
    bench.queues.fails = True
    assert len(process_batch([record(event_id="evt-2")], lane, plenty).returned) == 1


def test_one_body_under_two_ids_has_one_effect_where_the_source_asks_for_that(bench: Bench) -> None:
    bench.deduplicate_by = "both"
    backend = lane_with(bench, None)
    outcomes = [processed(record(event_id=event_id), bench.lane()).outcome for event_id in ("a", "b", "a")]
    assert outcomes == [Outcome.DONE, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(backend.calls) == 1
