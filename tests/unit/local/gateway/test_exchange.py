"""What the authorizer is told, what goes back, and what is logged."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.local.gateway.conftest import Serve
from tests.unit.local.gateway.deployed import EXECUTION_ARN, REQUEST_TEMPLATE, deployed, gateway_response
from tests.unit.local.gateway.velocity.case import Case
from webhookctl.local.gateway.exchange import first_context
from webhookctl.local.gateway.headers import Headers
from webhookctl.local.gateway.state_reader import read_api

ACCESS_FORMAT = json.dumps(
    {
        "id": "$context.extendedRequestId",
        "status": "$context.status",
        "reason": "$context.authorizer.reason",
        "authorizer": "$context.authorizer.status",
        "integration": "$context.integration.status",
        "error": "$context.error.responseType",
        "route": "$context.resourcePath",
        "trace": "$context.xrayTraceId",
        "bytes": "$context.responseLength",
    }
)
LOGGED = {"stage": {"access_log_settings": [{"destination_arn": "x", "format": ACCESS_FORMAT}]}}


async def test_the_authorizers_event_is_api_gateways(serve: Serve) -> None:
    bench = await serve()
    await bench.post(path="/v1/webhooks/github?a=1&a=2;b=%20c", user_agent="Hook/1", x_amzn_requestid="mine")
    event = bench.events[0]
    context = event["requestContext"]
    assert (event["type"], event["methodArn"]) == ("REQUEST", f"{EXECUTION_ARN}/v1/POST/webhooks/github")
    assert (event["path"], event["resource"]) == ("/webhooks/github", "/webhooks/github")
    assert event["queryStringParameters"] == {"a": "2", "b": " c"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [" c"]}
    assert (event["pathParameters"], event["stageVariables"]) == (None, None)
    assert (context["path"], context["stage"], context["resourcePath"]) == (
        "/v1/webhooks/github",
        "v1",
        "/webhooks/github",
    )
    assert context["domainName"] == event["headers"]["Host"] == bench.url.removeprefix("http://")
    assert (event["httpMethod"], context["httpMethod"]) == ("POST", "POST")
    assert (context["requestTimeEpoch"], context["requestTime"]) == (1700000000250, "14/Nov/2023:22:13:20 +0000")
    assert (context["identity"]["sourceIp"], context["identity"]["userAgent"]) == ("127.0.0.1", "Hook/1")
    assert context["requestId"] == "mine"
    assert context["extendedRequestId"].endswith("=")


def test_the_url_that_the_sender_called_is_in_the_context() -> None:
    """A custom domain's base path is in the path, where the API's own domain has the stage."""
    api = read_api(deployed())
    for domain, path in (
        (f"{api.id}.execute-api.x.amazonaws.com", "/v1/webhooks/x"),
        ("h.example.com", "/in/webhooks/x"),
    ):
        headers = Headers([(b"Host", domain.encode())])
        context = first_context(
            api, method="POST", full_path=path, protocol="HTTP/1.1", headers=headers, source_ip="192.0.2.1", now=1.0
        )
        assert f"https://{context['domainName']}{context['path']}" == f"https://{domain}{path}"


async def test_an_empty_query_is_null(serve: Serve) -> None:
    bench = await serve()
    await bench.post()
    assert bench.events[0]["queryStringParameters"] is None
    assert bench.events[0]["multiValueQueryStringParameters"] is None


async def test_a_repeated_header_has_its_last_value_in_one_map_and_all_in_the_other(serve: Serve) -> None:
    bench = await serve()
    fields = "X-Hub-Signature-256: a\r\nX-Hub-Signature-256: b\r\nx-hub-signature-256: c\r\n"
    await bench.write(f"POST /v1/webhooks/github HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
    event = bench.events[0]
    assert event["headers"]["X-Hub-Signature-256"] == "b"
    assert event["multiValueHeaders"]["X-Hub-Signature-256"] == ["a", "b"]
    assert event["multiValueHeaders"]["x-hub-signature-256"] == ["c"]


async def test_a_sender_that_waits_to_be_asked_for_its_body_is_asked(serve: Serve) -> None:
    bench = await serve()
    head = "POST /v1/webhooks/github HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    assert await bench.write(head) == b"HTTP/1.1 100 Continue\r\n"


async def test_forwarding_headers_are_api_gateways_own(serve: Serve) -> None:
    bench = await serve()
    await bench.post(x_forwarded_for="198.51.100.1", x_forwarded_proto="gopher", x_forwarded_port="1")
    headers = bench.events[0]["headers"]
    assert headers["X-Forwarded-For"] == "198.51.100.1, 127.0.0.1"
    assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-Port"]) == ("https", "443")
    assert headers["Host"].startswith("127.0.0.1:")


@pytest.mark.parametrize("tracing", [True, False])
async def test_a_trace_is_begun_and_handed_on_when_tracing_is_on(serve: Serve, tracing: bool) -> None:
    bench = await serve(deployed(changes={"stage": {"xray_tracing_enabled": tracing}}))
    reply = await bench.post()
    root = bench.events[0]["headers"]["X-Amzn-Trace-Id"]
    assert root.startswith("Root=1-6553f100-")
    assert reply.headers["X-Amzn-Trace-Id"] == root
    assert (bench.traces[0] or "").startswith(f"{root};Parent=" if tracing else "")
    assert (bench.traces[0] or "").endswith(";Sampled=0" if tracing else "")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Root=1-6553f100-d2046871936b13e27ff9bc87;Sampled=1", True),
        ("Root=1-6553f100-d2046871936b13e27ff9bc87&x=;Sampled=1", False),
        ("Root=nonsense", False),
    ],
)
async def test_a_senders_trace_goes_on_when_it_is_one(serve: Serve, sent: str, kept: bool) -> None:
    bench = await serve()
    await bench.post(x_amzn_trace_id=sent)
    header = bench.traces[0]
    assert header is not None
    assert header.startswith("Root=1-6553f100-d2046871936b13e27ff9bc87;") is kept
    assert bench.events[0]["headers"]["X-Amzn-Trace-Id"] == sent


async def test_every_answer_names_its_request(serve: Serve) -> None:
    bench = await serve()
    for path in ("/v1/webhooks/github", "/v1/nowhere", "/other"):
        reply = await bench.post(path=path)
        assert reply.headers["x-amzn-RequestId"]
        assert reply.headers["x-amz-apigw-id"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/webhooks/github", {"message": "Missing Authentication Token"}),
        ("POST", "/v1/webhooks", {"message": "Missing Authentication Token"}),
        ("POST", "/v1", {"message": "Missing Authentication Token"}),
        ("POST", "/v2/webhooks/github", {"message": "Forbidden"}),
    ],
)
async def test_an_unknown_route_or_stage_is_a_403(serve: Serve, method: str, path: str, body: object) -> None:
    bench = await serve()
    reply = await bench.request(method, path, None, {})
    assert (reply.status, reply.json, bench.events) == (403, body, [])


async def test_a_refusal_tells_the_authorizers_reason(serve: Serve) -> None:
    template = {"reason": "$context.authorizer.reason", "type": "$context.error.responseType", "none": "$context.x"}
    bench = await serve(deployed(extra=[gateway_response("ACCESS_DENIED", "403", template)]))
    bench.effect, bench.context = "Deny", {"reason": "stale_timestamp"}
    assert (await bench.post()).json == {"reason": "stale_timestamp", "type": "ACCESS_DENIED", "none": ""}


async def test_a_default_response_changes_body_and_status_of_its_class(serve: Serve) -> None:
    bodies = [gateway_response("DEFAULT_4XX", None, {"four": 1}), gateway_response("DEFAULT_5XX", "503", {"five": 1})]
    bench = await serve(deployed(extra=bodies))
    reply = await bench.post(content_type="text/plain")
    assert (reply.status, reply.json) == (415, {"four": 1})
    bench.authorizer = lambda _event: None
    reply = await bench.post()
    assert (reply.status, reply.json) == (503, {"five": 1})


async def test_a_response_override_sets_status_and_headers(serve: Serve) -> None:
    template = "#set($context.responseOverride.status = 202)#set($context.responseOverride.header.Location = 'x')ok"
    changes = {"integration_response": {"response_templates": {"application/json": template}}}
    bench = await serve(deployed(changes=changes))
    reply = await bench.post()
    assert (reply.status, reply.body, reply.headers["Location"]) == (202, b"ok", "x")


@pytest.mark.parametrize(
    ("template", "status"),
    [
        ("#set($context.responseOverride.status = 413)#set($context.responseOverride.status = 202)", 500),
        ("#set($context.responseOverride.status = 99)", 200),
        ("#set($context.responseOverride.status = 'no')", 200),
        ("$input.path('$.none.of.this')$util.parseJson('no')", 500),
        ("$util.parseJson('{}')", 500),
    ],
)
async def test_overrides_and_templates_that_fail(serve: Serve, template: str, status: int) -> None:
    changes = {"integration_response": {"response_templates": {"application/json": template}}}
    bench = await serve(deployed(changes=changes))
    assert (await bench.post()).status == status


@pytest.mark.parametrize(("accept", "status"), [("application/json, */*", 500), ("text/html", 200)])
async def test_an_answer_without_content_handling_is_decoded_for_who_accepts_a_binary_type(
    serve: Serve, accept: str, status: int
) -> None:
    changes = {"integration_response": {"content_handling": None, "response_templates": {"application/json": "ok"}}}
    bench = await serve(deployed(changes=changes), answer_type="application/x-amz-json-1.0")
    assert (await bench.post(accept=accept)).status == status


async def test_a_backend_that_takes_too_long_is_a_504(serve: Serve) -> None:
    bench = await serve(deployed(changes={"integration": {"timeout_milliseconds": 50}}))
    bench.hangs = True
    reply = await bench.post()
    assert (reply.status, reply.json) == (504, {"message": "Endpoint request timed out"})


async def test_a_mock_answers_with_the_status_of_its_request_template(serve: Serve) -> None:
    changes: dict[str, dict[str, Any]] = {
        "method": {"authorization": "NONE"},
        "integration": {
            "type": "MOCK",
            "request_parameters": None,
            "request_templates": {"application/json": '{"statusCode": 204}'},
        },
    }
    bench = await serve(deployed(changes=changes))
    assert ((await bench.post()).status, bench.sent, bench.events) == (200, [], [])


async def test_each_request_is_one_line_of_the_access_log(serve: Serve) -> None:
    bench = await serve(deployed(changes=LOGGED))
    accepted = await bench.post()
    bench.effect, bench.context = "Deny", {"reason": "stale"}
    await bench.post()
    await bench.post(path="/v1/nowhere")
    first, second, third = map(json.loads, bench.access)
    assert first["id"] == accepted.headers["x-amz-apigw-id"]
    assert (first["status"], first["reason"], first["integration"], first["error"]) == ("200", "-", "200", "-")
    assert (first["route"], first["bytes"], first["authorizer"]) == ("/webhooks/github", "11", "200")
    assert (second["status"], second["reason"], second["integration"]) == ("403", "stale", "-")
    assert (second["error"], second["authorizer"]) == ("ACCESS_DENIED", "403")
    assert (third["status"], third["error"], third["route"]) == ("403", "MISSING_AUTHENTICATION_TOKEN", "-")
    assert first["trace"].startswith("1-")


@given(body=st.text(st.characters(exclude_categories=["Cs"])), head=st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_leaves_its_place_in_the_form_sent_to_sqs(body: str, head: str) -> None:
    context = {"requestTimeEpoch": "1", "extendedRequestId": "x", "authorizer.head": "h", "authorizer.trace": head}
    form, _ = Case(REQUEST_TEMPLATE, body, context=context).render()
    fields = dict(parse_qsl(form, keep_blank_values=True, strict_parsing=True))
    trace = {"MessageSystemAttribute.1.Value.StringValue": head} if head else {}
    assert set(fields) - {"Action", "MessageBody"} >= set(trace)
    assert fields["Action"] == "SendMessage"
    assert (
        fields["MessageBody"]
        == '{"version":1,"received_at_ms":1,"request_id":"x","head":"h","body":"' + (body or "{}") + '"}'
    )
    assert {name: fields[name] for name in trace} == trace
