"""The event that the request template makes holds the message that the other sources' template writes."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.envelope import read_envelope
from tests.unit.handshake.events import SECRET, event, head, signature
from tests.unit.test_template import HOSTILE_GROUPS, ID, NOW_MS, REQUEST_ID, TRACE, bodies, rendered, text_of, values
from webhookctl.local.gateway.vtl import Template

TEMPLATE = Template(text_of("handshake_request"))
IN_ORDER = Template(
    text_of("message_group") + text_of("handshake_request").removesuffix("}") + text_of("handshake_fifo")
)
HEAD = head(b"")


def made(input_body: str, given_head: str = HEAD, trace: str = "", template: Template = TEMPLATE, **more: str) -> Any:
    """The event; an error if a member is there twice."""

    def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(template.render(values(input_body, given_head, trace, **more)), object_pairs_hook=unrepeated)


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


@pytest.mark.parametrize("group", ["ticket-5", "a.b:c@d/e+f=g,h"])
def test_in_order_the_event_is_the_same_with_its_place_beside_it(group: str) -> None:
    given = made("e30=", HEAD, TRACE, IN_ORDER, group=group, deduplication_id=ID)
    assert given == made("e30=", HEAD, TRACE) | {"group": group, "deduplication_id": ID}


@pytest.mark.parametrize("group", HOSTILE_GROUPS)
def test_what_can_not_name_a_group_stays_out_of_the_event(group: str) -> None:
    given = made("e30=", template=IN_ORDER, group=group)
    assert (given["group"], given["deduplication_id"]) == ("-", REQUEST_ID)


def test_a_deduplication_id_stays_in_its_place_whatever_it_is() -> None:
    assert made("e30=", template=IN_ORDER, deduplication_id='"/,\n')["deduplication_id"] == '"/,\n'
