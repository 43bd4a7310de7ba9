"""The ingestion module's templates behind the gateway, whichever way API Gateway shows them SQS's answer."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.unit.local.gateway.conftest import Serve
from tests.unit.local.gateway.deployed import TEMPLATES, deployed, handshaken, integration_response, mocked, without
from webhookctl.local.function_error import FunctionError
from webhookctl.local.gateway.integration import ANSWER_TYPE
from webhookctl.local.state import State


def as_deployed() -> State:
    bare = without(without(deployed(), "integration_response"), "method_response")
    answers = (("200", "2\\d\\d", "accepted"), ("413", "413", "too_large"), ("503", None, "failed"))
    responses = (
        each
        for status, pattern, name in answers
        for each in integration_response("github", status, pattern, (TEMPLATES / f"{name}.vtl").read_text())
    )
    return State(outputs={}, managed=(*bare.managed, *responses))


def error(code: str, message: str = "no") -> bytes:
    return json.dumps({"Error": {"Code": code, "Message": message, "Type": "Sender"}, "RequestId": "r"}).encode()


@pytest.mark.parametrize("answer_type", [ANSWER_TYPE, "application/x-amz-json-1.0"])
@pytest.mark.parametrize(
    ("status", "answer", "given", "reason"),
    [
        (400, error("InvalidParameterValue", "Reason: Message must be shorter than 262144 bytes."), 413, "too_large"),
        (400, error("InvalidParameterValue", "Reason: a fault of ours"), 503, "queue_unavailable"),
        (413, b"<html>Request Entity Too Large</html>", 413, "too_large"),
        (400, error("InvalidMessageContents"), 503, "queue_unavailable"),
        (400, error("KmsThrottled"), 503, "queue_unavailable"),
        (400, error("AWS.SimpleQueueService.NonExistentQueue"), 503, "queue_unavailable"),
        (403, error("AccessDenied"), 503, "queue_unavailable"),
        (500, b'{"Error":{"Code":"InternalFailure"}}', 503, "queue_unavailable"),
    ],
)
async def test_each_refusal_by_sqs_is_told_to_the_sender(
    serve: Serve, answer_type: str, status: int, answer: bytes, given: int, reason: str
) -> None:
    bench = await serve(as_deployed(), answer_type=answer_type)
    bench.answer = (status, answer)
    reply = await bench.post()
    assert (reply.status, reply.json["reason"]) == (given, reason)
    assert reply.json["request_id"] == reply.headers["x-amz-apigw-id"]


@pytest.mark.parametrize("answer_type", [ANSWER_TYPE, "application/x-amz-json-1.0"])
async def test_a_stored_message_is_an_accepted_webhook(serve: Serve, answer_type: str) -> None:
    bench = await serve(as_deployed(), answer_type=answer_type)
    reply = await bench.post(b"x")
    assert reply.status == 200
    assert reply.json["id"]


@pytest.mark.parametrize("trace", [None, "Root=1-6553f100-d2046871936b13e27ff9bc87;Parent=9891a649179f22ab;Sampled=1"])
async def test_the_form_holds_the_message_and_the_trace_only_when_there_is_one(serve: Serve, trace: str | None) -> None:
    bench = await serve(as_deployed())
    bench.context = {"head": "e30"} | ({"trace": trace} if trace else {})
    await bench.post(b"x")
    attribute = "MessageSystemAttribute.1."
    expected = {"Name": "AWSTraceHeader", "Value.DataType": "String", "Value.StringValue": trace}
    found = {name.removeprefix(attribute): value for name, value in bench.form.items() if name.startswith(attribute)}
    assert found == (expected if trace else {})
    assert set(bench.form) - {attribute + name for name in found} == {"Action", "MessageBody"}


@pytest.mark.parametrize("answer_type", [ANSWER_TYPE, "application/x-amz-json-1.0"])
@pytest.mark.parametrize("status", [200, 202, 403, 413, 503])
async def test_a_functions_answer_names_the_status_and_holds_the_body(
    serve: Serve, answer_type: str, status: int
) -> None:
    bench = await serve(handshaken(), answer_type=answer_type)
    bench.function = lambda _event: {"status": status, "body": '{"id":"/é"}'}
    reply = await bench.post()
    assert (reply.status, reply.json) == (status, {"id": "/é"})


@pytest.mark.parametrize("answer_type", [ANSWER_TYPE, "application/x-amz-json-1.0"])
@pytest.mark.parametrize(
    "answer", [{}, {"status": 201}, {"status": "20"}, {"status": 500}, {"statusCode": 200, "body": "{}"}]
)
async def test_an_answer_without_one_of_our_statuses_is_a_503(serve: Serve, answer_type: str, answer: Any) -> None:
    bench = await serve(handshaken(), answer_type=answer_type)
    bench.function = lambda _event: answer
    reply = await bench.post()
    assert (reply.status, reply.json["error"], reply.json["reason"]) == (
        503,
        "INTEGRATION_FAILURE",
        "handshake_failure",
    )
    assert reply.json["request_id"] == reply.headers["x-amz-apigw-id"]


@pytest.mark.parametrize("answer_type", [ANSWER_TYPE, "application/x-amz-json-1.0"])
@pytest.mark.parametrize("answer", [None, "ok", [], {"status": 200, "body": {}}])
async def test_an_answer_of_another_form_is_a_failure_too(serve: Serve, answer_type: str, answer: Any) -> None:
    bench = await serve(handshaken(), answer_type=answer_type)
    bench.function = lambda _event: answer
    assert (await bench.post()).status in (500, 503)


@pytest.mark.parametrize("message", ["200", "202", "413", "2023-11-14T22:13:20.250Z Task timed out", "{}", "", "\n"])
async def test_no_error_of_a_function_is_an_accepted_webhook_whichever_response_it_selects(
    serve: Serve, message: str
) -> None:
    def fail(_event: Any) -> Any:
        raise FunctionError("ValueError", message)

    bench = await serve(handshaken())
    bench.function = fail
    reply = await bench.post()
    assert (reply.status, reply.json["reason"]) == (503, "handshake_failure")


TOKEN = "verify_me-0123456789"
ASKED = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}
OKTA = "X-Okta-Verification-Challenge"


def challenged(kind: str, content_type: str, method: str = "GET") -> State:
    """An environment whose source answers Meta's or Okta's GET, or Intercom's HEAD, as modules/ingestion does."""

    def template(name: str) -> str:
        return (TEMPLATES / f"challenge_{name}.vtl").read_text().replace("VERIFY_TOKEN", TOKEN)

    text: dict[str, Any] = {
        "declared": {"method.response.header.Content-Type": False},
        "response_parameters": {"method.response.header.Content-Type": f"'{content_type}'"},
    }
    answered = integration_response("github", "200", "200", template(f"{kind}_answer"), method=method, **text)
    refused = integration_response("github", "403", None, template("refused"), method=method)
    return deployed(extra=mocked("github", template(kind), *answered, *refused, http_method=method))


async def test_meta_gets_its_challenge_back_as_plain_text(serve: Serve) -> None:
    bench = await serve(challenged("meta", "text/plain"))
    reply = await bench.get(f"/v1/webhooks/github?{urlencode(ASKED)}", Accept="*/*")
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"1158201444", "text/plain")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        *({other: value for other, value in ASKED.items() if other != name} for name in ASKED),
        *({**ASKED, name: ""} for name in ASKED),
        {**ASKED, "hub.mode": "unsubscribe"},
        {**ASKED, "hub.verify_token": "VERIFY_TOKEN"},
        {**ASKED, "hub.verify_token": TOKEN + "0"},
        {**ASKED, "hub.challenge": "<script>alert(1)</script>"},
        {**ASKED, "hub.challenge": "1" * 201},
        {**ASKED, "hub.challenge": "1\n"},
    ],
)
async def test_who_does_not_know_metas_token_or_wants_something_else_said_is_refused(
    serve: Serve, asked: dict[str, str]
) -> None:
    bench = await serve(challenged("meta", "text/plain"))
    reply = await bench.get(f"/v1/webhooks/github?{urlencode(asked)}")
    assert (reply.status, reply.json["error"], reply.json["reason"]) == (403, "ACCESS_DENIED", "handshake_refused")
    assert reply.json["request_id"] == reply.headers["x-amz-apigw-id"]


async def test_intercom_s_head_is_answered_and_nothing_is_said(serve: Serve) -> None:
    bench = await serve(challenged("intercom", "application/json", "HEAD"))
    reply = await bench.request("HEAD", "/v1/webhooks/github", None, {})
    assert (reply.status, reply.body) == (200, b"")
    assert b"Missing Authentication Token" in (await bench.get()).body


@pytest.mark.parametrize("name", [OKTA, OKTA.lower()])
async def test_okta_gets_its_challenge_back_in_json(serve: Serve, name: str) -> None:
    bench = await serve(challenged("okta", "application/json"))
    reply = await bench.get(**{name: "LCeCWEOqYEv2dBQ.cR4_-="})
    assert (reply.status, reply.json) == (200, {"verification": "LCeCWEOqYEv2dBQ.cR4_-="})


@pytest.mark.parametrize("headers", [{}, {OKTA: ""}, {OKTA: '"}'}, {OKTA: "a" * 201}])
async def test_without_a_challenge_of_oktas_form_the_answer_is_a_refusal(serve: Serve, headers: dict[str, str]) -> None:
    bench = await serve(challenged("okta", "application/json"))
    reply = await bench.get(f"/v1/webhooks/github?{OKTA}=query", **headers)
    assert (reply.status, reply.json["reason"]) == (403, "handshake_refused")
