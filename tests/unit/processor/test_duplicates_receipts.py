"""Where receipts can be asked for, a duplicate has one, too."""

import pytest

from processor.event import Outcome
from processor.settings import DeduplicateBy
from tests.unit.processor.conftest import Bench, processed
from tests.unit.processor.records import record, sqs_record


def received_as(request_id: str, event_id: str = "evt-1", body: bytes = b"{}") -> dict[str, object]:
    message = record(body, event_id=event_id)
    return sqs_record(message["body"].replace("request=", request_id), f"message of {request_id}")


def receipts(bench: Bench) -> list[tuple[str, str]]:
    found = [item for item in bench.items() if item["sk"]["S"].startswith("duplicate#")]
    return [(item["request_id"]["S"], item["event_id"]["S"]) for item in found]


@pytest.mark.parametrize(("deduplicate_by", "second_id"), [("id", "evt-1"), ("both", "evt-1"), ("both", "evt-2")])
def test_a_duplicate_says_of_which_event_it_is_one(bench: Bench, deduplicate_by: DeduplicateBy, second_id: str) -> None:
    bench.receipts, bench.deduplicate_by = True, deduplicate_by
    processed(received_as("first="), bench.lane())
    assert processed(received_as("second=", second_id), bench.lane()).outcome is Outcome.DUPLICATE
    assert receipts(bench) == [("second=", "evt-1")]


def test_a_redelivery_of_the_same_message_has_the_events_own_receipt(bench: Bench) -> None:
    bench.receipts = True
    for _ in range(2):
        processed(received_as("first="), bench.lane())
    assert receipts(bench) == []


def test_a_second_conflict_that_is_the_same_is_a_duplicate_with_a_receipt(bench: Bench) -> None:
    bench.receipts = True
    for request_id, body in (("a=", b"1"), ("b=", b"2"), ("b=", b"2"), ("c=", b"2")):
        processed(received_as(request_id, body=body), bench.lane())
    assert receipts(bench) == [("c=", "evt-1")]


def test_it_is_in_no_list_of_events(bench: Bench) -> None:
    bench.receipts = True
    for request_id in ("a=", "b="):
        processed(received_as(request_id), bench.lane())
    (item,) = [item for item in bench.items() if item["sk"]["S"].startswith("duplicate#")]
    assert "lane" not in item
    assert "body" not in item


def test_nothing_is_written_where_receipts_are_off(bench: Bench) -> None:
    for request_id in ("a=", "b="):
        processed(received_as(request_id), bench.lane())
    assert receipts(bench) == []
