"""Lanes with an effect: what the processor is told, what the queue allows for, where it runs.

The module processor is called with a queue that is known: a new queue's URL is not, and makes a function's whole
environment unknown. That each lane is told of its own queue, and what it may do, is asked of what was applied, in
tests/e2e/test_deployed.py.
"""

import json
import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from processor.settings import Settings, read_settings
from tests.plan.plan import Plan
from tests.plan.test_guard_rails import PROCESSOR
from tests.plan.workspace import PROJECT, Workspace

DAY_SECONDS = 24 * 60 * 60
VISIBILITY_SECONDS = 180

POSTGRES: dict[str, Any] = {"table": "ledger", "columns": {"event_id": "{id}", "amount": "/data/amount"}}
HTTP: dict[str, Any] = {"url": "https://partner.example/webhooks?a=1&b=<2>"}
VPC: dict[str, Any] = {"subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]}
SCHEDULE: dict[str, Any] = {"delays_seconds": [30, 60], "jitter": True}


def secret(name: str) -> dict[str, str]:
    return {"name": name, "arn": f"arn:aws:secretsmanager:eu-west-1:000000000000:secret:{name}-AbCdEf"}


POSTGRES_SECRET = secret("webhook-test/github/postgres")
DELIVERY_SECRET = secret("webhook-test/github/delivery")

# Calls of modules/processor.
LANES: dict[str, dict[str, Any]] = {
    "stores": {},
    "handler": {
        "handler": "orders.views:handle",
        "handler_environment": {"WAREHOUSE": "north"},
        "handler_permissions": [{"actions": ["sns:Publish"], "resources": ["arn:aws:sns:eu-west-1:0:shipped"]}],
    },
    "handler_with_cryptography": {"handler": "orders.views:handle", "needs_cryptography": True},
    "handler_in_a_transaction": {
        "handler": "orders.views.new:handle_new",
        "postgres": {},
        "postgres_secret": POSTGRES_SECRET,
    },
    "postgres": {"postgres": {**POSTGRES, "key": ["event_id"]}, "postgres_secret": POSTGRES_SECRET},
    "upsert": {
        "postgres": {**POSTGRES, "key": ["event_id"], "on_conflict": "update"},
        "postgres_secret": POSTGRES_SECRET,
        "vpc": VPC,
    },
    "http": {"http": HTTP, "delivery_secret": DELIVERY_SECRET, "receipts": True},
    "http_nearby": {
        "http": {"url": "http://[::1]:8080/", "timeout_seconds": 18, "allow_private_addresses": True},
        "delivery_secret": DELIVERY_SECRET,
    },
    "fifo": {"fifo": True},
}

# Sources of modules/webhook, of whose queues the retries are.
SOURCES: dict[str, dict[str, Any]] = {
    "stores": {},
    "stores_as_asked": {"max_receive_count": 9, "retention_days": 2, "batch_size": 5},
    "ordinary": {"http": HTTP},
    "in_batches": {"http": HTTP, "batch_size": 7},
    "patient": {"http": HTTP, "retry": {"delays_seconds": [43_200] * 8}},
    "capped": {"http": HTTP, "retry": {"attempts": 100, "max_delay_seconds": 60}},
    "exponential": {
        "http": HTTP,
        "retry": {"attempts": 6, "first_delay_seconds": 10, "max_delay_seconds": 60},
        "retention_days": 12,
    },
}


@pytest.fixture(scope="module")
def plan(workspace: Workspace) -> Plan:
    for variant in ("", "-cryptography"):
        build = workspace.folder / "build"
        shutil.copy(build / "processor.zip", build / f"processor-orders{variant}.zip")
    calls: dict[str, Any] = {
        lane: {"source": "../../modules/processor"}
        | PROCESSOR
        | ({"retry_schedule": SCHEDULE, "batch_size": 1} if lane not in ("stores", "fifo") else {})
        | inputs
        for lane, inputs in LANES.items()
    }
    calls["webhook"] = {
        "source": "../../modules/webhook",
        "name": "webhook-test",
        "max_message_bytes": 200_000,
        "sources": {key.replace("_", "-"): {"scheme": "github", **source} for key, source in SOURCES.items()},
    }
    outputs = {"sources": {"value": "${module.webhook.sources}"}}
    terraform = (PROJECT / "envs/dev/terraform.tf").read_text(encoding="utf-8")
    main = json.dumps({"module": calls, "output": outputs})
    return workspace.plan("effects", {"terraform.tf": terraform, "main.tf.json": main})


def function(plan: Plan, lane: str) -> Mapping[str, Any]:
    return plan.one("aws_lambda_function", module=f"module.{lane}.")


def variables(plan: Plan, lane: str) -> dict[str, str]:
    told: dict[str, str] = function(plan, lane)["environment"][0]["variables"]
    return told


def settings(plan: Plan, lane: str) -> Settings:
    return read_settings(variables(plan, lane))


@pytest.mark.parametrize(
    ("lane", "effect"),
    [
        ("stores", None),
        ("fifo", None),
        ("handler", {"kind": "handler", "handler": "orders.views:handle"}),
        ("handler_with_cryptography", {"kind": "handler", "handler": "orders.views:handle"}),
        (
            "handler_in_a_transaction",
            {
                "kind": "handler",
                "handler": "orders.views.new:handle_new",
                "postgres_secret_name": "webhook-test/github/postgres",
            },
        ),
        (
            "postgres",
            {
                "kind": "postgres",
                "secret_name": "webhook-test/github/postgres",
                "table": "ledger",
                "columns": {"event_id": "{id}", "amount": "/data/amount"},
                "key": ["event_id"],
                "on_conflict": "nothing",
            },
        ),
        (
            "upsert",
            {
                "kind": "postgres",
                "secret_name": "webhook-test/github/postgres",
                "table": "ledger",
                "columns": {"event_id": "{id}", "amount": "/data/amount"},
                "key": ["event_id"],
                "on_conflict": "update",
            },
        ),
        (
            "http",
            {
                "kind": "http",
                "secret_name": "webhook-test/github/delivery",
                "url": "https://partner.example/webhooks?a=1&b=<2>",
                "timeout_seconds": 10,
                "allow_private_addresses": False,
            },
        ),
        (
            "http_nearby",
            {
                "kind": "http",
                "secret_name": "webhook-test/github/delivery",
                "url": "http://[::1]:8080/",
                "timeout_seconds": 18,
                "allow_private_addresses": True,
            },
        ),
    ],
)
def test_the_processor_is_told_its_effect_and_no_more_of_it_than_it_reads(
    plan: Plan, lane: str, effect: dict[str, Any] | None
) -> None:
    assert settings(plan, lane).effect == effect


def test_the_processor_of_a_lane_that_only_stores_is_told_no_schedule(plan: Plan) -> None:
    assert settings(plan, "stores").retry is None


def test_the_processor_is_told_when_to_try_again(plan: Plan) -> None:
    schedule = settings(plan, "http").retry
    assert schedule is not None
    assert (schedule.delays_seconds, schedule.jitter) == ((30.0, 60.0), True)


def test_the_processor_is_told_of_its_queues_and_of_how_long_the_first_one_keeps_a_message(plan: Plan) -> None:
    told = settings(plan, "http")
    assert told.queue_url == PROCESSOR["queue"]["url"]
    assert told.dead_letter_queue_url == PROCESSOR["queue"]["dead_letter_url"]
    assert told.queue_retention_seconds == PROCESSOR["queue_retention_days"] * DAY_SECONDS


def test_the_processor_is_told_whether_duplicates_have_receipts(plan: Plan) -> None:
    assert settings(plan, "http").receipts is True
    assert settings(plan, "postgres").receipts is False


def test_a_handlers_variables_are_beside_the_processors(plan: Plan) -> None:
    assert variables(plan, "handler") == variables(plan, "handler_with_cryptography") | {"WAREHOUSE": "north"}


@pytest.mark.parametrize(
    ("lane", "name"),
    [
        ("stores", "processor"),
        ("http", "processor"),
        ("postgres", "processor"),
        ("handler", "processor-orders"),
        ("handler_in_a_transaction", "processor-orders"),
        ("handler_with_cryptography", "processor-orders-cryptography"),
    ],
)
def test_a_handler_runs_from_the_zip_of_its_package_as_the_processor(plan: Plan, lane: str, name: str) -> None:
    assert function(plan, lane)["filename"].endswith(f"/build/{name}.zip")
    assert function(plan, lane)["handler"] == "processor.handler.handle"


def test_a_lane_runs_in_its_subnets_and_no_other_lane_in_any(plan: Plan) -> None:
    for lane in LANES:
        networks = function(plan, lane)["vpc_config"]
        found = [(set(network["subnet_ids"]), set(network["security_group_ids"])) for network in networks]
        assert found == ([({"subnet-1", "subnet-2"}, {"sg-1"})] if lane == "upsert" else [])


def test_only_a_function_in_a_vpc_has_a_role_that_may_make_network_interfaces(plan: Plan) -> None:
    with_network = {resource.module for resource in plan.resources("aws_iam_role_policy", name="network")}
    assert with_network == {"module.upsert.module.function"}


def test_the_functions_own_code_may_not_use_what_lambda_needs_in_a_vpc(plan: Plan) -> None:
    (policy,) = plan.resources("aws_iam_role_policy", name="network")
    allowed, denied = json.loads(policy.values["policy"])["Statement"]
    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert set(allowed["Action"]) < set(denied["Action"])
    assert denied["Resource"] == ["*"]
    assert denied["Condition"] == {
        "ArnLike": {
            "lambda:SourceFunctionArn": [f"arn:*:lambda:*:*:function:{PROCESSOR['name']}{end}" for end in ("", ":*")]
        }
    }


def test_a_fifo_lane_gathers_no_records(plan: Plan) -> None:
    windows = {
        lane: plan.one("aws_lambda_event_source_mapping", module=f"module.{lane}")["maximum_batching_window_in_seconds"]
        for lane in ("fifo", "stores")
    }
    assert windows == {"fifo": None, "stores": 0}


def output(plan: Plan, key: str) -> dict[str, Any]:
    told: dict[str, Any] = plan.outputs["sources"][key]
    return told


def queue(plan: Plan, key: str) -> Mapping[str, Any]:
    return plan.by_source("aws_sqs_queue", name="this", module="module.webhook.")[key]


def retention_days(plan: Plan, key: str) -> float:
    seconds: int = queue(plan, key)["message_retention_seconds"]
    return seconds / DAY_SECONDS


@pytest.mark.parametrize(
    ("key", "attempts", "days"),
    [
        ("stores", None, 4),
        ("stores-as-asked", None, 2),
        ("ordinary", 10, 4),
        ("capped", 100, 4),
        ("patient", 9, 6),  # 4 days of delays and 27 minutes of attempts, and a day
        ("exponential", 6, 12),
    ],
)
def test_a_queue_keeps_a_message_for_all_of_its_attempts(plan: Plan, key: str, attempts: int | None, days: int) -> None:
    assert output(plan, key)["attempts"] == attempts
    assert retention_days(plan, key) == days


@pytest.mark.parametrize(("key", "size"), [("stores", 10), ("stores-as-asked", 5), ("ordinary", 1), ("in-batches", 7)])
def test_an_effect_is_had_one_record_at_a_time_unless_asked_otherwise(plan: Plan, key: str, size: int) -> None:
    mappings = plan.by_source("aws_lambda_event_source_mapping", module="module.webhook.")
    assert mappings[key]["batch_size"] == size


def test_what_a_lane_does_is_in_the_outputs_with_the_secret_to_set(plan: Plan) -> None:
    names = ("effect", "postgres_secret_name", "delivery_secret_name")
    assert [output(plan, "stores")[name] for name in names] == [None, None, None]
    assert [output(plan, "ordinary")[name] for name in names] == ["http", None, "webhook-test/ordinary/delivery"]


def test_both_queues_take_messages_as_large_as_the_environment_says(plan: Plan) -> None:
    queues = plan.resources("aws_sqs_queue", module="module.webhook.")
    assert {queue.values["max_message_size"] for queue in queues} == {200_000}


def test_a_source_in_order_has_its_queue_and_its_group(dev: Plan) -> None:
    queues = dev.by_source("aws_sqs_queue", name="this")
    assert {key for key, queue in queues.items() if queue["fifo_queue"]} == {"tickets"}
    templates = dev.by_source("aws_api_gateway_integration", name="post")["tickets"]["request_templates"]
    assert "get('ticket_id')" in templates["application/json"]


def test_receipts_are_asked_for_below_the_endpoint_where_there_are_any(dev: Plan, prod: Plan) -> None:
    assert {
        resource.values["path_part"] for resource in dev.resources("aws_api_gateway_resource", name="receipts")
    } == {"receipts"}
    assert prod.outputs["receipts_url"] is None
