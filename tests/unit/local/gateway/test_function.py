"""A function behind the authorizer: what it is invoked with, and what becomes of its answer."""

import base64
import json
from typing import Any

import pytest

from tests.unit.local.gateway.conftest import Serve
from tests.unit.local.gateway.deployed import gateway_response, integration_response, invoking
from webhookctl.local.function_error import FunctionError
from webhookctl.local.gateway.integration import ANSWER_TYPE

EVENT = '{"body":"$input.body","head":"$context.authorizer.head"}'
BODY = b'{"type":"url_verification","challenge":"c"}'
ECHO = {"integration_response": {"response_templates": {"application/json": "$input.body"}}}
INTERNAL = {"message": "Internal server error"}


def failing(error_type: str, message: str) -> Any:
    def fail(_event: Any) -> Any:
        raise FunctionError(error_type, message)

    return fail


async def test_the_function_is_invoked_with_what_the_template_writes(serve: Serve) -> None:
    bench = await serve(invoking(EVENT))
    await bench.post(BODY)
    assert bench.invoked == [{"body": base64.b64encode(BODY).decode(), "head": "aGVhZA"}]
    assert bench.sent == []


@pytest.mark.parametrize("tracing", [True, False])
async def test_the_function_goes_on_with_the_authorizers_trace(serve: Serve, tracing: bool) -> None:
    bench = await serve(invoking(EVENT, changes={"stage": {"xray_tracing_enabled": tracing}}))
    await bench.post(BODY)
    authorizer, function = bench.traces
    assert authorizer == function
    assert (function is not None) is tracing


async def test_a_refused_request_never_reaches_the_function(serve: Serve) -> None:
    bench = await serve(invoking(EVENT))
    bench.effect = "Deny"
    assert (await bench.post()).status == 403
    assert bench.invoked == []


async def test_success_takes_the_default_response_for_no_pattern_is_matched_with_a_status(serve: Serve) -> None:
    bench = await serve(invoking(EVENT))
    reply = await bench.post()
    assert (reply.status, reply.json) == (503, {"failed": True})


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("200", 200),
        ("2023-11-14T22:13:20.250Z Task timed out after 10.00 seconds", 503),
        ("Not found: x", 404),
        ("x Not found", 503),
        ("Not found\n", 503),
        ("", 503),
    ],
)
async def test_a_pattern_is_matched_with_the_whole_message_of_an_error(serve: Serve, message: str, status: int) -> None:
    bench = await serve(invoking(EVENT, *integration_response("github", "404", "Not found.*", "{}")))
    bench.function = failing("ValueError", message)
    assert (await bench.post()).status == status


@pytest.mark.parametrize("answer_type", [ANSWER_TYPE, "application/x-amz-json-1.0"])
@pytest.mark.parametrize(
    ("function", "answer"),
    [
        (lambda _event: {"é": [1, None]}, {"é": [1, None]}),
        (lambda _event: None, None),
        (failing("ValueError", "no"), {"errorMessage": "no", "errorType": "ValueError"}),
    ],
)
async def test_the_template_sees_answer_or_error_as_text_or_base64_as_its_type_is_binary(
    serve: Serve, answer_type: str, function: Any, answer: object
) -> None:
    bench = await serve(invoking(EVENT, changes=ECHO), answer_type=answer_type)
    bench.function = function
    shown = (await bench.post()).body
    assert json.loads(base64.b64decode(shown) if answer_type == ANSWER_TYPE else shown) == answer


@pytest.mark.parametrize(
    ("error_type", "status", "body"),
    [
        ("TooManyRequestsException", 500, INTERNAL),
        ("ResourceNotFoundException", 500, INTERNAL),
        ("RequestTooLargeException", 413, {"message": "Request Too Long"}),
    ],
)
async def test_what_lambda_refuses_meets_no_pattern(serve: Serve, error_type: str, status: int, body: object) -> None:
    changes = {"integration_response": {"selection_pattern": ".*"}}
    bench = await serve(invoking(EVENT, changes=changes))
    assert (await bench.post()).status == 200
    bench.function = failing(error_type, "no")
    reply = await bench.post()
    assert (reply.status, reply.json) == (status, body)


async def test_the_api_can_set_another_status_for_what_lambda_refuses(serve: Serve) -> None:
    bench = await serve(invoking(EVENT, gateway_response("INTEGRATION_FAILURE", "503", {"failed": 1})))
    bench.function = failing("TooManyRequestsException", "Rate Exceeded.")
    reply = await bench.post()
    assert (reply.status, reply.json) == (503, {"failed": 1})


async def test_an_event_that_is_not_json_is_a_400_and_nothing_runs(serve: Serve) -> None:
    bench = await serve(invoking("{'body': 1}"))
    reply = await bench.post()
    assert reply.status == 400
    assert reply.json["message"].startswith("Could not parse request body into json: ")
    assert bench.invoked == []


async def test_a_function_that_outlasts_the_integration_is_a_504(serve: Serve) -> None:
    bench = await serve(invoking(EVENT, timeout_milliseconds=50))
    bench.hangs = True
    reply = await bench.post()
    assert (reply.status, reply.json) == (504, {"message": "Endpoint request timed out"})


async def test_the_access_log_has_lambdas_status_and_not_the_functions(serve: Serve) -> None:
    line = {"stage": {"access_log_settings": [{"format": "$context.integration.status"}]}}
    bench = await serve(invoking(EVENT, changes=line))
    bench.function = failing("ValueError", "no")
    await bench.post()
    assert bench.access == ["200"]
