import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.envelope import Envelope, MalformedEnvelope, read_envelope, write_head


def message(**changes: Any) -> str:
    fields: dict[str, Any] = {
        "version": 1,
        "received_at_ms": 1_700_000_000_123,
        "request_id": "abc=",
        "head": write_head("github", {"content-type": "application/json"}),
        "body": base64.b64encode(b"\xff&\x00").decode(),
    }
    return json.dumps({name: value for name, value in (fields | changes).items() if value is not ...})


def test_an_envelope_gives_back_the_head_and_the_exact_bytes() -> None:
    assert read_envelope(message()) == Envelope(
        source="github",
        received_at_ms=1_700_000_000_123,
        request_id="abc=",
        headers={"content-type": "application/json"},
        url="",
        bodies=(b"\xff&\x00",),
    )


def test_an_empty_body_may_be_one_or_two_braces() -> None:
    # API Gateway renders an empty body as {}; a body that is {} arrives as base64.
    assert read_envelope(message(body="{}")).bodies == (b"", b"{}")
    assert read_envelope(message(body="")).bodies == (b"",)
    assert read_envelope(message(body="e30=")).bodies == (b"{}",)


@given(st.dictionaries(st.text(), st.text(), max_size=5), st.text())
def test_a_head_is_in_an_alphabet_that_needs_no_escaping(headers: dict[str, str], source: str) -> None:
    head = write_head(source, headers)
    assert set(head) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    envelope = read_envelope(message(head=head))
    assert (envelope.source, envelope.headers) == (source, headers)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": None},
        {"request_id": ...},
        {"extra": "member"},
        {"received_at_ms": "1700000000123"},
        {"received_at_ms": True},
        {"received_at_ms": -1},
        {"received_at_ms": 10**40},
        {"request_id": 5},
        {"head": ""},
        {"head": base64.urlsafe_b64encode(b"[]").decode()},
        {"head": base64.urlsafe_b64encode(b'{"source": "a"}').decode()},
        {"head": base64.urlsafe_b64encode(b'{"source": "a", "headers": {"b": 1}}').decode()},
        {"body": "not base64"},
        {"body": {"a": 1}},
    ],
)
def test_what_the_template_does_not_write_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedEnvelope):
        read_envelope(message(**changes))


def test_a_body_that_broke_out_of_its_string_can_not_replace_a_member() -> None:
    genuine = json.loads(message())
    forged = write_head("other", {})
    text = json.dumps(genuine).replace(genuine["body"], 'AAAA","head":"' + forged)
    assert json.loads(text)["head"] == forged  # a lenient reader would take it
    with pytest.raises(MalformedEnvelope):
        read_envelope(text)


@given(st.text() | st.text('{}[]":,0123456789e-trufalsn ', max_size=60))
def test_any_text_is_an_envelope_or_malformed(text: str) -> None:
    with pytest.raises(MalformedEnvelope):
        read_envelope(text)


def test_deeply_nested_text_is_malformed_too() -> None:
    with pytest.raises(MalformedEnvelope):
        read_envelope("[" * 100_000)


any_text = st.text(st.characters(), max_size=40)


@given(any_text, st.dictionaries(any_text, any_text, max_size=4), any_text)
def test_a_head_is_the_json_that_a_library_writes(source: str, headers: dict[str, str], url: str) -> None:
    document = {"source": source, "headers": headers} | ({"url": url} if url else {})
    text = json.dumps(document, separators=(",", ":")).encode()
    assert write_head(source, headers, url) == base64.urlsafe_b64encode(text).decode().rstrip("=")
