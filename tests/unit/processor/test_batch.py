import json
import logging
from collections.abc import Callable
from typing import Any, get_args

import pytest
from botocore.exceptions import ClientError

from common.keys import Key
from processor.batch import WRITE_MS, process_batch, reserved_ms
from processor.event import Outcome
from processor.report import metric_lines
from processor.settings import DeduplicateBy
from tests.unit.processor.conftest import NOW, Bench
from tests.unit.processor.records import record


def plenty() -> int:
    return 60_000


def countdown(*values: int) -> Callable[[], int]:
    left = iter(values)
    return lambda: next(left, 0)


def test_a_record_that_fails_is_reported_alone(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    lane = bench.lane()
    broken: dict[str, Any] = {**record(message_id="bad"), "body": None}
    batch = process_batch([record(message_id="a"), broken, record(b"2", event_id="evt-2")], lane, plenty)
    assert batch.returned == ["bad"]
    assert [result.outcome for result in batch.results] == [Outcome.STORED, Outcome.STORED]
    (failure,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    assert failure.error == "TypeError"  # type: ignore[attr-defined]


def test_a_fault_of_aws_is_logged_with_its_code_and_fails_the_record(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "body was: s3cret"}}, "PutItem")

    monkeypatch.setattr(bench.client, "put_item", throttled)
    batch = process_batch([record(message_id="a")], bench.lane(), plenty)
    assert batch.returned == ["a"]
    failure = vars(caplog.records[-1])
    assert (failure["aws_code"], failure["webhook_request_id"]) == ("ThrottlingException", "request=")
    assert "s3cret" not in str([vars(entry) for entry in caplog.records])


@pytest.mark.parametrize("deduplicate_by", ["id", "body", "both"])
def test_records_that_can_not_be_begun_in_time_come_back_instead_of_timing_out(
    bench: Bench, deduplicate_by: DeduplicateBy
) -> None:
    bench.deduplicate_by = deduplicate_by
    reserved = reserved_ms(deduplicate_by)
    records = [record(f"{n}".encode(), event_id=f"evt-{n}", message_id=f"m-{n}") for n in range(4)]
    batch = process_batch(records, bench.lane(), countdown(reserved, reserved - 1))
    assert len(batch.results) == 2
    assert batch.returned == ["m-2", "m-3"]


def test_as_many_writes_as_a_record_can_take_fit_into_the_time_kept_for_it(bench: Bench) -> None:
    writes: list[str] = []
    bench.client.meta.events.register("before-call.dynamodb.PutItem", lambda **_: writes.append(""))
    for deduplicate_by in get_args(DeduplicateBy):
        bench.deduplicate_by = deduplicate_by
        for body in (b"first", b"second"):
            writes.clear()
            process_batch([record(body + deduplicate_by.encode(), event_id=deduplicate_by)], bench.lane(), plenty)
            assert 0 < len(writes) * WRITE_MS <= reserved_ms(deduplicate_by)
        if deduplicate_by != "body":  # by which there are no conflicts
            assert len(writes) * WRITE_MS == reserved_ms(deduplicate_by)


def test_the_first_record_is_begun_however_little_time_is_left(bench: Bench) -> None:
    batch = process_batch([record()], bench.lane(), countdown())
    assert len(batch.results) == 1


def test_each_outcome_is_logged_with_its_ids_and_without_body_or_header(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    process_batch([record(b"private body")], bench.lane(), plenty)
    (entry,) = [entry for entry in caplog.records if entry.name == "processor.batch"]
    fields = vars(entry)
    assert {name: fields[name] for name in ("source", "outcome", "event_id", "message_id", "webhook_request_id")} == {
        "source": "github",
        "outcome": "stored",
        "event_id": "evt-1",
        "message_id": "message-1",
        "webhook_request_id": "request=",
    }
    assert "private body" not in str(fields)
    assert "sha256=" not in str(fields)


def test_metrics_count_outcomes_reasons_failures_and_delays(bench: Bench) -> None:
    records = [
        record(b"1"),
        record(b"1", message_id="again"),
        record(b"2", message_id="other"),
        record(key="guess", message_id="forged"),
        {**record(message_id="bad"), "body": None},
    ]
    batch = process_batch(records, bench.lane(), plenty)
    lines = [json.loads(line) for line in metric_lines("ns", "github", batch.results, batch.faults, None, NOW)]
    counted = {name: line[name] for line in lines for name in line if name[0].isupper()}
    assert counted == {
        "Stored": 1,
        "Duplicate": 1,
        "Conflict": 1,
        "Failed": 1,
        "Quarantined": 1,
        "Verified": 3,
        "Delay_ms": [100_000],
    }
    assert [line["reason"] for line in lines if "Quarantined" in line] == ["signature_mismatch"]
    assert [line["key"] for line in lines if "Verified" in line] == [Key(b"s3cret").id]


def test_more_delays_than_one_line_may_hold_go_into_several(bench: Bench) -> None:
    batch = process_batch([record()], bench.lane(), plenty)
    lines = [json.loads(line) for line in metric_lines("ns", "github", [*batch.results] * 250, 0, None, NOW)]
    assert [len(line["Delay_ms"]) for line in lines if "Delay_ms" in line] == [100, 100, 50]
    assert sum(line.get("Stored", 0) for line in lines) == 250
