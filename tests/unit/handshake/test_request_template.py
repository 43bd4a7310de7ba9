"""The event that the request template makes holds the message that the other sources' template writes."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.envelope import read_envelope
from tests.unit.handshake.events import SECRET, event, head, signature
from tests.unit.test_template import NOW_MS, REQUEST_ID, TRACE, bodies, rendered, values
from webhookctl.local.gateway.vtl import Template

TEMPLATE = Template(
    (Path(__file__).parents[3] / "modules/ingestion/templates/handshake_request.vtl").read_text(encoding="utf-8")
)
HEAD = head(b"")


def made(input_body: str, given_head: str = HEAD, trace: str = "") -> Any:
    """The event; an error if a member is there twice."""

    def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(TEMPLATE.render(values(input_body, given_head, trace)), object_pairs_hook=unrepeated)


def message(given: Any) -> str:
    return json.dumps(given["envelope"], separators=(",", ":"))


@given(bodies)
def test_the_envelope_is_to_the_byte_the_message_of_a_source_without_handshake(body: bytes) -> None:
    encoded = base64.b64encode(body).decode()
    assert message(made(encoded)) == rendered(encoded, HEAD)["MessageBody"]


def test_an_empty_body_is_the_two_candidates_of_any_other_source() -> None:
    envelope = read_envelope(message(made("")))
    assert envelope.bodies == (b"", b"{}")
    assert (envelope.received_at_ms, envelope.request_id, envelope.source) == (NOW_MS, REQUEST_ID, "crew")


def test_the_events_of_the_tests_are_made_so() -> None:
    body, trace = b'{"a": "/"}', TRACE
    given = event(body, trace=trace)
    given["envelope"]["received_at_ms"] = NOW_MS
    assert made(base64.b64encode(body).decode(), head(body), trace) == given
    assert signature(body, SECRET) not in json.dumps(given)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text("\\'\"{}:,/\n\x00\x7f", max_size=20))
def test_no_text_leaves_its_place_whatever_api_gateway_shows(text: str) -> None:
    given = made(text, given_head=text, trace=text)
    assert given.keys() == {"envelope", "trace"}
    assert given["trace"] == given["envelope"]["head"] == text
    assert given["envelope"]["body"] == (text or "{}")
    assert given["envelope"].keys() == {"version", "received_at_ms", "request_id", "head", "body"}


@pytest.mark.parametrize("trace", ["", TRACE])
def test_a_trace_is_a_text_that_may_be_empty(trace: str) -> None:
    assert made("e30=", trace=trace)["trace"] == trace
