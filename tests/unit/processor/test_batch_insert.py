"""Batches of lanes that only store: which records share a call, and what becomes of each."""

import logging
import random
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from processor.batch import BatchResult, process_batch, reserved_ms
from processor.event import Outcome
from processor.process import read
from processor.settings import DeduplicateBy
from tests.unit.processor.conftest import NOW, TABLE, Bench, plenty, processed
from tests.unit.processor.records import record, sqs_record

LARGE = random.Random(0).randbytes(400_000)  # noqa: S311
RESERVED_MS = reserved_ms("id")


def numbered(number: int, body: bytes | None = None, message_id: str = "") -> dict[str, Any]:
    """A record with an event id of its own, and a request id."""
    made = record(f"{number}".encode() if body is None else body, event_id=f"evt-{number}")
    name = message_id or f"m-{number}"
    return sqs_record(made["body"].replace("request=", f"request of {name}"), name)


def run(bench: Bench, *records: Any, remaining_ms: Callable[[], int] = plenty) -> BatchResult:
    return process_batch(records, bench.lane(), remaining_ms)


def outcomes(batch: BatchResult) -> list[tuple[str, str]]:
    return [(result.message_id, result.outcome.value) for result in batch.results]


def requests_of(bench: Bench) -> list[str]:
    """The calls of the table's client from now on, by name."""
    made: list[str] = []
    bench.client.meta.events.register("before-call.dynamodb", lambda model, **_: made.append(model.name))
    return made


def failing(bench: Bench, monkeypatch: pytest.MonkeyPatch, operation: str, error: Exception, times: int = 99) -> None:
    call, left = getattr(bench.client, operation), iter(range(times))

    def fail(**request: Any) -> Any:
        if next(left, None) is None:
            return call(**request)
        raise error

    monkeypatch.setattr(bench.client, operation, fail)


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "body was: s3cret"}}, "BatchExecuteStatement")


@pytest.mark.parametrize("deduplicate_by", ["id", "body"])
@pytest.mark.parametrize(("count", "inserts"), [(2, 1), (10, 1), (25, 1), (26, 2), (60, 3)])
def test_new_events_take_an_insert_for_every_25_of_them_and_no_other_request(
    bench: Bench, deduplicate_by: DeduplicateBy, count: int, inserts: int
) -> None:
    bench.deduplicate_by = deduplicate_by
    made = requests_of(bench)

    batch = run(bench, *(numbered(number) for number in range(count)))

    assert made == ["BatchExecuteStatement"] * inserts
    assert outcomes(batch) == [(f"m-{number}", "stored") for number in range(count)]
    assert len(bench.items()) == count


def test_duplicates_within_a_batch_take_no_place_in_a_call(bench: Bench) -> None:
    made = requests_of(bench)
    records = [numbered(number % 25, message_id=f"m-{number}") for number in range(50)]

    batch = run(bench, *records)

    assert made == ["BatchExecuteStatement"]
    assert [outcome for _, outcome in outcomes(batch)] == ["stored"] * 25 + ["duplicate"] * 25


def test_duplicates_of_stored_events_take_one_read(bench: Bench) -> None:
    run(bench, *(numbered(number) for number in range(5)))
    made = requests_of(bench)

    batch = run(bench, *(numbered(number) for number in range(10)))

    assert made == ["BatchExecuteStatement", "BatchGetItem"]
    assert [outcome for _, outcome in outcomes(batch)] == ["duplicate"] * 5 + ["stored"] * 5


def test_a_message_alone_a_group_and_a_lane_by_both_are_put(bench: Bench) -> None:
    grouped = numbered(2)
    grouped["attributes"]["MessageGroupId"] = "github"
    made = requests_of(bench)

    run(bench, numbered(1))
    run(bench, grouped, numbered(3))
    bench.deduplicate_by = "both"
    run(bench, numbered(4), numbered(5))

    assert set(made) == {"PutItem"}


def test_a_lane_with_an_effect_inserts_nothing(bench: Bench) -> None:
    bench.handle = lambda _: None
    made = requests_of(bench)

    run(bench, numbered(1), numbered(2))

    assert "BatchExecuteStatement" not in made


def test_later_ones_with_an_id_are_decided_by_the_first(bench: Bench) -> None:
    records = [
        numbered(1, b"first", "first"),
        numbered(1, b"first", "same"),
        numbered(1, b"other", "other"),
        numbered(1, b"other", "other again"),
        numbered(1, b"first", "same again"),
    ]

    batch = run(bench, *records)

    assert outcomes(batch) == [
        ("first", "stored"),
        ("same", "duplicate"),
        ("other", "conflict"),
        ("other again", "duplicate"),
        ("same again", "duplicate"),
    ]


def test_later_ones_with_an_id_are_decided_by_what_was_stored_before_the_first(bench: Bench) -> None:
    processed(numbered(1, b"stored"), bench.lane())

    batch = run(
        bench, numbered(1, b"other", "conflict"), numbered(1, b"stored", "same"), numbered(1, b"other", "again")
    )

    assert outcomes(batch) == [("conflict", "conflict"), ("same", "duplicate"), ("again", "duplicate")]


def test_a_duplicate_has_its_receipt_but_for_a_redelivery(bench: Bench) -> None:
    bench.receipts = True
    processed(numbered(1, message_id="stored"), bench.lane())

    run(
        bench,
        numbered(1, message_id="stored"),
        numbered(1, message_id="again"),
        numbered(2),
        numbered(2, None, "twice"),
    )

    receipts = [item["request_id"]["S"] for item in bench.items() if item["sk"]["S"].startswith("duplicate#")]
    assert sorted(receipts) == ["request of again", "request of twice"]


def test_what_is_past_its_time_is_stored_again_and_decides_what_comes_after_it(bench: Bench) -> None:
    processed(numbered(1, b"old"), bench.lane())
    bench.now = NOW + 40 * 86_400

    batch = run(bench, numbered(1, b"new", "new"), numbered(1, b"old", "old"), numbered(2))

    assert outcomes(batch) == [("new", "stored"), ("old", "conflict"), ("m-2", "stored")]
    assert sorted(item["body"]["B"] for item in bench.items()) == [b"2", b"new", b"old"]


def test_forgeries_and_bodies_in_parts_are_put_and_keep_their_place(bench: Bench) -> None:
    forged = record(key="guess", message_id="forged")

    batch = run(bench, numbered(1), forged, numbered(2, LARGE), numbered(3), numbered(2, b"small", "later"))

    assert outcomes(batch) == [
        ("m-1", "stored"),
        ("forged", "quarantined"),
        ("m-2", "stored"),
        ("m-3", "stored"),
        ("later", "conflict"),
    ]


def test_a_large_body_after_a_small_one_of_its_id_is_the_conflict(bench: Bench) -> None:
    batch = run(bench, numbered(1, b"small", "small"), numbered(1, LARGE, "large"))

    assert outcomes(batch) == [("small", "stored"), ("large", "conflict")]


def test_a_call_whose_answer_was_lost_gives_what_put_item_gives(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.receipts = True
    for operation in ("batch_execute_statement", "put_item"):
        call = getattr(bench.client, operation)

        def twice(call: Any = call, **request: Any) -> Any:
            with suppress(bench.client.exceptions.ConditionalCheckFailedException):
                call(**request)
            return call(**request)  # as the client does

        monkeypatch.setattr(bench.client, operation, twice)

    inserted = run(bench, numbered(1), numbered(2))
    put = [run(bench, numbered(3)), run(bench, numbered(4))]

    assert [outcome for _, outcome in outcomes(inserted)] == ["duplicate", "duplicate"]
    assert [outcome for batch in put for _, outcome in outcomes(batch)] == ["duplicate", "duplicate"]
    assert {item["sk"]["S"] for item in bench.items()} == {"event"}


def test_a_call_that_is_refused_for_one_item_fails_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(bench, monkeypatch, "batch_execute_statement", refusal("ValidationException"))

    batch = run(bench, numbered(1), numbered(2), numbered(1, b"other", "other"))

    assert outcomes(batch) == [("m-1", "stored"), ("m-2", "stored"), ("other", "conflict")]
    assert batch.returned == []


def test_a_call_that_fails_brings_its_own_records_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(bench, monkeypatch, "batch_execute_statement", refusal("ThrottlingException"), times=1)
    records = [numbered(number) for number in range(30)]

    batch = run(bench, *records, numbered(0, message_id="later"), record(key="guess", message_id="forged"))

    assert batch.returned == [*(f"m-{number}" for number in range(25)), "later"]
    assert batch.faults == 26
    assert outcomes(batch) == [*((f"m-{number}", "stored") for number in range(25, 30)), ("forged", "quarantined")]
    failures = [vars(entry) for entry in caplog.records if entry.levelno == logging.ERROR]
    assert {entry["aws_code"] for entry in failures} == {"ThrottlingException"}
    assert [entry["message_id"] for entry in failures] == batch.returned
    assert "s3cret" not in str(failures)


def throttling(bench: Bench, monkeypatch: pytest.MonkeyPatch, position: int, operation: str = "") -> None:
    """Fails one statement of a call, and the operation."""
    insert = bench.client.batch_execute_statement

    def throttle(*, Statements: list[Any]) -> Any:  # noqa: N803
        answers = insert(Statements=Statements[:position] + Statements[position + 1 :])["Responses"]
        return {"Responses": [*answers[:position], {"Error": {"Code": "ThrottlingError"}}, *answers[position:]]}

    monkeypatch.setattr(bench.client, "batch_execute_statement", throttle)
    if operation:
        failing(bench, monkeypatch, operation, refusal("ThrottlingException"), times=1)


def test_a_statement_that_fails_is_put(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    throttling(bench, monkeypatch, 0)

    batch = run(bench, numbered(1), numbered(2), numbered(1, b"other", "other"), numbered(1, None, "same"))

    assert outcomes(batch) == [("m-1", "stored"), ("m-2", "stored"), ("other", "conflict"), ("same", "duplicate")]
    assert batch.returned == []


def test_what_can_not_be_put_either_brings_its_record_back_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    throttling(bench, monkeypatch, 1, "put_item")

    batch = run(bench, numbered(1), numbered(2), numbered(3), numbered(2, b"other", "other"))

    assert outcomes(batch) == [("m-1", "stored"), ("m-3", "stored"), ("other", "stored")]
    assert batch.returned == ["m-2"]
    (failure,) = [vars(entry) for entry in caplog.records if entry.levelno == logging.ERROR]
    assert (failure["aws_code"], failure["error"]) == ("ThrottlingException", "ClientError")
    assert failure["webhook_request_id"] == "request of m-2"
    assert "s3cret" not in str(failure)


def test_a_call_whose_answer_was_lost_when_it_had_written_some_leaves_no_receipt_of_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.receipts = True
    insert = bench.client.batch_execute_statement

    def again(*, Statements: list[Any]) -> Any:  # noqa: N803
        insert(Statements=Statements[:1])  # the others were throttled
        return insert(Statements=Statements)

    monkeypatch.setattr(bench.client, "batch_execute_statement", again)

    batch = run(bench, numbered(1), numbered(2), numbered(1, b"other", "other"), numbered(1, None, "same"))

    assert [outcome for _, outcome in outcomes(batch)] == ["duplicate", "stored", "conflict", "duplicate"]
    receipts = [item["request_id"]["S"] for item in bench.items() if item["sk"]["S"].startswith("duplicate#")]
    assert receipts == ["request of same"]


@pytest.mark.parametrize("event_id", ["a'b", "''", 'a"b', "{'pk':?}", "event#github#a", "x" * 255])
def test_an_id_is_a_value_whatever_is_in_it(bench: Bench, event_id: str) -> None:
    made = [record(body, event_id=event_id)["body"] for body in (b"first", b"other")]

    batch = run(bench, *(sqs_record(body, f"m-{number}") for number, body in enumerate(made)), numbered(2))

    assert [outcome for _, outcome in outcomes(batch)] == ["stored", "conflict", "stored"]
    assert f"event#github#{event_id}" in {item["pk"]["S"] for item in bench.items()}


def test_an_empty_body_is_inserted(bench: Bench) -> None:
    made = requests_of(bench)

    batch = run(bench, numbered(1, b""), numbered(2, b"{}"))

    assert made == ["BatchExecuteStatement"]
    assert [outcome for _, outcome in outcomes(batch)] == ["stored", "stored"]
    assert sorted(item["body"]["B"] for item in bench.items()) == [b"", b"{}"]


def test_an_event_of_which_no_item_can_be_made_comes_back_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    compress, broken = zlib.compress, b"broken" * 1000

    def fail(body: bytes) -> bytes:
        if body == broken:
            raise MemoryError
        return compress(body)

    monkeypatch.setattr(zlib, "compress", fail)

    batch = run(bench, numbered(1), numbered(2, broken), numbered(3))

    assert (outcomes(batch), batch.returned) == ([("m-1", "stored"), ("m-3", "stored")], ["m-2"])


def test_what_fits_into_one_write_unit_is_not_compressed_to_see_whether_that_saves_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def compress(body: bytes) -> bytes:
        tried.append(len(body))
        return body

    monkeypatch.setattr(zlib, "compress", compress)

    run(bench, numbered(1), numbered(2, b"x" * 5000))

    assert tried == [5000]


def test_a_read_that_fails_brings_the_duplicates_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run(bench, numbered(1), numbered(2))
    failing(bench, monkeypatch, "batch_get_item", ReadTimeoutError(endpoint_url="https://dynamodb"))

    batch = run(bench, numbered(1), numbered(3), numbered(2))

    assert (outcomes(batch), batch.returned) == ([("m-3", "stored")], ["m-1", "m-2"])


def test_a_conflict_that_can_not_be_written_comes_back_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(bench, monkeypatch, "put_item", refusal("InternalServerError"))

    batch = run(bench, numbered(1), numbered(1, b"other", "other"), numbered(1, None, "same"), numbered(2))

    assert outcomes(batch) == [("m-1", "stored"), ("same", "duplicate"), ("m-2", "stored")]
    assert batch.returned == ["other"]


def test_keys_that_can_not_be_read_bring_all_back_and_write_nothing(bench: Bench) -> None:
    bench.secrets = []

    batch = run(bench, numbered(1), numbered(2))

    assert (batch.returned, batch.faults, bench.items()) == (["m-1", "m-2"], 2, [])


def test_log_lines_and_results_keep_the_order_of_the_records(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    names = ["a", "b", "forged", "broken", "a again", "c"]
    broken = numbered(9, message_id="broken") | {"body": None}
    forged = record(key="guess", message_id="forged")
    records = [numbered(1, None, "a"), numbered(2, None, "b"), forged, broken, numbered(1, None, "a again")]

    run(bench, *records, numbered(3, None, "c"))

    lines = [cast(Any, entry).message_id for entry in caplog.records if entry.name == "processor.batch"]
    assert lines == names


class TimeLeft:
    """A clock that each call to the table takes so much of."""

    def __init__(self, bench: Bench, left_ms: int, call_ms: int) -> None:
        self.left_ms = left_ms
        self._call_ms = call_ms
        bench.client.meta.events.register("before-call.dynamodb", self._pass)

    def __call__(self) -> int:
        return self.left_ms

    def _pass(self, **_: Any) -> None:
        self.left_ms -= self._call_ms


@pytest.mark.parametrize(("left_ms", "inserts"), [(RESERVED_MS + 8_000, 3), (RESERVED_MS + 7_999, 2), (RESERVED_MS, 1)])
def test_an_insert_is_not_begun_too_late(bench: Bench, left_ms: int, inserts: int) -> None:
    records = [numbered(number) for number in range(60)]

    batch = run(bench, *records, remaining_ms=TimeLeft(bench, left_ms, call_ms=4_000))

    stored = min(60, 25 * inserts)
    assert len(bench.items()) == len(batch.results) == stored
    assert batch.returned == [f"m-{number}" for number in range(stored, 60)]
    assert batch.faults == 0


def test_what_was_read_is_inserted_however_long_reading_takes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    time_left = TimeLeft(bench, RESERVED_MS + 10_000, call_ms=0)

    def slowly(*arguments: Any) -> Any:
        time_left.left_ms -= 100
        return read(*arguments)

    monkeypatch.setattr("processor.batch_insert.read", slowly)

    batch = run(bench, *(numbered(number) for number in range(200)), remaining_ms=time_left)

    assert outcomes(batch) == [(f"m-{number}", "stored") for number in range(100)]
    assert batch.returned == [f"m-{number}" for number in range(100, 200)]


def test_the_first_insert_is_begun_however_little_time_is_left(bench: Bench) -> None:
    batch = run(bench, numbered(1), numbered(2), remaining_ms=lambda: 0)

    assert (outcomes(batch), batch.returned) == ([("m-1", "stored")], ["m-2"])


def test_what_an_insert_left_undecided_is_not_begun_too_late(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    processed(numbered(2, b"stored"), bench.lane())
    time_left = TimeLeft(bench, RESERVED_MS, call_ms=1)

    batch = run(bench, numbered(1), numbered(2), numbered(3), numbered(4, LARGE), remaining_ms=time_left)

    assert outcomes(batch) == [("m-1", "stored"), ("m-3", "stored")]
    assert batch.returned == ["m-2", "m-4"]
    (warning,) = [vars(entry) for entry in caplog.records if entry.levelno == logging.WARNING]
    assert (warning["message"], warning["left"]) == ("out of time", 2)


def test_a_batch_that_takes_its_time_never_takes_more_than_there_is(bench: Bench) -> None:
    for number in range(0, 60, 2):
        processed(numbered(number, b"stored"), bench.lane())
    time_left = TimeLeft(bench, 30_000, call_ms=4_000)

    batch = run(bench, *(numbered(number) for number in range(60)), remaining_ms=time_left)

    assert time_left.left_ms >= 0
    assert len(batch.results) + len(batch.returned) == 60


def test_what_comes_back_is_decided_the_next_time(bench: Bench) -> None:
    records = [numbered(number % 40, message_id=f"m-{number}") for number in range(60)]
    left, decided = records, 0
    while left:
        batch = run(bench, *left, remaining_ms=TimeLeft(bench, RESERVED_MS, call_ms=1))
        assert batch.results
        decided += len(batch.results)
        left = [one for one in left if one["messageId"] in batch.returned]

    assert decided == 60
    assert len(bench.items()) == 40


def test_of_two_processors_with_one_id_one_stores_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = bench.client.batch_execute_statement

    def late(**request: Any) -> Any:
        monkeypatch.setattr(bench.client, "batch_execute_statement", insert)
        assert outcomes(run(bench, numbered(1, b"theirs", "theirs"), numbered(2, None, "theirs 2")))[0][1] == "stored"
        return insert(**request)

    monkeypatch.setattr(bench.client, "batch_execute_statement", late)

    batch = run(bench, numbered(1, b"ours", "ours"), numbered(2, None, "ours 2"), numbered(3))

    assert [outcome for _, outcome in outcomes(batch)] == [Outcome.CONFLICT, Outcome.DUPLICATE, Outcome.STORED]
    assert bench.client.scan(TableName=TABLE)["Count"] == 4
