"""The request template, rendered as by API Gateway, read by a form parser as SQS does and by the code for envelopes."""

import base64
import json
import re
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
from webhookctl.local.gateway.errors import TemplateError
from webhookctl.local.gateway.template_functions import UTIL
from webhookctl.local.gateway.template_values import Context, Input, Parameters
from webhookctl.local.gateway.vtl import Template
from webhookctl.sender import sign

TEMPLATES = Path(__file__).parents[2] / "modules/ingestion/templates"


def text_of(name: str) -> str:
    return (TEMPLATES / f"{name}.vtl").read_text(encoding="utf-8")


TEMPLATE = Template(text_of("send_message"))
# Of sources whose queue keeps an order, as modules/ingestion puts them together.
BY_HEADER = Template(text_of("message_group") + text_of("send_message") + text_of("send_fifo"))
BY_POINTER = Template(
    text_of("message_group_of_body").replace("MEMBER", "get('data').get('ticket_id')")
    + text_of("send_message")
    + text_of("send_fifo")
)
NOW_MS = 1_700_000_000_123
REQUEST_ID = "ZYX+/wvuTSrqpONm="
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
KEY = Key(b"s3cret")

bodies = (
    st.binary(max_size=400) | st.sampled_from(HOSTILE_BODIES) | st.text("&=+%\"'\\$#{}()", max_size=40).map(str.encode)
)


def values(input_body: str, head: str, trace: str = "", **more: str) -> dict[str, Any]:
    """What a request template sees of a request that the authorizer let through."""
    authorizer = {"head": head, **more} | ({"trace": trace} if trace else {})
    context = {"requestTimeEpoch": NOW_MS, "extendedRequestId": REQUEST_ID, "authorizer": authorizer}
    return {"input": Input(input_body, Parameters({}, {}, {})), "context": Context(context), "util": UTIL}


def rendered(input_body: str, head: str, trace: str = "", template: Template = TEMPLATE, **more: str) -> dict[str, str]:
    """The parameters that SQS would see."""
    form = template.render(values(input_body, head, trace, **more))
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


HEAD = "e30"
ORDERED = {"Action", "MessageBody", "MessageGroupId", "MessageDeduplicationId"}
ID = "5f" * 32
GROUP = re.compile(r"[A-Za-z0-9_.:@/+=,-]{1,128}")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("ticket_id"), inner),
    max_leaves=8,
)


def group_of(document: object) -> str:
    return group_of_body(json.dumps(document).encode())


def group_of_body(body: bytes) -> str:
    form = rendered(base64.b64encode(body).decode(), HEAD, template=BY_POINTER)
    assert form.keys() == ORDERED
    return form["MessageGroupId"]


@pytest.mark.parametrize("template", [BY_HEADER, BY_POINTER])
@pytest.mark.parametrize("trace", ["", TRACE])
def test_in_order_the_message_is_the_same_and_group_and_deduplication_id_stand_beside_it(
    template: Template, trace: str
) -> None:
    plain = rendered("e30=", HEAD, trace)
    form = rendered("e30=", HEAD, trace, template, deduplication_id=ID)
    assert {name: value for name, value in form.items() if name in plain} == plain
    assert form.keys() - plain.keys() == {"MessageGroupId", "MessageDeduplicationId"}
    assert (form["MessageGroupId"], form["MessageDeduplicationId"]) == ("-", ID)


def test_without_a_deduplication_id_of_the_authorizers_it_is_the_requests_own() -> None:
    assert rendered("e30=", HEAD, template=BY_HEADER)["MessageDeduplicationId"] == REQUEST_ID


@pytest.mark.parametrize("group", ["5", "ticket-5", "A" * 128, "a.b:c@d/e+f=g,h"])
def test_a_group_is_the_authorizers_or_the_one_that_the_body_names(group: str) -> None:
    assert rendered("e30=", HEAD, template=BY_HEADER, group=group)["MessageGroupId"] == group
    assert group_of({"data": {"ticket_id": group}}) == group


def test_a_number_names_a_group_as_it_is_written() -> None:
    assert group_of({"data": {"ticket_id": 12345678901}}) == "12345678901"


HOSTILE_GROUPS = [
    *(
        "",
        " ",
        "a b",
        '"',
        "a\n",
        "\n",
        "a&MessageGroupId=b&Action=DeleteQueue",
        "%41",
        "100%",
        "#set($group = 'x')",
        "$util",
    ),
    *(
        "${input.body}",
        "$!group",
        "ü",
        "漢字",
        "😀",
        "\ud800",
        "\x00",
        "A" * 129,
        "A" * 10_000,
        "\\",
        "'",
        "{}",
        "[1]",
        "</script>",
    ),
]


@pytest.mark.parametrize("group", HOSTILE_GROUPS)
def test_what_can_not_name_a_group_is_in_the_one_group_of_its_like(group: str) -> None:
    assert group_of({"data": {"ticket_id": group}}) == "-"
    form = rendered("e30=", HEAD, template=BY_HEADER, group=group)
    assert form.keys() == ORDERED
    assert form["MessageGroupId"] == "-"


@pytest.mark.parametrize(
    "document", [{}, {"data": None}, {"data": {}}, {"data": []}, {"data": 1}, {"data": "x"}, [], 1]
)
def test_a_body_without_the_member_is_in_the_one_group(document: object) -> None:
    assert group_of(document) == "-"


@pytest.mark.parametrize("value", [None, {}, {"a": 1}, [], ["a"]])
def test_a_member_that_is_no_text_and_no_number_names_no_group(value: object) -> None:
    assert group_of({"data": {"ticket_id": value}}) == "-"


@given(json_values)
def test_whatever_json_comes_there_is_a_group_that_sqs_takes(value: object) -> None:
    for document in (value, {"data": value}, {"data": {"ticket_id": value}}):
        assert GROUP.fullmatch(group_of(document))


@given(bodies.filter(lambda body: not body.startswith(b"{")))
def test_a_body_that_does_not_begin_as_an_object_is_not_parsed(body: bytes) -> None:
    assert group_of_body(body) == "-"


def test_an_empty_body_is_in_the_one_group() -> None:
    assert rendered("", HEAD, template=BY_POINTER)["MessageGroupId"] == "-"


def test_what_only_begins_as_an_object_is_an_error_of_the_template() -> None:
    # A 500, which is what remains: API Gateway has no way to ask whether a text is JSON. Who sends this sends no JSON.
    with pytest.raises(TemplateError):
        group_of_body(b'{"data": ')
    with pytest.raises(TemplateError):
        group_of_body(b'{"a":' * 100_000)
