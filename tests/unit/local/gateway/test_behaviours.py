"""What API Gateway does, by its documents or by recordings, that a mapping from requests to SQS depends on."""

import base64
import json
from io import BytesIO
from typing import Any

import pytest

from tests.unit.local.gateway.conftest import STORED, Serve
from tests.unit.local.gateway.deployed import TYPES, deployed, gateway_response, integration_response, method_settings
from webhookctl.local.function_error import FunctionError
from webhookctl.local.gateway.integration import ANSWER_TYPE
from webhookctl.local.gateway.server import MAX_PAYLOAD_BYTES

FAILED = """#if($input.body.contains('"InvalidParameterValue"'))
#set($context.responseOverride.status = 413)
{"reason":"too_large"}
#else
{"reason":"queue_unavailable"}
#end"""


def request_template(template: str, **more: Any) -> dict[str, Any]:
    return {"integration": {"request_templates": dict.fromkeys(TYPES, template), **more}}


def sqs_error(code: str, status: int = 400) -> tuple[int, bytes]:
    return status, json.dumps({"Error": {"Code": code, "Message": "no", "Type": "Sender"}, "RequestId": "r"}).encode()


async def test_01_an_empty_body_is_rendered_as_braces(serve: Serve) -> None:
    bench = await serve()
    assert (await bench.post(b"")).status == 200
    assert bench.envelope["body"] == "{}"


async def test_02_a_binary_type_and_convert_to_text_show_base64_of_the_raw_bytes(serve: Serve) -> None:
    bench = await serve()
    body = b'\x00\xff\xfe & + % " \xed\xa0\x80'
    await bench.post(body)
    assert base64.b64decode(bench.envelope["body"], validate=True) == body


async def test_02_a_binary_type_without_convert_to_text_has_no_text_to_show(serve: Serve) -> None:
    bench = await serve(deployed(changes={"integration": {"content_handling": None}}))
    assert (await bench.post(b"text")).status == 500


async def test_03_otherwise_the_body_is_utf_8_with_invalid_bytes_replaced(serve: Serve) -> None:
    bench = await serve(deployed(changes={"rest_api": {"binary_media_types": []}}))
    await bench.post("ä".encode() + b"\xff")
    assert bench.envelope["body"] == "ä\ufffd"


async def test_04_a_parameter_is_looked_up_in_path_then_query_then_header(serve: Serve) -> None:
    found = {
        "A": "params('source')",
        "B": "params('X-One')",
        "C": "params().header.get('X-One')",
        "D": "params('X-Two')",
    }
    template = "&".join(f"{name}=$input.{look_up}" for name, look_up in found.items())
    changes = request_template(template) | {"resource": {"path": "/webhooks/{source}"}}
    bench = await serve(deployed(changes=changes))
    await bench.post(
        path="/v1/webhooks/github?source=query&X-One=query", source="header", x_one="header", x_two="header"
    )
    assert bench.form == {"A": "github", "B": "query", "C": "header", "D": "header"}


async def test_05_header_names_keep_their_case_and_look_ups_heed_it(serve: Serve) -> None:
    bench = await serve(deployed(changes=request_template("A=$input.params('X-MiXed')&B=$input.params('x-mixed')&C=")))
    await bench.request("POST", "/v1/webhooks/github", b"", {"X-MiXed": "1", "X-HUB-Signature-256": "x"})
    assert bench.form == {"A": "1", "B": "", "C": ""}
    assert bench.events[0]["headers"]["X-HUB-Signature-256"] == "x"


@pytest.mark.parametrize(
    "name", ["Content-MD5", "Expect", "Max-Forwards", "Server", "TE", "Trailer", "WWW-Authenticate"]
)
async def test_05_hidden_headers_reach_neither_templates_nor_authorizers(serve: Serve, name: str) -> None:
    bench = await serve(deployed(changes=request_template(f"A=$input.params('{name}')")))
    await bench.post(**{name.lower().replace("-", "_"): "100-continue"})
    assert bench.form == {"A": ""}
    assert name.lower() not in {each.lower() for each in bench.events[0]["multiValueHeaders"]}


async def test_06_template_selection_ignores_content_type_parameters(serve: Serve) -> None:
    bench = await serve()
    assert (await bench.post(b"x", content_type="Application/JSON; charset=utf-8")).status == 200
    assert bench.envelope["body"] == "eA=="


async def test_06_no_content_type_takes_the_json_template_and_is_not_binary(serve: Serve) -> None:
    bench = await serve()
    await bench.request("POST", "/v1/webhooks/github", b"&raw=1", {"X-Hub-Signature-256": "x"})
    assert bench.envelope["body"] == "&raw=1"


async def test_07_escape_java_script_follows_java(serve: Serve) -> None:
    changes = request_template(
        "A=$util.urlEncode($util.escapeJavaScript($input.body))", content_handling="CONVERT_TO_TEXT"
    )
    bench = await serve(deployed(changes=changes | {"rest_api": {"binary_media_types": []}}))
    await bench.post('it\'s "a\\b"</ü😀\n\x01'.encode())
    assert bench.form["A"] == 'it\\\'s \\"a\\\\b\\"<\\/\\u00FC\\uD83D\\uDE00\\n\\u0001'


async def test_08_url_encode_is_form_encoding_of_utf_8(serve: Serve) -> None:
    changes = request_template("$util.urlEncode($input.body)") | {"rest_api": {"binary_media_types": []}}
    bench = await serve(deployed(changes=changes))
    await bench.post("a b+c&d=~*-._%/ä".encode())
    assert bench.sent[0][2] == b"a+b%2Bc%26d%3D%7E*-._%25%2F%C3%A4"


async def test_09_a_type_without_template_is_a_415_when_nothing_passes_through(serve: Serve) -> None:
    bench = await serve()
    reply = await bench.post(b"x", content_type="text/plain")
    assert (reply.status, reply.json, bench.sent) == (415, {"message": "Unsupported Media Type"}, [])


async def test_09_with_the_default_passthrough_the_senders_body_is_a_call_of_ours(serve: Serve) -> None:
    bench = await serve(deployed(changes={"integration": {"passthrough_behavior": "WHEN_NO_MATCH"}}))
    await bench.post(b"Action=DeleteQueue", content_type="text/plain")
    assert bench.sent[0][2] == b"Action=DeleteQueue"


async def test_10_the_default_response_is_the_one_without_a_pattern(serve: Serve) -> None:
    bench = await serve()
    bench.answer = sqs_error("ServiceUnavailable", 503)
    assert (await bench.post()).status == 503


async def test_10_neither_match_nor_default_is_a_500(serve: Serve) -> None:
    bench = await serve(deployed(changes={"integration_response": {"selection_pattern": "2\\d\\d"}}))
    bench.answer = sqs_error("Anything")
    reply = await bench.post()
    assert (reply.status, reply.json) == (500, {"message": "Internal server error"})


async def test_11_a_selection_pattern_is_matched_against_the_whole_status(serve: Serve) -> None:
    bench = await serve(deployed(changes={"integration_response": {"selection_pattern": "20"}}))
    assert (await bench.post()).status == 500


async def test_12_gateway_responses_only_substitute_context_variables(serve: Serve) -> None:
    template = {"error": "$context.error.responseType", "id": "$context.extendedRequestId", "vtl": "#set($x = 1)$x"}
    bench = await serve(deployed(extra=[gateway_response("MISSING_AUTHENTICATION_TOKEN", "404", template)]))
    reply = await bench.post(path="/v1/webhooks/unknown")
    wanted = {
        "error": "MISSING_AUTHENTICATION_TOKEN",
        "id": reply.headers["x-amz-apigw-id"],
        "vtl": "#set($x = 1)$x",
    }
    assert (reply.status, reply.json) == (404, wanted)


async def test_12_the_413_takes_no_customisation(serve: Serve) -> None:
    bench = await serve(deployed(extra=[gateway_response("DEFAULT_4XX", "400", {"mine": True})]))
    reply = await bench.request("POST", "/v1/webhooks/github", BytesIO(b"x" * (MAX_PAYLOAD_BYTES + 1)), {})
    assert (reply.status, reply.json) == (413, {"message": "HTTP content length exceeded 10485760 bytes."})


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ("deny", 403, {"Message": "User is not authorized to access this resource with an explicit deny"}),
        ("other", 403, {"Message": "User is not authorized to access this resource"}),
        ("Unauthorized", 401, {"message": "Unauthorized"}),
        ("unauthorized", 500, {"message": None}),
        ("boom", 500, {"message": None}),
        ("malformed", 500, {"message": None}),
    ],
)
async def test_13_authorizer_outcomes(serve: Serve, answer: str, status: int, body: object) -> None:
    bench = await serve()

    def authorizer(event: Any) -> Any:
        if answer in ("Unauthorized", "unauthorized", "boom"):
            raise FunctionError("Exception", answer)
        if answer == "malformed":
            return {"principalId": "x"}
        bench.effect = "Deny" if answer == "deny" else "Allow"
        return bench.policy(event["methodArn"] + ("/other" if answer == "other" else ""))

    bench.authorizer = authorizer
    reply = await bench.post()
    assert (reply.status, reply.json, bench.sent) == (status, body, [])


async def test_13_every_request_asks_the_authorizer(serve: Serve) -> None:
    bench = await serve()
    for _ in range(3):
        await bench.post()
    assert len(bench.events) == 3


async def test_13_context_values_are_texts(serve: Serve) -> None:
    bench = await serve(
        deployed(changes=request_template("A=$context.authorizer.yes&B=$context.authorizer.n&C=$context.authorizer.f"))
    )
    bench.context = {"yes": True, "n": 7, "f": 1.5}
    await bench.post()
    assert bench.form == {"A": "true", "B": "7", "C": "1.5"}


async def test_13_the_authorizer_sees_no_body_and_no_content_length(serve: Serve) -> None:
    bench = await serve()
    await bench.post(b"secret content")
    event = bench.events[0]
    assert "body" not in event
    assert "content-length" not in {name.lower() for name in event["headers"]}
    assert "secret content" not in json.dumps(event)


@pytest.mark.parametrize("declared", [True, False])
async def test_14_a_payload_over_ten_megabytes_is_refused_before_anything_runs(serve: Serve, declared: bool) -> None:
    bench = await serve()

    async def chunks() -> Any:
        for _ in range(11):
            yield b"x" * 1024 * 1024

    body: Any = BytesIO(b"x" * (MAX_PAYLOAD_BYTES + 1)) if declared else chunks()
    reply = await bench.request("POST", "/v1/webhooks/github", body, {"X-Hub-Signature-256": "x"})
    assert (reply.status, bench.events, bench.sent) == (413, [], [])


async def test_14_a_payload_of_ten_megabytes_passes(serve: Serve) -> None:
    bench = await serve()
    assert (await bench.post(BytesIO(b"x" * MAX_PAYLOAD_BYTES))).status == 200


async def test_14_a_head_over_its_limit_is_refused(serve: Serve) -> None:
    bench = await serve()
    assert (await bench.post(x_long="a" * 9_000)).status == 200
    assert (await bench.post(x_long="a" * 10_240)).status == 431
    assert len(bench.events) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [("InvalidParameterValue", 413), ("InvalidMessageContents", 503), ("AWS.SimpleQueueService.NonExistentQueue", 503)],
)
@pytest.mark.parametrize("answer_type", [ANSWER_TYPE, "application/x-amz-json-1.0"])
async def test_15_too_large_is_told_by_its_code_in_the_response_template(
    serve: Serve, code: str, status: int, answer_type: str
) -> None:
    decoded = "#set($answer = $input.body)#if(!$answer.startsWith('{'))#set($answer = $util.base64Decode($answer))#end"
    failed = decoded + FAILED.replace("$input.body", "$answer")
    bench = await serve(
        deployed(changes={"integration_response": {"response_templates": {"application/json": failed}}}),
        answer_type=answer_type,
    )
    bench.answer = sqs_error(code)
    reply = await bench.post()
    reason = "too_large" if status == 413 else "queue_unavailable"
    assert (reply.status, reply.json) == (status, {"reason": reason})


async def test_15_a_status_of_413_from_sqs_itself_can_be_selected(serve: Serve) -> None:
    bench = await serve(deployed(extra=integration_response("github", "413", "413", '{"reason":"too_large"}')))
    bench.answer = (413, b"<html>not JSON</html>")
    assert (await bench.post()).status == 413


async def test_16_no_refusal_by_sqs_becomes_an_accepted_webhook(serve: Serve) -> None:
    bench = await serve()
    for status in (400, 403, 413, 500, 503, 301, 199):
        bench.answer = sqs_error("InvalidMessageContents", status)
        assert (await bench.post()).status == 503


@pytest.mark.parametrize(
    "reference",
    [
        "$input.params('X-None')",
        "$input.params().header.get('X-None')",
        "$input.params().header.items",
        "$context.authorizer.none",
        "$context.none.none.none",
        "$context.identity.none",
        "$context.identity.userArn",
        "$stageVariables.none",
        "$util.urlEncode($context.authorizer.none)",
    ],
)
async def test_17_what_is_missing_is_rendered_as_nothing(serve: Serve, reference: str) -> None:
    bench = await serve(deployed(changes=request_template(f"A={reference}&B=b")))
    await bench.post()
    assert bench.form == {"A": "", "B": "b"}


@pytest.mark.parametrize("value", [None, ""])
async def test_18_an_identity_source_missing_or_empty_is_a_401_without_the_lambda(serve: Serve, value: Any) -> None:
    bench = await serve()
    reply = await bench.post(x_hub_signature_256=value)
    assert (reply.status, reply.json, bench.events) == (401, {"message": "Unauthorized"}, [])


@pytest.mark.parametrize("name", ["x-hub-signature-256", "X-HUB-SIGNATURE-256"])
async def test_18_an_identity_source_matches_a_header_in_any_case(serve: Serve, name: str) -> None:
    bench = await serve()
    reply = await bench.request("POST", "/v1/webhooks/github", b"", {name: "x", "Content-Type": "application/json"})
    assert reply.status == 200


@pytest.mark.parametrize(("cidr", "status", "asked"), [("127.0.0.0/8", 200, 1), ("192.0.2.0/24", 403, 0)])
async def test_19_an_explicit_deny_of_the_resource_policy_comes_before_the_authorizer(
    serve: Serve, cidr: str, status: int, asked: int
) -> None:
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    others = {"NotIpAddress": {"aws:SourceIp": [cidr]}}
    deny = {**everyone, "Effect": "Deny", "Resource": "execute-api:/*/POST/webhooks/github", "Condition": others}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everyone, deny]})
    bench = await serve(deployed(changes={"rest_api": {"policy": policy}}))
    assert ((await bench.post()).status, len(bench.events)) == (status, asked)


async def test_19_an_allow_of_the_resource_policy_lets_in_what_the_authorizer_says_nothing_of(serve: Serve) -> None:
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
    bench = await serve(deployed(changes={"rest_api": {"policy": policy}}))
    bench.authorizer = lambda event: bench.policy(event["methodArn"] + "/other")
    assert (await bench.post()).status == 200


async def test_19_a_throttled_request_never_reaches_the_authorizer(serve: Serve) -> None:
    bench = await serve(deployed(["github", "slack"], extra=[method_settings("github", rate=1, burst=2)]))
    replies = [await bench.post() for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[-1].json == {"message": "Too Many Requests"}
    assert len(bench.events) == 2
    assert (await bench.post(path="/v1/webhooks/slack")).status == 200
    bench.now += 1
    assert (await bench.post()).status == 200


async def test_20_a_response_template_reads_sqs_answer_as_json(serve: Serve) -> None:
    template = '{"id":"$input.path(\'$.SendMessageResponse.SendMessageResult.MessageId\')"}'
    changes = {"integration_response": {"response_templates": {"application/json": template}}}
    bench = await serve(deployed(changes=changes), answer_type="application/x-amz-json-1.0")
    assert (await bench.post()).json == {"id": "m-1"}


async def test_20_an_answer_of_a_binary_type_is_shown_as_base64(serve: Serve) -> None:
    changes = {"integration_response": {"response_templates": {"application/json": "$input.body"}}}
    bench = await serve(deployed(changes=changes))
    assert json.loads(base64.b64decode((await bench.post()).body)) == STORED


async def test_20_the_stage_serves_the_deployment_and_no_later_edit(serve: Serve) -> None:
    state = deployed()
    bench = await serve(state)
    for each in state.resources("aws_api_gateway_integration"):
        each.values["request_templates"].clear()
    assert (await bench.post()).status == 200
