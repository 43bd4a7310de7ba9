"""Sources whose queue keeps an order: the queues, and what the request templates give along."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.plan.inputs import SOURCE
from tests.plan.plan import Plan
from tests.plan.workspace import PROJECT, Workspace

BOTH_TYPES = ["application/json", "application/x-www-form-urlencoded", "application/cloudevents+json"]
SOURCES: dict[str, Any] = {
    "plain": SOURCE,
    "whole": {**SOURCE, "fifo": True},
    "header": {**SOURCE, "fifo": True, "order_by": {"header": "X-Ticket"}},
    "pointer": {**SOURCE, "fifo": True, "order_by": {"pointer": "/data/ticket_id"}, "content_types": BOTH_TYPES},
    "zoom": {
        **SOURCE,
        "fifo": True,
        "scheme_json": json.dumps("zoom"),
        "signature_header": "x-zm-signature",
        "scheme_handshake": "zoom",
        "handshake": True,
    },
}
IN_ORDER = set(SOURCES) - {"plain"}


def ingestion(**inputs: Any) -> dict[str, str]:
    """The files of a root that calls modules/ingestion alone."""
    return calls(ingestion=call(**inputs))


def calls(**modules: Any) -> dict[str, str]:
    """The files of a root that calls these modules."""
    terraform = (PROJECT / "envs/dev/terraform.tf").read_text(encoding="utf-8")
    return {"terraform.tf": terraform, "main.tf.json": json.dumps({"module": modules})}


def call(**inputs: Any) -> dict[str, Any]:
    """A call of modules/ingestion."""
    return {
        "source": "../../modules/ingestion",
        "name": "webhook-test",
        "secret_prefix": "webhook-test/",
        "metrics_namespace": "webhook-test",
        "log_retention_days": 30,
        "edge_secret_arns": {"zoom": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:webhook-test/zoom-AbCdEf"},
        **inputs,
    }


@pytest.fixture(scope="module")
def plan(workspace: Workspace) -> Plan:
    return workspace.plan("fifo", ingestion(sources=SOURCES, max_message_bytes=100_000))


def template(name: str) -> str:
    return Path(PROJECT, f"modules/ingestion/templates/{name}.vtl").read_text(encoding="utf-8")


def request_templates(plan: Plan, source: str) -> dict[str, str]:
    found: dict[str, str] = plan.by_source("aws_api_gateway_integration", name="post")[source]["request_templates"]
    return found


@pytest.mark.parametrize("name", ["this", "dead_letter"])
def test_both_queues_of_a_source_in_order_are_fifo_and_no_others(plan: Plan, name: str) -> None:
    queues = plan.by_source("aws_sqs_queue", name=name)
    assert {key for key, queue in queues.items() if queue["fifo_queue"]} == IN_ORDER
    assert {key for key, queue in queues.items() if queue["name"].endswith(".fifo")} == IN_ORDER


@pytest.mark.parametrize("name", ["this", "dead_letter"])
def test_one_group_waits_for_no_other(plan: Plan, name: str) -> None:
    queues = plan.by_source("aws_sqs_queue", name=name)
    for key in IN_ORDER:
        assert queues[key]["deduplication_scope"] == "messageGroup"
        assert queues[key]["fifo_throughput_limit"] == "perMessageGroupId"
    assert queues["plain"].get("deduplication_scope") is None
    assert queues["plain"].get("fifo_throughput_limit") is None


def test_sqs_makes_no_deduplication_id_of_a_body_which_holds_the_time_of_its_receipt(plan: Plan) -> None:
    queues = plan.resources("aws_sqs_queue")
    assert not any(queue.values["content_based_deduplication"] for queue in queues)


def test_the_dead_letter_queue_is_named_as_every_sources_with_the_end_that_sqs_wants(plan: Plan) -> None:
    names = {key: queue["name"] for key, queue in plan.by_source("aws_sqs_queue", name="dead_letter").items()}
    assert names["plain"] == "webhook-test-plain-dead-letter"
    assert names["header"] == "webhook-test-header-dead-letter.fifo"


def test_both_queues_take_messages_as_large_as_was_said(plan: Plan) -> None:
    assert {queue.values["max_message_size"] for queue in plan.resources("aws_sqs_queue")} == {100_000}


def test_a_source_without_order_has_its_template_as_it_was(plan: Plan) -> None:
    assert request_templates(plan, "plain") == {"application/json": template("send_message")}


@pytest.mark.parametrize("source", ["whole", "header"])
def test_the_authorizer_names_the_group_of_a_header_or_none(plan: Plan, source: str) -> None:
    whole = template("message_group") + template("send_message") + template("send_fifo")
    assert request_templates(plan, source) == {"application/json": whole}


def test_a_body_is_asked_for_its_group_where_its_type_is_json(plan: Plan) -> None:
    of_body = template("message_group_of_body").replace("MEMBER", "get('data').get('ticket_id')")
    ending = template("send_message") + template("send_fifo")
    assert request_templates(plan, "pointer") == {
        "application/json": of_body + ending,
        "application/cloudevents+json": of_body + ending,
        "application/x-www-form-urlencoded": template("message_group") + ending,
    }


def test_a_function_before_the_queue_is_told_the_place(plan: Plan) -> None:
    event = template("handshake_request").removesuffix("}") + template("handshake_fifo")
    assert request_templates(plan, "zoom") == {"application/json": template("message_group") + event}


def test_the_authorizer_is_told_of_an_order_only_where_there_is_one(plan: Plan) -> None:
    (authorizer,) = plan.resources("aws_lambda_function", module="module.ingestion.module.authorizer")
    packed = authorizer.values["environment"][0]["variables"]["SOURCES"]
    told = json.loads(gzip.decompress(base64.b64decode(packed)))
    orders = {
        key: {name: fields[name] for name in ("fifo", "order_by") if name in fields} for key, fields in told.items()
    }
    assert orders == {
        "plain": {},
        "whole": {"fifo": True},
        "header": {"fifo": True, "order_by": "X-Ticket"},
        "pointer": {"fifo": True},
        "zoom": {"fifo": True},
    }
