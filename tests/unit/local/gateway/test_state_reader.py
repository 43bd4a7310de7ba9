from typing import Any

import pytest

from tests.unit.local.gateway.deployed import (
    FUNCTION_ARN,
    HANDSHAKE_ARN,
    deployed,
    gateway_response,
    integration_response,
    invoking,
    method_settings,
    mocked,
    resource,
    without,
)
from webhookctl.local.gateway import Function, IdentitySource, NotModelled, Queue, Throttle
from webhookctl.local.gateway.state_reader import read_api


def test_an_api_is_read_as_it_is_deployed() -> None:
    api = read_api(deployed(["github", "slack"], extra=[method_settings("slack", rate=50, burst=20)]))
    github, slack = api.routes
    assert (github.path, github.method, github.throttle) == ("/webhooks/github", "POST", None)
    assert (slack.integration.backend, slack.throttle) == (Queue("123456789012", "webhook-dev-slack"), Throttle(50, 20))
    assert github.authorizer is not None
    assert github.authorizer.function_arn == FUNCTION_ARN
    assert github.authorizer.identity_sources == (IdentitySource("header", "X-Hub-Signature-256"),)
    assert [(each.status, bool(each.pattern)) for each in github.integration.responses] == [(200, True), (503, False)]
    assert api.stage.tracing


@pytest.mark.parametrize(
    "kind", ["usage_plan", "api_key", "request_validator", "model", "domain_name", "base_path_mapping", "vpc_link"]
)
def test_a_resource_type_of_api_gateway_that_is_not_modelled_is_named(kind: str) -> None:
    stray = resource(f"aws_api_gateway_{kind}", "this", {})
    with pytest.raises(NotModelled, match=stray.address.replace(".", r"\.")):
        read_api(deployed(extra=[stray]))


def test_an_http_api_is_not_passed_over() -> None:
    with pytest.raises(NotModelled, match="aws_apigatewayv2_api"):
        read_api(deployed(extra=[resource("aws_apigatewayv2_api", "this", {})]))


@pytest.mark.parametrize(
    ("kind", "change", "says"),
    [
        ("rest_api", {"body": "{}"}, "OpenAPI"),
        ("rest_api", {"minimum_compression_size": "0"}, "compressed"),
        ("rest_api", {"disable_execute_api_endpoint": True}, "endpoint"),
        ("rest_api", {"policy": '{"Statement": {"Effect": "Allow"}}'}, "policy"),
        ("stage", {"deployment_id": "d0"}, "deployment that is not in the state"),
        ("stage", {"canary_settings": [{"percent_traffic": 10}]}, "canary"),
        ("stage", {"cache_cluster_enabled": True}, "caches"),
        ("stage", {"web_acl_arn": "arn:aws:wafv2:x"}, "firewall"),
        ("method", {"api_key_required": True}, "API key"),
        ("method", {"authorization": "COGNITO_USER_POOLS"}, "COGNITO_USER_POOLS"),
        ("method", {"authorizer_id": "other"}, "authorizer is not in the state"),
        ("method", {"request_validator_id": "v1"}, "validator"),
        ("resource", {"path": "/webhooks/{rest+}"}, "rest of the path"),
        ("authorizer", {"type": "TOKEN"}, "TOKEN"),
        ("authorizer", {"authorizer_result_ttl_in_seconds": 300}, "cached"),
        ("authorizer", {"identity_source": "method.request.path.x"}, "identity source"),
        ("authorizer", {"authorizer_uri": "x"}, "URI"),
        ("integration", {"type": "HTTP_PROXY"}, "HTTP_PROXY"),
        ("integration", {"type": "MOCK"}, "maps request parameters"),
        ("integration", {"type": "MOCK", "request_parameters": None, "request_templates": {}}, "no request template"),
        ("integration", {"uri": "arn:aws:apigateway:eu-central-1:dynamodb:action/PutItem"}, "no queue, no function"),
        (
            "integration",
            {"uri": "arn:aws:apigateway:eu-central-1:dynamodb:action/Query"},
            "maps request parameters to a call of DynamoDB",
        ),
        ("integration", {"request_parameters": {}}, "Content-Type"),
        ("integration", {"integration_http_method": "GET"}, "integration_http_method"),
        ("integration", {"connection_type": "VPC_LINK"}, "VPC_LINK"),
        ("integration_response", {"response_parameters": {"method.response.header.X": "'a'"}}, "does not declare"),
        (
            "integration_response",
            {"response_parameters": {"method.response.header.X": "integration.response.header.Y"}},
            "maps",
        ),
    ],
)
def test_a_setting_that_is_not_modelled_is_named(kind: str, change: dict[str, Any], says: str) -> None:
    with pytest.raises(NotModelled, match=says):
        read_api(deployed(changes={kind: change}))


def test_an_integration_with_a_function_is_read_as_it_is_deployed() -> None:
    [route] = read_api(invoking("{}", timeout_milliseconds=10_000)).routes
    assert route.integration.backend == Function(HANDSHAKE_ARN)
    assert route.integration.timeout_seconds == 10
    assert len(route.integration.responses) == 2


def test_functions_may_be_called_under_an_alias() -> None:
    def invoked(arn: str) -> str:
        return f"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{arn}/invocations"

    changes: dict[str, dict[str, Any]] = {"authorizer": {"authorizer_uri": invoked(f"{FUNCTION_ARN}:live")}}
    [route] = read_api(invoking("{}", changes=changes, uri=invoked(f"{HANDSHAKE_ARN}:live"))).routes
    assert route.integration.backend == Function(f"{HANDSHAKE_ARN}:live")
    assert route.authorizer is not None
    assert route.authorizer.function_arn == f"{FUNCTION_ARN}:live"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "AWS_PROXY"}, "AWS_PROXY"),
        ({"integration_http_method": "GET"}, "integration_http_method"),
        ({"request_parameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}}, "a function's"),
        ({"connection_type": "VPC_LINK"}, "VPC_LINK"),
    ],
)
def test_a_setting_that_is_not_modelled_for_a_function_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(NotModelled, match=says):
        read_api(invoking("{}", **change))


def test_a_get_stands_beside_the_post_of_its_resource() -> None:
    answers = integration_response("github", "200", None, "ok", method="GET")
    settings = method_settings("github", rate=5, burst=3, method="GET")
    post, get = read_api(deployed(extra=[*mocked("github", '{"statusCode": 200}', *answers), settings])).routes
    assert (get.path, get.method, get.authorizer) == ("/webhooks/github", "GET", None)
    assert (get.throttle, post.throttle) == (Throttle(5, 3), None)
    assert (get.integration.backend, len(get.integration.responses)) == (None, 1)
    assert len(post.integration.responses) == 2


def test_a_response_that_aws_refuses_is_refused() -> None:
    with pytest.raises(NotModelled, match="no method_response"):
        read_api(deployed(extra=integration_response("github", "413", "413", "x")[1:]))


@pytest.mark.parametrize("kind", ["rest_api", "stage", "integration"])
def test_a_part_that_is_missing_is_named(kind: str) -> None:
    with pytest.raises(NotModelled):
        read_api(without(deployed(), kind))


def test_settings_for_no_method_are_refused() -> None:
    with pytest.raises(NotModelled, match="webhooks/slack/POST"):
        read_api(deployed(extra=[method_settings("slack", rate=1, burst=1)]))


def test_an_unset_limit_does_not_throttle_and_an_unset_burst_is_the_accounts() -> None:
    unlimited = read_api(deployed(extra=[method_settings("github", rate=-1, burst=-1)]))
    assert unlimited.routes[0].throttle is None
    half = read_api(deployed(extra=[method_settings("github", rate=10, burst=-1)]))
    assert half.routes[0].throttle == Throttle(10, 5000)


def test_the_policy_may_be_a_resource_of_its_own() -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}
    own = resource(
        "aws_api_gateway_rest_api_policy", "this", {"policy": str({"Statement": [statement]}).replace("'", '"')}
    )
    policy = read_api(deployed(extra=[own])).policy
    assert policy is not None
    assert not policy.statements[0].allows


@pytest.mark.parametrize("kind", ["REQUEST_TOO_LARGE", "NO_SUCH_TYPE"])
def test_a_gateway_response_that_cannot_be_customised_is_refused(kind: str) -> None:
    with pytest.raises(NotModelled):
        read_api(deployed(extra=[gateway_response(kind, "400", {})]))
