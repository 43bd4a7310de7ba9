"""What is only known after an apply: exactly which variables a function has, and exactly what it may do."""

import base64
import gzip
import json
from typing import Any

import pytest

import authorizer.settings
import handshake.settings
import processor.settings
from processor.effects import load_effect
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
    "ledger",
    "meetings",
    "orders",
    "partner",
    "relay",
    "shopify",
    "slack",
    "sms",
    "stripe",
    "tickets",
    "whatsapp",
)
WITH_A_HANDSHAKE = ("meetings",)
VERIFIED_AT_EDGE = ("orders", "partner", "sms")
IN_ORDER = ("tickets",)
EFFECT_SECRETS = {"ledger": "ledger/postgres", "relay": "relay/delivery"}
INSERTING = tuple(source for source in SIGNED if source not in {*IN_ORDER, *EFFECT_SECRETS})


def functions(state: State) -> dict[str, Any]:
    return {resource.values["function_name"]: resource.values for resource in state.resources("aws_lambda_function")}


def test_deployed_variables_are_the_settings_that_the_code_reads(state: State) -> None:
    assert len(functions(state)) == 1 + len(SIGNED) + len(WITH_A_HANDSHAKE)
    for values in functions(state).values():
        package = values["handler"].partition(".")[0]
        fields = {name.upper() for name in SETTINGS[package].__annotations__} - {"HANDSHAKE"}  # in SCHEME
        assert values["environment"][0]["variables"].keys() == fields


def test_the_code_can_read_the_deployed_variables(state: State) -> None:
    for values in functions(state).values():
        variables = values["environment"][0]["variables"]
        if values["handler"].startswith("authorizer"):
            assert authorizer.settings.read_settings(variables).sources.keys() == set(SIGNED)
        elif values["handler"].startswith("handshake"):
            assert handshake.settings.read_settings(variables).queue_url.endswith(f"/webhook-dev-{variables['SOURCE']}")
        else:
            processor.settings.read_settings(variables)


def lanes(state: State) -> dict[str, processor.settings.Settings]:
    """What each lane's processor is told, by the source that its function is named after."""
    return {
        name.removeprefix("webhook-dev-"): processor.settings.read_settings(values["environment"][0]["variables"])
        for name, values in functions(state).items()
        if values["handler"].startswith("processor")
    }


def queue_name(source: str) -> str:
    return f"webhook-dev-{source}{'.fifo' if source in IN_ORDER else ''}"


def dead_letter_queue_name(source: str) -> str:
    return f"webhook-dev-{source}-dead-letter{'.fifo' if source in IN_ORDER else ''}"


def test_each_lane_is_told_of_itself(state: State) -> None:
    for source, settings in lanes(state).items():
        name = queue_name(source)
        assert settings.source == source
        assert settings.secret_name == f"webhook-dev/{source}"
        assert settings.queue_url.endswith(f"/{name}")
        assert settings.dead_letter_queue_url.endswith(f"/{dead_letter_queue_name(source)}")
        assert settings.table_name == state.outputs["table_name"]
        assert settings.receipts is True


def test_the_authorizer_and_each_lane_are_told_the_same_scheme(state: State) -> None:
    told = authorizer.settings.read_settings(functions(state)["webhook-dev-authorizer"]["environment"][0]["variables"])
    assert {source: settings.scheme for source, settings in lanes(state).items()} == {
        source: of_source.scheme for source, of_source in told.sources.items()
    }


def test_a_lane_is_told_what_makes_two_webhooks_the_same_event(state: State) -> None:
    told = {source: settings.deduplicate_by for source, settings in lanes(state).items()}
    assert told == {source: "body" if source == "meetings" else "id" for source in SIGNED}


def test_each_lane_knows_how_long_its_queue_keeps_a_message(state: State) -> None:
    kept = {
        queue.values["name"]: queue.values["message_retention_seconds"] for queue in state.resources("aws_sqs_queue")
    }
    for source, settings in lanes(state).items():
        assert settings.queue_retention_seconds == kept[queue_name(source)]


def test_only_a_lane_with_an_effect_is_told_one_and_its_schedule(state: State) -> None:
    told = lanes(state)
    assert {source for source, settings in told.items() if settings.effect} == EFFECT_SECRETS.keys()
    assert {source for source, settings in told.items() if settings.retry} == EFFECT_SECRETS.keys()
    for source, secret in EFFECT_SECRETS.items():
        effect = told[source].effect
        assert effect is not None
        assert effect["secret_name"] == f"webhook-dev/{secret}"


def test_the_effects_that_are_deployed_can_be_loaded(state: State) -> None:
    for source in EFFECT_SECRETS:
        assert callable(load_effect(lanes(state)[source].effect or {}, lambda _: []))


def test_a_source_takes_only_what_differs_from_the_defaults_in_the_authorizers_environment(state: State) -> None:
    variables = functions(state)["webhook-dev-authorizer"]["environment"][0]["variables"]
    sources = json.loads(gzip.decompress(base64.b64decode(variables["SOURCES"])))
    assert sources["github"] == {"scheme": "github"}
    assert sources["acme"].keys() == {"scheme"}
    assert sources["ledger"].keys() == {"scheme"}


def permissions(state: State) -> dict[str, set[tuple[str, str]]]:
    """Of each role, every action with every resource it is allowed on. Attached policies would be listed, too."""
    assert state.resources("aws_iam_role_policy_attachment") == ()
    allowed: dict[str, set[tuple[str, str]]] = {}
    for policy in state.resources("aws_iam_role_policy"):
        statements = json.loads(policy.values["policy"])["Statement"]
        for statement in statements:
            assert statement.keys() - {"Condition"} == {"Effect", "Action", "Resource"}
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
        "webhook-dev-gateway": {("sqs:SendMessage", arn("sqs", queue_name(source))) for source in SIGNED}
        | {
            ("lambda:InvokeFunction", arn("lambda", f"function:webhook-dev-{source}-handshake"))
            for source in WITH_A_HANDSHAKE
        },
        "webhook-dev-authorizer": own_logs_and_traces("webhook-dev-authorizer")
        | {("secretsmanager:GetSecretValue", secret_arn(state, source)) for source in VERIFIED_AT_EDGE},
        "webhook-dev-receipts": {("dynamodb:Query", arn("dynamodb", "table/webhook-dev-events/index/by_receipt"))},
    }
    for source in WITH_A_HANDSHAKE:
        name = f"webhook-dev-{source}-handshake"
        expected[name] = own_logs_and_traces(name) | {
            ("sqs:SendMessage", arn("sqs", queue_name(source))),
            ("secretsmanager:GetSecretValue", secret_arn(state, source)),
        }
    for source in SIGNED:
        name = f"webhook-dev-{source}"
        expected[name] = own_logs_and_traces(name) | {
            ("sqs:ReceiveMessage", arn("sqs", queue_name(source))),
            ("sqs:DeleteMessage", arn("sqs", queue_name(source))),
            ("sqs:GetQueueAttributes", arn("sqs", queue_name(source))),
            ("dynamodb:PutItem", arn("dynamodb", "table/webhook-dev-events")),
            ("secretsmanager:GetSecretValue", secret_arn(state, source)),
        }
    for source in INSERTING:
        expected[f"webhook-dev-{source}"] |= {
            ("dynamodb:BatchGetItem", arn("dynamodb", "table/webhook-dev-events")),
            ("dynamodb:PartiQLInsert", arn("dynamodb", "table/webhook-dev-events")),
        }
    for source, secret in EFFECT_SECRETS.items():
        expected[f"webhook-dev-{source}"] |= {
            ("dynamodb:GetItem", arn("dynamodb", "table/webhook-dev-events")),
            ("dynamodb:UpdateItem", arn("dynamodb", "table/webhook-dev-events")),
            ("sqs:ChangeMessageVisibility", arn("sqs", queue_name(source))),
            ("sqs:SendMessage", arn("sqs", dead_letter_queue_name(source))),
            ("secretsmanager:GetSecretValue", secret_arn(state, secret)),
        }
    assert permissions(state) == expected


def test_a_lane_may_touch_no_items_but_its_own_sources(state: State) -> None:
    conditions: dict[str, dict[str, list[str]]] = {}
    for policy in state.resources("aws_iam_role_policy"):
        for statement in json.loads(policy.values["policy"])["Statement"]:
            if "Condition" in statement:
                keys = statement["Condition"].pop("ForAllValues:StringLike").pop("dynamodb:LeadingKeys")
                assert statement["Condition"] == {}
                for action in statement["Action"]:
                    conditions.setdefault(policy.values["role"], {})[action] = sorted(keys)
    expected = {}
    for source in SIGNED:
        own = [f"{kind}#{source}#*" for kind in ("body", "event", "key", "quarantine")]
        expected[f"webhook-dev-{source}"] = {"dynamodb:PutItem": sorted([f"circuit#{source}", *own])}
    for source in INSERTING:
        events = [f"event#{source}#*"]
        expected[f"webhook-dev-{source}"] |= {"dynamodb:BatchGetItem": events, "dynamodb:PartiQLInsert": events}
    for source in EFFECT_SECRETS:
        expected[f"webhook-dev-{source}"] |= {
            "dynamodb:GetItem": [f"circuit#{source}"],
            "dynamodb:UpdateItem": [f"event#{source}#*"],
        }
    assert conditions == expected


def test_only_the_service_that_uses_a_role_may_assume_it(state: State) -> None:
    services = {}
    for role in state.resources("aws_iam_role"):
        (statement,) = json.loads(role.values["assume_role_policy"])["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        services[role.values["name"]] = statement["Principal"]
    for gateway in ("webhook-dev-gateway", "webhook-dev-receipts"):
        assert services.pop(gateway) == {"Service": "apigateway.amazonaws.com"}
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
        lane, dead_letter = queues[queue_name(source)], queues[dead_letter_queue_name(source)]
        assert json.loads(lane["redrive_policy"])["deadLetterTargetArn"] == dead_letter["arn"]
        assert allowed[dead_letter["url"]] == {"redrivePermission": "byQueue", "sourceQueueArns": [lane["arn"]]}


def test_sqs_gives_up_on_a_message_only_when_the_processor_never_can(state: State) -> None:
    """Received again every 450 s at most while a circuit is open, for as long as it is kept, up to SQS's thousand."""
    queues = {queue.values["name"]: queue.values for queue in state.resources("aws_sqs_queue")}
    for source, settings in lanes(state).items():
        receives = json.loads(queues[queue_name(source)]["redrive_policy"])["maxReceiveCount"]
        if settings.retry is None:
            assert receives == 5
        else:
            assert receives == min(1000, settings.retry.attempts + settings.queue_retention_seconds // 450)


def test_no_secret_has_a_value_in_the_state(state: State) -> None:
    assert state.resources("aws_secretsmanager_secret_version") == ()
    assert len(state.resources("aws_secretsmanager_secret")) == len(SIGNED) + len(EFFECT_SECRETS)


@pytest.mark.parametrize("name", ["aws_api_gateway_usage_plan", "aws_api_gateway_api_key"])
def test_nothing_is_deployed_that_the_local_stack_does_not_model(state: State, name: str) -> None:
    assert state.resources(name) == ()
