import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError

from common.keys import Key
from common.scheme import preset
from processor.batch import process_batch
from processor.key_usage import MIN_STEP_MS, RESERVED_MS, KeyUsage
from tests.unit.processor.conftest import Bench
from tests.unit.processor.records import RECEIVED_AT, record

S3CRET = Key(b"s3cret").id
STEP = MIN_STEP_MS // 1000


def plenty() -> int:
    return 60_000


def note(bench: Bench, usage: KeyUsage, *records: dict[str, Any], remaining_ms: int = 60_000) -> None:
    usage.note(process_batch(records, bench.lane(), plenty).results, lambda: remaining_ms)


def usage_of(bench: Bench) -> KeyUsage:
    return KeyUsage(bench.lane().store, bench.source)


def kept(bench: Bench) -> dict[str, int]:
    """The last uses that the table has, in seconds after the usual receive time."""
    return {
        item["pk"]["S"].removeprefix("key#github#"): int(item["last_used_at_ms"]["N"]) // 1000 - RECEIVED_AT
        for item in bench.items()
        if item["sk"]["S"] == "key"
    }


def at(seconds: int, **more: Any) -> dict[str, Any]:
    return record(received_at=RECEIVED_AT + seconds, event_id=f"evt-{seconds}", **more)


def test_each_key_of_a_batch_is_kept_with_the_newest_event_it_signed(bench: Bench) -> None:
    bench.secrets = ["new", "s3cret", "spare"]
    note(bench, usage_of(bench), at(5), at(9), at(7), at(8, key="new"))
    assert kept(bench) == {S3CRET: 9, Key(b"new").id: 8}


def test_a_use_never_expires_and_is_in_no_index(bench: Bench) -> None:
    note(bench, usage_of(bench), at(0))
    (item,) = [item for item in bench.items() if item["sk"]["S"] == "key"]
    assert item.keys() == {"pk", "sk", "last_used_at_ms"}


def test_a_duplicate_was_signed_too_but_a_forgery_by_no_key(bench: Bench) -> None:
    note(bench, usage_of(bench), at(0), at(0, key="guess", message_id="forged"))
    usage = usage_of(bench)
    note(bench, usage, record(received_at=RECEIVED_AT + 60, event_id="evt-0"))
    assert kept(bench) == {S3CRET: 60}


def test_an_unsigned_source_has_no_keys(bench: Bench) -> None:
    bench.scheme = preset("unsigned")
    note(bench, usage_of(bench), record(scheme="unsigned"))
    assert kept(bench) == {}


def test_a_use_is_written_once_in_five_minutes_of_receive_times(bench: Bench) -> None:
    usage = usage_of(bench)
    for seconds in (0, 1, STEP - 1):
        note(bench, usage, at(seconds))
    assert kept(bench) == {S3CRET: 0}
    note(bench, usage, at(STEP))
    assert kept(bench) == {S3CRET: STEP}


def test_a_message_that_waited_does_not_hide_a_use_of_today(bench: Bench) -> None:
    usage = usage_of(bench)
    for seconds in (-3 * 86_400, 0):
        note(bench, usage, at(seconds))
    assert kept(bench) == {S3CRET: 0}


def test_time_never_goes_back_whoever_writes_last(bench: Bench) -> None:
    note(bench, usage_of(bench), at(1_000))
    note(bench, usage_of(bench), at(10))
    assert kept(bench) == {S3CRET: 1_000}


def test_a_later_use_that_somebody_else_kept_is_no_reason_to_write_again(bench: Bench) -> None:
    note(bench, usage_of(bench), at(1_000))
    usage = usage_of(bench)
    for seconds in (10, 1_000 + STEP - 1):
        note(bench, usage, at(seconds))
        assert kept(bench) == {S3CRET: 1_000}
    note(bench, usage, at(1_000 + STEP))
    assert kept(bench) == {S3CRET: 1_000 + STEP}


@pytest.mark.parametrize(
    "fault",
    [ClientError({"Error": {"Code": "ThrottlingException", "Message": "s3cret"}}, "PutItem"), ValueError("s3cret")],
)
def test_a_use_that_can_not_be_kept_is_logged_without_its_message_and_tried_with_the_next_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    usage = usage_of(bench)
    batch = process_batch([at(0)], bench.lane(), plenty)

    def put_item(**_: Any) -> None:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(bench.client, "put_item", put_item)
        usage.note(batch.results, plenty)
    (failure,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    assert failure.error == type(fault).__name__  # type: ignore[attr-defined]
    assert failure.aws_code == ("ThrottlingException" if isinstance(fault, ClientError) else "")  # type: ignore[attr-defined]
    assert "s3cret" not in str(vars(failure))
    usage.note(batch.results, plenty)
    assert kept(bench) == {S3CRET: 0}


def test_no_write_is_begun_that_could_become_the_batchs_time_out(bench: Bench) -> None:
    usage = usage_of(bench)
    note(bench, usage, at(0), remaining_ms=RESERVED_MS - 1)
    assert kept(bench) == {}
    note(bench, usage, at(1), remaining_ms=RESERVED_MS)
    assert kept(bench) == {S3CRET: 1}
