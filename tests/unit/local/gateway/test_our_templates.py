"""The ingestion module's templates behind the gateway, whichever way API Gateway shows them SQS's answer."""

import json

import pytest

from tests.unit.local.gateway.conftest import Serve
from tests.unit.local.gateway.deployed import TEMPLATES, deployed, integration_response, without
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
