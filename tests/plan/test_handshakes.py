"""Senders that make sure of their URL: a GET or HEAD that API Gateway answers, or a function before the queue."""

from collections.abc import Mapping
from typing import Any

from tests.plan.environment import AUTHORIZER, HANDSHAKE, INGESTION, sources
from tests.plan.inputs import SENDERS
from tests.plan.plan import Plan
from tests.plan.workspace import PROJECT

CHALLENGES = {"intercom": "application/json", "meta": "text/plain", "okta": "application/json"}
METHODS = {"intercom": "HEAD", "meta": "GET", "okta": "GET"}
FUNCTIONS = {"zoom"}
# By the AWS provider, as all of an integration but type, credentials, passthrough_behavior and the two methods.
CHANGED_IN_PLACE = {"uri", "request_parameters", "request_templates", "response_templates"}


def template(name: str) -> str:
    return (PROJECT / f"modules/ingestion/templates/{name}.vtl").read_text(encoding="utf-8")


def test_who_asks_with_a_get_or_a_head_is_answered_by_api_gateway_itself(senders: Plan) -> None:
    methods = senders.by_source("aws_api_gateway_method", name="challenge")
    integrations = senders.by_source("aws_api_gateway_integration", name="challenge")
    assert set(methods) == set(integrations) == set(CHALLENGES)
    assert {key: method["http_method"] for key, method in methods.items()} == METHODS
    assert all(method["authorization"] == "NONE" for method in methods.values())
    for key, integration in integrations.items():
        assert (integration["type"], integration["http_method"]) == ("MOCK", METHODS[key])
        assert integration["passthrough_behavior"] == "NEVER", "or the sender's body could name the status"
        assert set(integration["request_templates"]) == {"application/json"}


def test_the_template_compares_the_verify_token_of_its_source(senders: Plan) -> None:
    integrations = senders.by_source("aws_api_gateway_integration", name="challenge")
    text = integrations["meta"]["request_templates"]["application/json"]
    token = SENDERS["meta"]["verify_token"]
    assert text == template("challenge_meta").replace("VERIFY_TOKEN", token)
    assert f"== 'token:{token}'" in text
    assert integrations["okta"]["request_templates"]["application/json"] == template("challenge_okta")


def test_a_challenge_is_echoed_only_where_the_request_template_says_so(senders: Plan) -> None:
    answered = senders.by_source("aws_api_gateway_integration_response", name="answered")
    for key, content_type in CHALLENGES.items():
        assert answered[key]["selection_pattern"] == answered[key]["status_code"] == "200"
        assert answered[key]["response_parameters"] == {"method.response.header.Content-Type": f"'{content_type}'"}
        assert answered[key]["response_templates"] == {"application/json": template(f"challenge_{key}_answer")}
    for refused in senders.by_source("aws_api_gateway_integration_response", name="refused").values():
        assert (refused["selection_pattern"], refused["status_code"]) == (None, "403")
        assert refused["response_templates"] == {"application/json": template("challenge_refused")}


def test_a_header_of_an_answer_is_declared_by_its_method(senders: Plan) -> None:
    for declared in senders.by_source("aws_api_gateway_method_response", name="answered").values():
        assert set(declared["response_parameters"]) == {"method.response.header.Content-Type"}


def test_a_get_is_throttled_as_its_sources_post_is(senders: Plan) -> None:
    posts = senders.by_source("aws_api_gateway_method_settings", name="post")
    for key, settings in senders.by_source("aws_api_gateway_method_settings", name="challenge").items():
        assert settings["settings"] == posts[key]["settings"]
    assert posts["meta"]["settings"][0]["throttling_rate_limit"] == SENDERS["meta"]["rate_per_second"]


def test_a_source_with_a_handshake_has_a_function_before_its_queue(senders: Plan) -> None:
    functions = senders.by_source("aws_lambda_function", module=HANDSHAKE)
    assert set(functions) == FUNCTIONS
    assert functions["zoom"]["function_name"] == "webhook-dev-zoom-handshake"
    assert functions["zoom"]["handler"] == "handshake.handler.handle"
    assert (functions["zoom"]["timeout"], functions["zoom"]["memory_size"]) == (10, 256)
    integration = senders.by_source("aws_api_gateway_integration", name="post")["zoom"]
    assert set(integration["request_templates"].values()) == {template("handshake_request")}
    assert not integration["request_parameters"]


def test_no_answer_of_a_function_takes_its_status_from_elsewhere_than_its_template(senders: Plan) -> None:
    for name in ("accepted", "too_large", "failed"):
        response = senders.by_source("aws_api_gateway_integration_response", name=name)["zoom"]
        assert response["response_templates"] == {"application/json": template("handshake_reply")}


def test_switching_a_handshake_replaces_nothing_of_the_method(senders: Plan, switched: Plan) -> None:
    """A replaced integration may leave the method with none: the new one overwrites the old, which is then deleted."""

    def of_posts(plan: Plan) -> dict[str, dict[str, Any]]:
        return {
            resource.address: {name: value for name, value in resource.values.items() if name not in CHANGED_IN_PLACE}
            for kind in ("method", "method_response", "integration", "integration_response")
            for resource in plan.resources(f"aws_api_gateway_{kind}")
            if resource.values["http_method"] == "POST"
        }

    before, after = (set(plan.by_source("aws_lambda_function", module=HANDSHAKE)) for plan in (senders, switched))
    assert (before, after) == ({"zoom"}, {"slack"})
    assert of_posts(senders) == of_posts(switched)


def test_every_integration_of_a_post_has_the_same_role(senders: Plan) -> None:
    # Known after an apply alone, so it is looked up in the configuration.
    integration = configured(senders, "aws_api_gateway_integration", "post")
    assert integration["credentials"]["references"] == ["aws_iam_role.gateway.arn", "aws_iam_role.gateway"]
    assert {each["type"] for each in senders.by_source("aws_api_gateway_integration", name="post").values()} == {"AWS"}


def test_the_gateways_role_may_invoke_each_function_before_a_queue_and_no_other(senders: Plan) -> None:
    assert set(senders.by_source("aws_iam_role_policy", name="invoke")) == FUNCTIONS
    references = set(configured(senders, "aws_iam_role_policy", "invoke")["policy"]["references"])
    assert references == {"module.handshake", "each.key"}
    (permission,) = senders.resources("aws_lambda_permission")
    (authorizer,) = senders.resources("aws_lambda_function", module=AUTHORIZER)
    assert permission.values["function_name"] == authorizer.values["function_name"]
    assert permission.values["principal"] == "apigateway.amazonaws.com"


def test_a_source_without_a_handshake_has_no_lambda_behind_its_route(environment: Plan) -> None:
    with_function = set(environment.by_source("aws_lambda_function", module=HANDSHAKE))
    integrations = environment.by_source("aws_api_gateway_integration", name="post")
    writing = {
        key
        for key, integration in integrations.items()
        if any(template("send_message") in text for text in integration["request_templates"].values())
    }
    assert set(integrations) == sources(environment)
    assert writing == sources(environment) - with_function
    at_the_edge = environment.resources("aws_lambda_function", module=INGESTION)
    assert len(at_the_edge) == 1 + len(with_function), "the authorizer's, and theirs"


def test_slack_has_no_function_unless_it_is_asked_for(senders: Plan) -> None:
    assert "slack" not in senders.by_source("aws_lambda_function", module=HANDSHAKE)


def configured(plan: Plan, kind: str, name: str) -> Mapping[str, Any]:
    """The expressions of a resource of modules/ingestion."""
    ingestion = dict(plan.module_calls())["webhook.ingestion"]["module"]
    (found,) = [each for each in ingestion["resources"] if (each["type"], each["name"]) == (kind, name)]
    expressions: Mapping[str, Any] = found["expressions"]
    return expressions
