"""GET /receipts/<id>: for whoever this account lets in, from the index alone, and not there unless asked for."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.plan.inputs import SOURCE
from tests.plan.plan import Plan, Resource
from tests.plan.test_fifo import call, calls, template
from tests.plan.workspace import Workspace

TABLE = "arn:aws:dynamodb:eu-west-1:000000000000:table/webhook-test-events"
RECEIPTS = {
    "table_name": "webhook-test-events",
    "table_arn": TABLE,
    "index_name": "by_receipt",
    "index_arn": f"{TABLE}/index/by_receipt",
}


WITH: Mapping[str, Mapping[str, str] | None] = {
    "with_receipts": RECEIPTS,
    "without": None,
    "renamed": RECEIPTS | {"index_name": "by_another"},
}


@pytest.fixture(scope="module")
def plans(workspace: Workspace) -> Mapping[str, Plan]:
    """A plan of modules/ingestion with each of these, out of one that has a call for each."""
    modules = {name: call(sources={"github": SOURCE}, receipts=receipts) for name, receipts in WITH.items()}
    whole = workspace.plan("receipts", calls(**modules))
    return {name: of_call(whole, name) for name in WITH}


def of_call(plan: Plan, name: str) -> Plan:
    """What the plan would be if this module call, under the name `ingestion`, were all there is."""
    mine = [each for each in plan.planned if each.module.split(".")[:2] == ["module", name]]
    renamed = [
        replace(each, address=in_ingestion(each.address, name), module=in_ingestion(each.module, name)) for each in mine
    ]
    return Plan(tuple(renamed), plan.outputs, {"module_calls": {"ingestion": plan.configuration["module_calls"][name]}})


def in_ingestion(address: str, name: str) -> str:
    return "module.ingestion" + address.removeprefix(f"module.{name}")


@pytest.fixture(scope="module")
def plan(plans: Mapping[str, Plan]) -> Plan:
    return plans["with_receipts"]


@pytest.fixture(scope="module")
def without(plans: Mapping[str, Plan]) -> Plan:
    return plans["without"]


def of_receipts(plan: Plan) -> dict[str, Resource]:
    return {each.address: each for each in plan.planned if "receipt" in each.address}


def test_without_receipts_nothing_of_them_is_made_and_with_them_nothing_else_changes(plan: Plan, without: Plan) -> None:
    assert of_receipts(without) == {}
    only_of_signatures = {
        f'module.ingestion.aws_api_gateway_gateway_response.this["{kind}"]'
        for kind in ("EXPIRED_TOKEN", "INVALID_SIGNATURE")
    }
    with_them = {each.address for each in plan.planned}
    assert with_them - {each.address for each in without.planned} == set(of_receipts(plan)) | only_of_signatures
    assert without.outputs == {}


def test_a_caller_must_be_known_to_aws(plan: Plan) -> None:
    [method] = plan.resources("aws_api_gateway_method", name="receipt")
    assert (method.values["http_method"], method.values["authorization"]) == ("GET", "AWS_IAM")
    paths = [each.values["path_part"] for each in of_receipts(plan).values() if each.type == "aws_api_gateway_resource"]
    assert sorted(paths) == ["receipts", "{id}"]


def test_its_role_may_query_the_index_and_nothing_else(plan: Plan) -> None:
    [policy] = plan.resources("aws_iam_role_policy", name="receipts")
    assert json.loads(policy.values["policy"])["Statement"] == [
        {"Effect": "Allow", "Action": ["dynamodb:Query"], "Resource": [RECEIPTS["index_arn"]]}
    ]
    [role] = plan.resources("aws_iam_role", name="receipts")
    [trust] = json.loads(role.values["assume_role_policy"])["Statement"]
    assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}
    attached = [each for each in plan.planned if each.type == "aws_iam_role_policy_attachment"]
    assert not [each for each in attached if each.values.get("role") == role.values["name"]]


def test_api_gateway_asks_the_index_with_our_question_alone(plan: Plan) -> None:
    [integration] = plan.resources("aws_api_gateway_integration", name="receipt")
    values = integration.values
    assert (values["type"], values["integration_http_method"]) == ("AWS", "POST")
    assert values["passthrough_behavior"] == "NEVER"
    text = template("receipt_query").replace("TABLE_NAME", "webhook-test-events").replace("INDEX_NAME", "by_receipt")
    assert values["request_templates"] == {"application/json": text}
    assert '"IndexName":"by_receipt"' in text


def test_only_a_2xx_of_dynamodb_is_an_answer_and_the_rest_is_to_be_asked_again(plan: Plan) -> None:
    responses = {
        each.values.get("selection_pattern"): (each.values["status_code"], each.values["response_templates"])
        for each in plan.resources("aws_api_gateway_integration_response")
        if each.values["http_method"] == "GET"
    }
    assert responses == {
        "2\\d\\d": ("200", {"application/json": template("receipt")}),
        None: ("503", {"application/json": template("receipt_failed")}),
    }


def test_it_has_a_throttle_of_its_own_and_logs_nothing_of_what_was_asked(plan: Plan) -> None:
    [setting] = plan.resources("aws_api_gateway_method_settings", name="receipt")
    assert setting.values["method_path"] == "~1receipts~1{id}/GET"
    [settings] = setting.values["settings"]
    assert 0 < settings["throttling_rate_limit"] <= settings["throttling_burst_limit"]
    assert (settings["data_trace_enabled"], settings["logging_level"]) == (False, "OFF")


def test_the_deployment_knows_the_table_and_the_index(plans: Mapping[str, Plan]) -> None:
    def definition(of: Plan) -> Any:
        [deployment] = of.resources("aws_api_gateway_deployment")
        return deployment.values["triggers"]["definition"]

    assert definition(plans["with_receipts"])
    assert definition(plans["with_receipts"]) != definition(plans["renamed"])


def test_whatever_of_the_route_can_be_made_anew_is_deployed_anew(plan: Plan) -> None:
    kinds = ("resource", "method", "integration", "method_response", "integration_response")
    made = {each.type + "." + each.name for each in of_receipts(plan).values()}
    wanted = {name for name in made if name.split(".")[0].removeprefix("aws_api_gateway_") in kinds}
    module = plan.configuration["module_calls"]["ingestion"]["module"]
    [some] = [each for each in module["resources"] if each["address"] == "terraform_data.some_routes"]
    assert wanted <= set(some["expressions"]["input"]["references"])
    [deployment] = [each for each in module["resources"] if each["address"] == "aws_api_gateway_deployment.this"]
    assert {name for name in wanted if "integration_response" in name} <= set(deployment["depends_on"])
