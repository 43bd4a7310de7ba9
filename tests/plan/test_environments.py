"""The two environments beside each other, and what is asked of all of their code."""

import re

from tests.plan.plan import Plan
from tests.plan.workspace import PROJECT

NOT_EVERYWHERE = re.compile(
    r"\.(challenge|answered|refused|handshake|invoke"  # handshakes, of some senders
    r"|postgres|delivery"  # secrets of some effects
    r"|receipts?|receipt_found|receipt_failed)\["
)


def test_prod_is_protected_where_dev_is_disposable(dev: Plan, prod: Plan) -> None:
    assert prod.one("aws_dynamodb_table")["deletion_protection_enabled"] is True
    assert dev.one("aws_dynamodb_table")["deletion_protection_enabled"] is False
    windows = {
        plan.outputs["name"]: {
            secret.values["recovery_window_in_days"] for secret in plan.resources("aws_secretsmanager_secret")
        }
        for plan in (dev, prod)
    }
    assert min(windows["webhook-prod"]) >= 7
    assert windows["webhook-dev"] == {0}


def test_dev_and_prod_have_one_shape(dev: Plan, prod: Plan) -> None:
    def shape(plan: Plan) -> set[str]:
        return {
            re.sub(r'\["[^"]*"\]', "[*]", resource.address)
            for resource in plan.planned
            if not NOT_EVERYWHERE.search(resource.address)
        }

    assert shape(dev) == shape(prod)
    assert set(dev.outputs) == set(prod.outputs)


def test_everything_is_named_after_its_environment(environment: Plan) -> None:
    name = environment.outputs["name"]
    named = {
        resource.address: re.sub(
            r"^/aws/(lambda|apigateway)/", "", resource.values.get("function_name") or resource.values["name"]
        )
        for kind in (
            "aws_api_gateway_rest_api",
            "aws_cloudwatch_log_group",
            "aws_dynamodb_table",
            "aws_iam_role",
            "aws_lambda_function",
            "aws_secretsmanager_secret",
            "aws_sqs_queue",
        )
        for resource in environment.resources(kind)
    }
    assert not {address: found for address, found in named.items() if not re.match(rf"{name}([-/]|$)", found)}


def test_what_can_be_tagged_says_which_environment_it_is_of(environment: Plan) -> None:
    tagged = [resource.values["tags_all"] for resource in environment.planned if "tags_all" in resource.values]
    assert tagged
    assert all(f"webhook-{tags['Environment']}" == environment.outputs["name"] for tags in tagged)


def test_the_state_is_locked_encrypted_and_in_a_bucket_named_at_init() -> None:
    backends = {}
    for name in ("dev", "prod"):
        text = (PROJECT / "envs" / name / "terraform.tf").read_text(encoding="utf-8")
        backends[name] = dict(
            re.findall(r"^    (\w+)\s+= (.*)$", text.split('backend "s3"')[1].split("}")[0], re.MULTILINE)
        )
    assert all(backend["use_lockfile"] == backend["encrypt"] == "true" for backend in backends.values())
    assert all("bucket" not in backend for backend in backends.values())
    assert backends["dev"]["key"] != backends["prod"]["key"]


def test_every_input_and_output_is_described(dev: Plan) -> None:
    undescribed = [
        f"{path}.{kind}.{name}"
        for path, call in [("envs/dev", {"module": dev.configuration}), *dev.module_calls()]
        for kind in ("variables", "outputs")
        for name, item in call["module"].get(kind, {}).items()
        if not item.get("description")
    ]
    assert undescribed == []
