"""A GET that API Gateway answers itself, as senders' handshakes need it."""

from typing import Any

import pytest

from tests.unit.local.gateway.conftest import Serve
from tests.unit.local.gateway.deployed import deployed, integration_response, method_settings, mocked
from webhookctl.local.state import State

# Digits on purpose: alone, they would be a text that prints like a number.
TOKEN = "1234567890123456"
VERIFY = f"""#set($query = $input.params().querystring)
#if("$!query.get('hub.mode')" == 'subscribe' && "token:$!query.get('hub.verify_token')" == 'token:{TOKEN}')
{{"statusCode": 200}}
#else
{{"statusCode": 403}}
#end"""
ECHO = "$!input.params().querystring.get('hub.challenge')"
TEXT = {
    "declared": {"method.response.header.Content-Type": False},
    "response_parameters": {"method.response.header.Content-Type": "'text/plain'"},
}
ASKED = "/v1/webhooks/github?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="


def handshake(request: str = VERIFY, response: str = ECHO, extra: Any = (), **more: Any) -> State:
    answered = integration_response("github", "200", "200", response, method="GET", **TEXT | more.pop("answered", {}))
    refused = integration_response("github", "403", None, '{"refused":true}', method="GET")
    return deployed(extra=[*mocked("github", request, *answered, *refused, **more), *extra])


async def test_a_challenge_comes_back_as_plain_text_to_who_knows_the_token(serve: Serve) -> None:
    bench = await serve(handshake())
    reply = await bench.get(ASKED + TOKEN)
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"1158201444", "text/plain")
    assert (bench.events, bench.sent) == ([], [])


@pytest.mark.parametrize("path", [f"{ASKED}other", ASKED, "/v1/webhooks/github", f"{ASKED}other&hub.verify_token="])
async def test_the_status_of_the_request_template_selects_the_response(serve: Serve, path: str) -> None:
    bench = await serve(handshake())
    reply = await bench.get(path)
    assert (reply.status, reply.json, reply.headers["Content-Type"]) == (403, {"refused": True}, "application/json")


async def test_the_post_of_the_same_resource_goes_to_its_queue(serve: Serve) -> None:
    bench = await serve(handshake())
    assert ((await bench.post()).status, len(bench.sent)) == (200, 1)


@pytest.mark.parametrize("name", ["X-Okta-Verification-Challenge", "x-okta-verification-challenge"])
async def test_a_response_template_reads_the_requests_headers_as_they_are_spelled(serve: Serve, name: str) -> None:
    response = (
        "#set($header = $input.params().header)\n"
        '{"verification":"$util.escapeJavaScript("$!header.get(\'X-Okta-Verification-Challenge\')'
        "$!header.get('x-okta-verification-challenge')\")\"}"
    )
    bench = await serve(handshake('{"statusCode": 200}', response))
    reply = await bench.get(**{name: 'a"b'})
    assert (reply.status, reply.json) == (200, {"verification": 'a"b'})


async def test_parameters_are_looked_up_in_path_then_query_then_header_in_both_templates(serve: Serve) -> None:
    request = """#if($input.params('A') == 'query' && $input.params('B') == 'header'){"statusCode": 200}#end"""
    bench = await serve(handshake(request, "$input.params('A') $input.params('B')"))
    assert (await bench.get("/v1/webhooks/github?A=query", A="header", B="header")).body == b"query header"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "application/json", "Accept": "application/json"}, 200),
        ({"Accept": "text/html"}, 200),
        ({"Content_Type": "text/plain"}, 415),
    ],
)
async def test_a_get_needs_no_content_type_and_may_have_that_of_the_template(
    serve: Serve, headers: dict[str, str], status: int
) -> None:
    bench = await serve(handshake())
    assert (await bench.get(ASKED + TOKEN, **headers)).status == status


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"content_handling": None}, {"Content_Type": "application/json"}),
        ({"answered": {"content_handling": None}}, {"Accept": "application/json"}),
    ],
)
async def test_without_convert_to_text_a_binary_type_is_a_500(
    serve: Serve, change: dict[str, Any], headers: dict[str, str]
) -> None:
    bench = await serve(handshake(**change))
    assert (await bench.get(ASKED + TOKEN)).status == 200
    assert (await bench.get(ASKED + TOKEN, **headers)).status == 500


async def test_where_bodies_pass_through_the_caller_chooses_the_status(serve: Serve) -> None:
    bench = await serve(handshake(passthrough_behavior="WHEN_NO_MATCH"))
    reply = await bench.request("GET", ASKED, b'{"statusCode": 200}', {"Content-Type": "text/plain"})
    assert (reply.status, reply.body) == (200, b"1158201444")


async def test_a_get_has_a_throttle_of_its_own(serve: Serve) -> None:
    bench = await serve(handshake(extra=[method_settings("github", rate=1, burst=1, method="GET")]))
    assert [(await bench.get(ASKED + TOKEN)).status for _ in range(2)] == [200, 429]
    assert (await bench.post()).status == 200


@pytest.mark.parametrize("template", ['{"status": 200}', '{"statusCode": "200"}', "nothing", "#if('a' == 'b')x#end"])
async def test_a_request_template_that_names_no_status_is_a_500(serve: Serve, template: str) -> None:
    bench = await serve(handshake(template))
    assert (await bench.get(ASKED + TOKEN)).status == 500
