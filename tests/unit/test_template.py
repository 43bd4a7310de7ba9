"""The request template, rendered as by API Gateway, read by a form parser as SQS does and by the code for envelopes."""

import base64
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer.decision import Allowed, Arrival, decide
from authorizer.settings import Source
from common.envelope import Envelope, MalformedEnvelope, read_envelope
from common.headers import gather
from common.keyring import KeyRing
from common.keys import Key
from common.scheme import preset
from common.signature import Request, verify
from webhookctl.local.demo.traffic import HOSTILE_BODIES
from webhookctl.local.gateway.template_functions import UTIL
from webhookctl.local.gateway.template_values import Context, Input, Parameters
from webhookctl.local.gateway.vtl import Template
from webhookctl.sender import sign

TEMPLATE = Template(
    (Path(__file__).parents[2] / "modules/ingestion/templates/send_message.vtl").read_text(encoding="utf-8")
)
NOW_MS = 1_700_000_000_123
REQUEST_ID = "ZYX+/wvuTSrqpONm="
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
KEY = Key(b"s3cret")

bodies = (
    st.binary(max_size=400) | st.sampled_from(HOSTILE_BODIES) | st.text("&=+%\"'\\$#{}()", max_size=40).map(str.encode)
)


def values(input_body: str, head: str, trace: str = "") -> dict[str, Any]:
    """What a request template sees of a request that the authorizer let through."""
    authorizer = {"head": head} | ({"trace": trace} if trace else {})
    context = {"requestTimeEpoch": NOW_MS, "extendedRequestId": REQUEST_ID, "authorizer": authorizer}
    return {"input": Input(input_body, Parameters({}, {}, {})), "context": Context(context), "util": UTIL}


def rendered(input_body: str, head: str, trace: str = "") -> dict[str, str]:
    """The parameters that SQS would see."""
    form = TEMPLATE.render(values(input_body, head, trace))
    pairs = urllib.parse.parse_qsl(form, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def sent(input_body: str, head: str) -> Envelope:
    form = rendered(input_body, head)
    assert form.keys() == {"Action", "MessageBody"}
    assert form["Action"] == "SendMessage"
    return read_envelope(form["MessageBody"])


def allowed_head(body: bytes) -> str:
    headers = sign(preset("github"), KEY, body, at=0, event_id="evt-1").headers
    source = Source("github", preset("github"), ("application/json",), 300)
    given = gather({**headers, "Content-Type": "application/json"}.items())
    decision = decide(
        Arrival("github", given, "", {}, NOW_MS / 1000), {"github": source}, lambda _: KeyRing(list, "utf8")
    )
    assert isinstance(decision, Allowed)
    return decision.head


@given(bodies)
def test_any_body_reaches_the_verifier_as_the_bytes_that_were_signed(body: bytes) -> None:
    envelope = sent(base64.b64encode(body).decode(), allowed_head(body))
    assert (envelope.received_at_ms, envelope.request_id, envelope.source) == (NOW_MS, REQUEST_ID, "github")
    (candidate, *_) = envelope.bodies
    assert candidate == body
    verify(preset("github"), [KEY], Request(gather(envelope.headers.items())), candidate)


@given(st.text(max_size=200) | st.sampled_from([body.decode("utf-8", "replace") for body in HOSTILE_BODIES]))
def test_a_body_that_were_not_base64_could_add_no_parameter_and_no_member(text: str) -> None:
    # Should API Gateway ever give the template raw text: it is one parameter still, and an envelope of ours or none.
    form = rendered(text, allowed_head(b""))
    assert form.keys() == {"Action", "MessageBody"}
    try:
        envelope = read_envelope(form["MessageBody"])
    except MalformedEnvelope:
        return
    assert (envelope.source, envelope.request_id, envelope.received_at_ms) == ("github", REQUEST_ID, NOW_MS)


def test_the_trace_is_a_system_attribute_and_left_out_when_there_is_none() -> None:
    form = rendered("e30=", allowed_head(b"{}"), TRACE)
    assert form["MessageSystemAttribute.1.Name"] == "AWSTraceHeader"
    assert form["MessageSystemAttribute.1.Value.DataType"] == "String"
    assert form["MessageSystemAttribute.1.Value.StringValue"] == TRACE
    assert len(form) == 5


@pytest.mark.parametrize("head", ["", "e30", "not base64"])
def test_a_head_that_the_authorizer_did_not_write_is_malformed(head: str) -> None:
    with pytest.raises(MalformedEnvelope):
        sent("e30=", head)
