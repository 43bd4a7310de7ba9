import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.keys import InvalidKey, Key
from common.reasons import Reason
from common.scheme import preset
from processor.event import Outcome
from processor.store import stored_body
from tests.unit.processor.conftest import NOW, Bench, processed
from tests.unit.processor.records import RECEIVED_AT, record, sqs_record


def test_a_genuine_webhook_is_stored_with_its_exact_bytes(bench: Bench) -> None:
    body = b"\xff\x00&+%\"'" + "\uffff \u00e9".encode()
    result = processed(record(body, headers={"x-github-event": "push"}), bench.lane())
    assert (result.outcome, result.event_id, result.key_id) == (Outcome.STORED, "evt-1", Key(b"s3cret").id)
    (item,) = bench.items()
    assert stored_body(item) == body
    assert item["pk"] == {"S": "event#github#evt-1"}
    assert item["sk"] == {"S": "event"}
    assert item["event_type"] == {"S": "push"}
    assert item["body_sha256"] == {"S": hashlib.sha256(body).hexdigest()}
    assert item["expires_at"] == {"N": str(int(NOW) + 30 * 86_400)}
    assert item["lane"]["S"].rpartition("#")[0] == "github#stored"


def test_no_header_is_stored(bench: Bench) -> None:
    processed(record(), bench.lane())
    processed(record(key="forged", message_id="message-2"), bench.lane())
    assert len(bench.items()) == 2
    assert "sha256=" not in str(bench.items())


def test_a_second_delivery_of_an_event_is_a_duplicate_and_changes_nothing(bench: Bench) -> None:
    processed(record(), bench.lane())
    before = bench.items()
    bench.now += 60
    assert processed(record(message_id="message-2"), bench.lane()).outcome is Outcome.DUPLICATE
    assert bench.items() == before


def test_the_same_id_with_another_body_is_a_conflict_that_is_kept_beside_the_first(bench: Bench) -> None:
    processed(record(b"first"), bench.lane())
    assert processed(record(b"second"), bench.lane()).outcome is Outcome.CONFLICT
    assert processed(record(b"second"), bench.lane()).outcome is Outcome.DUPLICATE
    assert processed(record(b"first"), bench.lane()).outcome is Outcome.DUPLICATE
    kept = {item["sk"]["S"]: stored_body(item) for item in bench.items()}
    assert kept == {"event": b"first", f"conflict#{hashlib.sha256(b'second').hexdigest()}": b"second"}


def test_an_event_past_its_time_that_is_still_readable_is_no_duplicate(bench: Bench) -> None:
    processed(record(b"old"), bench.lane())
    bench.now += 31 * 86_400
    assert processed(record(b"new"), bench.lane()).outcome is Outcome.STORED
    assert [stored_body(item) for item in bench.items()] == [b"new"]


def test_a_forgery_is_quarantined_and_kept(bench: Bench) -> None:
    result = processed(record(b"forged", key="guess"), bench.lane())
    assert (result.outcome, result.reason) == (Outcome.QUARANTINED, Reason.SIGNATURE_MISMATCH)
    (item,) = bench.items()
    assert item["pk"] == {"S": "quarantine#github#message-1"}
    assert item["reason"] == {"S": "signature_mismatch"}
    assert stored_body(item) == b"forged"


def test_a_forger_can_not_take_an_events_id_before_the_event(bench: Bench) -> None:
    processed(record(b"forged", key="guess"), bench.lane())
    assert processed(record(b"genuine", message_id="message-2"), bench.lane()).outcome is Outcome.STORED


def test_freshness_is_judged_against_the_receive_time_however_long_the_message_waited(bench: Bench) -> None:
    bench.scheme = preset("slack")
    bench.now = RECEIVED_AT + 4 * 86_400
    assert processed(record(scheme="slack"), bench.lane()).outcome is Outcome.STORED
    stale = record(scheme="slack", signed_at=RECEIVED_AT - 301, message_id="message-2")
    assert processed(stale, bench.lane()).reason is Reason.STALE_TIMESTAMP


def test_a_stale_request_with_a_wrong_signature_is_called_a_forgery(bench: Bench) -> None:
    bench.scheme = preset("slack")
    stale = record(scheme="slack", key="guess", signed_at=RECEIVED_AT - 301)
    assert processed(stale, bench.lane()).reason is Reason.SIGNATURE_MISMATCH


def test_every_live_key_is_good_and_the_event_records_which(bench: Bench) -> None:
    bench.secrets = ["new", '["s3cret", "spare"]']
    lane = bench.lane()
    for number, key in enumerate(("new", "s3cret", "spare")):
        result = processed(record(key=key, event_id=f"evt-{number}"), lane)
        assert (result.outcome, result.key_id) == (Outcome.STORED, Key(key.encode()).id)


def test_a_key_that_is_new_is_found_on_a_mismatch(bench: Bench) -> None:
    lane = bench.lane()
    processed(record(), lane)
    bench.secrets = ["rotated", "s3cret"]
    bench.now += 20
    assert processed(record(key="rotated", event_id="evt-2"), lane).outcome is Outcome.STORED


def test_forgeries_do_not_run_up_a_bill(bench: Bench) -> None:
    lane = bench.lane()
    for number in range(50):
        processed(record(key="guess", message_id=f"message-{number}"), lane)
    assert bench.reads == 1


def test_a_secret_without_a_usable_key_is_our_fault_and_quarantines_nobody(bench: Bench) -> None:
    bench.secrets = [" "]
    with pytest.raises(InvalidKey):
        processed(record(), bench.lane())
    assert bench.items() == []


@pytest.mark.parametrize("rendered", ["{}", ""])
def test_an_empty_body_is_verified_however_api_gateway_renders_it(bench: Bench, rendered: str) -> None:
    assert processed(record(b"", rendered_body=rendered), bench.lane()).outcome is Outcome.STORED
    assert stored_body(bench.items()[0]) == b""


def test_a_body_of_two_braces_is_verified_should_it_be_rendered_like_an_empty_one(bench: Bench) -> None:
    assert processed(record(b"{}", rendered_body="{}"), bench.lane()).outcome is Outcome.STORED
    assert stored_body(bench.items()[0]) == b"{}"


def test_an_empty_forgery_is_quarantined(bench: Bench) -> None:
    assert processed(record(b"", key="guess", rendered_body="{}"), bench.lane()).outcome is Outcome.QUARANTINED


@pytest.mark.parametrize("text", ["", "not json", "{}", '{"version": 1}'])
def test_a_message_that_is_no_envelope_is_quarantined_as_it_came(bench: Bench, text: str) -> None:
    result = processed(sqs_record(text), bench.lane())
    assert (result.outcome, result.reason) == (Outcome.QUARANTINED, Reason.MALFORMED_ENVELOPE)
    assert stored_body(bench.items()[0]) == text.encode()


def test_an_envelope_of_another_lane_is_quarantined(bench: Bench) -> None:
    assert processed(record(source="stripe"), bench.lane()).reason is Reason.MALFORMED_ENVELOPE


def test_an_unsigned_source_is_stored_by_the_digest_of_its_body(bench: Bench) -> None:
    bench.scheme = preset("unsigned")
    result = processed(record(b"ping", scheme="unsigned"), bench.lane())
    assert (result.outcome, result.event_id) == (Outcome.STORED, "sha256:" + hashlib.sha256(b"ping").hexdigest())


def test_a_body_that_fits_one_write_unit_less_when_compressed_is_compressed(bench: Bench) -> None:
    bodies = {"small": b"x", "large": b"webhook " * 2_000, "random": hashlib.shake_256(b"seed").digest(2_000)}
    for name, body in bodies.items():
        processed(record(body, event_id=name), bench.lane())
    items = {item["event_id"]["S"]: item for item in bench.items()}
    assert {name: "body_encoding" in item for name, item in items.items()} == {
        "small": False,
        "large": True,
        "random": False,
    }
    assert {name: stored_body(item) for name, item in items.items()} == bodies


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=5_000), st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)
)
def test_any_body_and_any_id_come_back_as_they_were(bench: Bench, body: bytes, event_id: str) -> None:
    result = processed(record(body, event_id=event_id), bench.lane())
    assert result.event_id == event_id
    key = {"pk": {"S": f"event#github#{event_id}"}, "sk": {"S": "event"}}
    kept = bench.client.get_item(TableName="webhook-test-events", Key=key)["Item"]
    if result.outcome is Outcome.STORED:
        assert stored_body(kept) == body


@given(st.text() | st.text('{}":,versionhadby0123456789_ ', max_size=80))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_whatever_its_text_raises(bench: Bench, text: str) -> None:
    assert processed(sqs_record(text), bench.lane()).outcome is Outcome.QUARANTINED
