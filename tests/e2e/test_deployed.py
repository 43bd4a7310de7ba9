"""What is only known after an apply: exactly which variables a function has, and exactly what it may do."""

import base64
import dataclasses
import gzip
import json
from typing import Any

import pytest

import authorizer.settings
import handshake.settings
import processor.settings
from webhookctl.local.state import State

SETTINGS = {
    "authorizer": authorizer.settings.Settings,
    "handshake": handshake.settings.Settings,
    "processor": processor.settings.Settings,
}
ACCOUNT = "000000000000"
REGION = "eu-west-1"
SIGNED = (
    "acme",
    "billing",
    "github",
    "meetings",
    "orders",
    "partner",
    "shopify",
    "slack",
    "sms",
    "stripe",
    "whatsapp",
)
WITH_A_HANDSHAKE = ("meetings",)
VERIFIED_AT_EDGE = ("orders", "partner", "sms")


def functions(state: State) -> dict[str, Any]:
    return {resource.values["function_name"]: resource.values for resource in state.resources("aws_lambda_function")}


def test_deployed_variables_are_the_settings_that_the_code_reads(state: State) -> None:
    assert len(functions(state)) == 1 + len(SIGNED) + len(WITH_A_HANDSHAKE)
    for values in functions(state).values():
        package = values["handler"].partition(".")[0]
        fields = {field.name.upper() for field in dataclasses.fields(SETTINGS[package])} - {"HANDSHAKE"}  # in SCHEME
        assert values["environment"][0]["variables"].keys() == fields


def test_the_code_can_read_the_deployed_variables(state: State) -> None:
    for values in functions(state).values():
        variables = values["environment"][0]["variables"]
        if values["handler"].startswith("authorizer"):
            assert authorizer.settings.read_settings(variables).sources.keys() == set(SIGNED)
        elif values["handler"].startswith("handshake"):
            assert handshake.settings.read_settings(variables).queue_url.endswith(f"/webhook-dev-{variables['SOURCE']}")
        else:
            settings = processor.settings.read_settings(variables)
            assert settings.secret_name == f"webhook-dev/{settings.source}"


def test_a_source_takes_only_what_differs_from_the_defaults_in_the_authorizers_environment(state: State) -> None:
    variables = functions(state)["webhook-dev-authorizer"]["environment"][0]["variables"]
    sources = json.loads(gzip.decompress(base64.b64decode(variables["SOURCES"])))
    assert sources["github"] == {"scheme": "github"}
    assert sources["acme"].keys() == {"scheme"}


def permissions(state: State) -> dict[str, set[tuple[str, str]]]:
    """Of each role, every action with every resource it is allowed on. Attached policies would be listed, too."""
    assert state.resources("aws_iam_role_policy_attachment") == ()
    allowed: dict[str, set[tuple[str, str]]] = {}
    for policy in state.resources("aws_iam_role_policy"):
        statements = json.loads(policy.values["policy"])["Statement"]
        for statement in statements:
            assert statement.keys() == {"Effect", "Action", "Resource"}
            assert statement["Effect"] == "Allow"
            pairs = {(action, resource) for action in statement["Action"] for resource in statement["Resource"]}
            allowed.setdefault(policy.values["role"], set()).update(pairs)
    return allowed


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def own_logs_and_traces(function: str) -> set[tuple[str, str]]:
    group = arn("logs", f"log-group:/aws/lambda/{function}:*")
    return {
        ("logs:CreateLogStream", group),
        ("logs:PutLogEvents", group),
        ("xray:PutTelemetryRecords", "*"),
        ("xray:PutTraceSegments", "*"),
    }


def secret_arn(state: State, source: str) -> str:
    (found,) = [
        resource.values["arn"]
        for resource in state.resources("aws_secretsmanager_secret")
        if resource.values["name"] == f"webhook-dev/{source}"
    ]
    return str(found)


def test_each_role_may_do_exactly_this(state: State) -> None:
    expected = {
        "webhook-dev-gateway": {("sqs:SendMessage", arn("sqs", f"webhook-dev-{source}")) for source in SIGNED}
        | {
            ("lambda:InvokeFunction", arn("lambda", f"function:webhook-dev-{source}-handshake"))
            for source in WITH_A_HANDSHAKE
        },
        "webhook-dev-authorizer": own_logs_and_traces("webhook-dev-authorizer")
        | {("secretsmanager:GetSecretValue", secret_arn(state, source)) for source in VERIFIED_AT_EDGE},
    }
    for source in WITH_A_HANDSHAKE:
        name = f"webhook-dev-{source}-handshake"
        expected[name] = own_logs_and_traces(name) | {
            ("sqs:SendMessage", arn("sqs", f"webhook-dev-{source}")),
            ("secretsmanager:GetSecretValue", secret_arn(state, source)),
        }
    for source in SIGNED:
        name = f"webhook-dev-{source}"
        expected[name] = own_logs_and_traces(name) | {
            ("sqs:ReceiveMessage", arn("sqs", name)),
            ("sqs:DeleteMessage", arn("sqs", name)),
            ("sqs:GetQueueAttributes", arn("sqs", name)),
            ("dynamodb:PutItem", arn("dynamodb", "table/webhook-dev-events")),
            ("secretsmanager:GetSecretValue", secret_arn(state, source)),
        }
    assert permissions(state) == expected


def test_only_the_service_that_uses_a_role_may_assume_it(state: State) -> None:
    services = {}
    for role in state.resources("aws_iam_role"):
        (statement,) = json.loads(role.values["assume_role_policy"])["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        services[role.values["name"]] = statement["Principal"]
    gateway = services.pop("webhook-dev-gateway")
    assert gateway == {"Service": "apigateway.amazonaws.com"}
    assert all(principal == {"Service": "lambda.amazonaws.com"} for principal in services.values())


def test_queues_refuse_what_does_not_come_over_tls(state: State) -> None:
    queues = state.resources("aws_sqs_queue")
    assert len(queues) == 2 * len(SIGNED)
    for queue in queues:
        (statement,) = json.loads(queue.values["policy"])["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"] == queue.values["arn"]


def test_only_its_own_lane_may_use_a_dead_letter_queue(state: State) -> None:
    queues = {queue.values["name"]: queue.values for queue in state.resources("aws_sqs_queue")}
    allowed = {
        policy.values["queue_url"]: json.loads(policy.values["redrive_allow_policy"])
        for policy in state.resources("aws_sqs_queue_redrive_allow_policy")
    }
    for source in SIGNED:
        lane, dead_letter = queues[f"webhook-dev-{source}"], queues[f"webhook-dev-{source}-dead-letter"]
        assert json.loads(lane["redrive_policy"])["deadLetterTargetArn"] == dead_letter["arn"]
        assert allowed[dead_letter["url"]] == {"redrivePermission": "byQueue", "sourceQueueArns": [lane["arn"]]}


def test_no_secret_has_a_value_in_the_state(state: State) -> None:
    assert state.resources("aws_secretsmanager_secret_version") == ()
    assert len(state.resources("aws_secretsmanager_secret")) == len(SIGNED)


@pytest.mark.parametrize("name", ["aws_api_gateway_usage_plan", "aws_api_gateway_api_key"])
def test_nothing_is_deployed_that_the_local_stack_does_not_model(state: State, name: str) -> None:
    assert state.resources(name) == ()
