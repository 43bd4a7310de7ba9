"""The REST API: authorizers, integrations, responses, stage."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.plan.environment import HANDSHAKE, signature_header, sources, told_sources
from tests.plan.plan import Plan, Resource
from tests.plan.workspace import PROJECT


def integrations(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """What is behind the POST of each source."""
    return plan.by_source("aws_api_gateway_integration", name="post")


def direct_integrations(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """Those through which webhooks go into their queue without a Lambda in between."""
    with_function = plan.by_source("aws_lambda_function", module=HANDSHAKE)
    return {key: integration for key, integration in integrations(plan).items() if key not in with_function}


def responses(plan: Plan) -> list[Resource]:
    return [
        response
        for response in plan.resources("aws_api_gateway_integration_response")
        if response.values["http_method"] == "POST"
    ]


def test_no_authorizer_answer_is_reused(environment: Plan) -> None:
    authorizers = environment.resources("aws_api_gateway_authorizer")
    assert authorizers
    assert all(authorizer.values["authorizer_result_ttl_in_seconds"] == 0 for authorizer in authorizers)
    assert all(authorizer.values["type"] == "REQUEST" for authorizer in authorizers)


def test_a_request_without_its_signature_header_costs_no_lambda(environment: Plan, presets: Path) -> None:
    schemes = [told["scheme"] for told in told_sources(environment).values()]
    headers = {signature_header(scheme, presets) for scheme in schemes}
    expected = {f"method.request.header.{header}" if header else "context.identity.sourceIp" for header in headers}
    named = {authorizer.values["identity_source"] for authorizer in environment.resources("aws_api_gateway_authorizer")}
    assert named == expected


def test_whatever_takes_a_webhook_asks_an_authorizer(environment: Plan) -> None:
    posts = environment.by_source("aws_api_gateway_method", name="post")
    assert set(posts) == sources(environment)
    assert all((method["http_method"], method["authorization"]) == ("POST", "CUSTOM") for method in posts.values())
    others = [method for method in environment.resources("aws_api_gateway_method") if method.name != "post"]
    assert {method.values["http_method"] for method in others} <= {"GET", "HEAD"}


def test_no_body_is_ever_passed_through(environment: Plan) -> None:
    for integration in integrations(environment).values():
        assert integration["passthrough_behavior"] == "NEVER"
        assert integration["request_templates"]
    for integration in direct_integrations(environment).values():
        assert integration["request_parameters"] == {
            "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"
        }


def test_the_template_is_the_file_as_it_is(environment: Plan) -> None:
    text = (PROJECT / "modules/ingestion/templates/send_message.vtl").read_text(encoding="utf-8")
    queues = environment.by_source("aws_sqs_queue", name="this")
    for key, integration in direct_integrations(environment).items():
        if not queues[key]["fifo_queue"]:  # see test_fifo.py
            assert set(integration["request_templates"].values()) == {text}
    assert text == text.strip(), "white space at an end would become part of the form's last value"


def test_bodies_travel_as_base64_of_their_bytes(environment: Plan) -> None:
    accepted_types = {
        media_type
        for integration in integrations(environment).values()
        for media_type in integration["request_templates"]
    }
    assert set(environment.one("aws_api_gateway_rest_api")["binary_media_types"]) == accepted_types
    converted = [
        *environment.resources("aws_api_gateway_integration"),
        *environment.resources("aws_api_gateway_integration_response"),
    ]
    assert all(resource.values["content_handling"] == "CONVERT_TO_TEXT" for resource in converted)


def test_nothing_unpacks_a_body_before_it_is_verified(environment: Plan) -> None:
    assert not environment.one("aws_api_gateway_rest_api").get("minimum_compression_size")


def test_only_a_2xx_of_sqs_becomes_a_2xx(environment: Plan) -> None:
    for response in responses(environment):
        if 200 <= int(response.values["status_code"]) < 300:
            pattern = response.values["selection_pattern"]
            assert pattern, "a response without a pattern takes every status that nothing else takes"
            assert {status for status in range(100, 600) if re.fullmatch(pattern, str(status))} == set(range(200, 300))


def test_whatever_sqs_answers_there_is_a_response_and_the_last_resort_is_retryable(environment: Plan) -> None:
    for key in integrations(environment):
        last_resort = [
            r.values for r in responses(environment) if r.index == key and not r.values.get("selection_pattern")
        ]
        assert [int(response["status_code"]) >= 500 for response in last_resort] == [True]


def test_every_integration_response_has_its_method_response(environment: Plan) -> None:
    def statuses(kind: str) -> set[tuple[str | None, str, str]]:
        return {
            (resource.index, resource.values["http_method"], resource.values["status_code"])
            for resource in environment.resources(kind)
        }

    assert statuses("aws_api_gateway_integration_response") == statuses("aws_api_gateway_method_response")


def test_the_success_status_is_what_the_source_asks_for(environment: Plan) -> None:
    accepted = environment.by_source("aws_api_gateway_integration_response", name="accepted")
    for key in set(accepted) - set(environment.by_source("aws_lambda_function", module=HANDSHAKE)):
        source = environment.outputs["sources"][key]
        template = accepted[key]["response_templates"]["application/json"]
        assert f"$context.responseOverride.status = {source['success_status']})" in template
        assert accepted[key]["status_code"] == "200"  # the same for all: it can't be changed without a conflict


def test_errors_have_one_shape_and_a_reason(environment: Plan) -> None:
    responses = environment.resources("aws_api_gateway_gateway_response")
    for response in responses:
        body = json.loads(response.values["response_templates"]["application/json"])
        assert list(body) == ["error", "reason", "request_id"]
        assert all(body.values())
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= {response.values["response_type"] for response in responses}


def test_default_responses_keep_the_statuses_of_all_the_others(environment: Plan) -> None:
    responses = {r.values["response_type"]: r.values for r in environment.resources("aws_api_gateway_gateway_response")}
    assert responses["DEFAULT_4XX"]["status_code"] is None
    assert responses["DEFAULT_5XX"]["status_code"] is None


def test_a_fault_of_ours_is_never_the_senders(environment: Plan) -> None:
    for response in environment.resources("aws_api_gateway_gateway_response"):
        ours = re.search(r"FAILURE|TIMEOUT|CONFIGURATION", response.values["response_type"])
        if ours:
            assert int(response.values["status_code"]) >= 500


def test_bodies_and_headers_are_never_logged(environment: Plan) -> None:
    for resource in environment.resources("aws_api_gateway_method_settings"):
        (settings,) = resource.values["settings"]
        assert settings["data_trace_enabled"] is False
        assert settings["logging_level"] == "OFF"


def test_the_access_log_is_json_with_reason_and_status_and_without_what_was_sent(environment: Plan) -> None:
    (settings,) = environment.one("aws_api_gateway_stage")["access_log_settings"]
    logged = set(json.loads(settings["format"]).values())
    assert {
        "$context.status",
        "$context.authorizer.reason",
        "$context.error.responseType",
        "$context.extendedRequestId",
    } <= logged
    assert not [
        variable
        for variable in logged
        if re.search(r"header|body|userAgent|authorizer\.(head|trace|principalId)", variable)
    ]


def test_every_route_is_throttled_on_its_own(environment: Plan) -> None:
    methods = {
        f"~1receipts~1{{id}}/{method.values['http_method']}"
        if method.name == "receipt"
        else f"~1webhooks~1{method.index}/{method.values['http_method']}"
        for method in environment.resources("aws_api_gateway_method")
    }
    settings = {
        resource.values["method_path"]: resource.values["settings"][0]
        for resource in environment.resources("aws_api_gateway_method_settings")
    }
    assert set(settings) == methods
    for setting in settings.values():
        assert setting["throttling_rate_limit"] > 0
        assert setting["throttling_burst_limit"] >= 1
        assert setting["metrics_enabled"]


def test_the_log_role_of_the_whole_account_is_left_alone(environment: Plan) -> None:
    assert environment.resources("aws_api_gateway_account") == []
