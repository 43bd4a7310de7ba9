"""Modules called in other ways than by the environments: READMEs' examples, new deployments, a hundred sources."""

import base64
import gzip
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.plan.inputs import SOURCE
from tests.plan.plan import Plan
from tests.plan.workspace import PROJECT, Workspace

MODULES = sorted(folder.name for folder in (PROJECT / "modules").iterdir())
MAKE_NOTHING = ("retry", "scheme")

# The one source of an API, and what is deployed instead when it is changed so.
DEPLOYED: dict[str, dict[str, Any]] = {
    "another_success_status": {"github": {**SOURCE, "success_status": 202}},
    "another_content_type": {"github": {**SOURCE, "content_types": ["application/json", "text/plain"]}},
    "another_signature_header": {"github": {**SOURCE, "signature_header": "X-Other"}},
    "another_url_signed": {"github": {**SOURCE, "signed_url": "https://example.com/"}},
    "a_challenge_answered": {"github": {**SOURCE, "scheme_handshake": "okta"}},
    "a_token_verified": {"github": {**SOURCE, "scheme_handshake": "meta", "verify_token": "0123456789abcdef"}},
    "a_handshake": {"github": {**SOURCE, "scheme_handshake": "zoom", "handshake": True}},
    "a_queue_in_order": {"github": {**SOURCE, "fifo": True}},
    "an_order_by_a_member": {"github": {**SOURCE, "fifo": True, "order_by": {"pointer": "/id"}}},
    "an_address_list": {"github": {**SOURCE, "allowed_cidrs": ["203.0.113.0/24"]}},
    "one_more_source": {"github": SOURCE, "gitlab": SOURCE},
}

# Modules whose text was edited: the file, what was there, what is there now.
EDITED: dict[str, tuple[str, str, str]] = {
    "edited_request_template": ("templates/send_message.vtl", "version%22%3A1", "version%22%3A2"),
    "edited_accepted_template": ("templates/accepted.vtl", '"id"', '"receipt"'),
    "edited_challenge_template": ("templates/challenge_meta.vtl", "subscribe", "unsubscribe"),
    "edited_gateway_response": ("gateway_responses.tf", '"throttled"', '"slow_down"'),
    "edited_authorizer": ("authorizer.tf", "context.identity.sourceIp", "context.identity.userAgent"),
}


def ingestion(source: str, sources: Mapping[str, Any], **inputs: Any) -> dict[str, Any]:
    return {
        "source": f"../../modules/{source}",
        "name": "webhook-test",
        "secret_prefix": "webhook-test/",
        "metrics_namespace": "webhook-test",
        "log_retention_days": 30,
        "edge_secret_arns": {key: f"arn:aws:secretsmanager:eu-west-1:000000000000:secret:{key}" for key in sources},
        "sources": sources,
        **inputs,
    }


def custom_scheme(number: int) -> dict[str, Any]:
    """A scheme as long as they get, like no other one."""
    return {
        "kind": "hmac",
        "digest": ("sha1", "sha256", "sha512")[number % 3],
        "key_encoding": ("utf8", "base64", "hex")[number % 3],
        "signature": {
            "header": f"X-Vendor{number}-Signature",
            "prefix": f"v{number}=",
            "separator": ",",
            "encoding": "base64",
        },
        "timestamp": {"header": f"X-Vendor{number}-Timestamp", "unit": "milliseconds"},
        "signed": f"{number}:{{id}}.{{timestamp}}.{{body}}",
        "id": {"header": f"X-Vendor{number}-Delivery"},
        "type": {"pointer": f"/event/{number}/type"},
    }


def hundred_sources() -> dict[str, Any]:
    names = ("github", "slack", "stripe", "shopify", "standard-webhooks", "token")
    with_presets = {f"vendor-{number:02}": {"scheme": names[number % len(names)]} for number in range(80)}
    return with_presets | {f"vendor-{number:02}": {"custom_scheme": custom_scheme(number)} for number in range(80, 100)}


def readme_example(module: str) -> str:
    (example,) = re.findall(
        r"^```hcl\n(.*?)^```$",
        (PROJECT / "modules" / module / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    return str(example)


@pytest.fixture(scope="module")
def examples(workspace: Workspace) -> Plan:
    # Of the handler in the example of modules/webhook.
    shutil.copy(workspace.folder / "build/processor.zip", workspace.folder / "build/processor-orders.zip")
    calls: dict[str, Any] = {"as_it_is": ingestion("ingestion", {"github": SOURCE})}
    calls["the_same_again"] = calls["as_it_is"]
    calls["with_log_role"] = ingestion("ingestion", {"github": SOURCE}, manage_account_log_role=True)
    calls["authorizer_from_a_snapshot"] = ingestion("ingestion", {"github": SOURCE}, authorizer_snap_start=True)
    calls |= {name: ingestion("ingestion", sources) for name, sources in DEPLOYED.items()}
    for name, (file, before, after) in EDITED.items():
        edit_copy(workspace.folder / "modules", name, file, before, after)
        calls[name] = ingestion(name, {"github": SOURCE})
    calls["hundred"] = {"source": "../../modules/webhook", "name": "webhook-test", "sources": hundred_sources()}
    calls["paused"] = {
        "source": "../../modules/webhook",
        "name": "webhook-test",
        "sources": {"github": {"scheme": "github", "paused": True}},
    }
    files = {f"readme_{module}.tf": readme_example(module) for module in MODULES}
    # Of the hundred, which are more than two thousand resources, only what knows them all: the authorizer.
    targets = [f"module.{name}" for name in [*calls, *MODULES] if name != "hundred"]
    targets.append("module.hundred.module.ingestion.aws_api_gateway_authorizer.this")
    return workspace.plan("examples", {**files, "calls.tf.json": json.dumps({"module": calls})}, targets=targets)


def edit_copy(modules: Path, name: str, file: str, before: str, after: str) -> None:
    shutil.copytree(modules / "ingestion", modules / name)
    text = (modules / name / file).read_text(encoding="utf-8")
    assert before in text
    (modules / name / file).write_text(text.replace(before, after), encoding="utf-8")


def deployment_triggers(plan: Plan, module: str) -> Any:
    return plan.one("aws_api_gateway_deployment", module=f"module.{module}")["triggers"]


@pytest.mark.parametrize("module", MODULES)
def test_the_readmes_example_plans(examples: Plan, module: str) -> None:
    assert examples.configuration["module_calls"][module]["source"] == f"../../modules/{module}"
    assert module in MAKE_NOTHING or examples.resources_of_module(f"module.{module}")


def test_the_same_api_is_not_deployed_again(examples: Plan) -> None:
    assert deployment_triggers(examples, "the_same_again") == deployment_triggers(examples, "as_it_is") != {}


@pytest.mark.parametrize("change", [*DEPLOYED, *EDITED, "authorizer_from_a_snapshot"])
def test_whatever_is_deployed_makes_a_new_deployment_when_it_changes(examples: Plan, change: str) -> None:
    assert deployment_triggers(examples, change) != deployment_triggers(examples, "as_it_is")


def test_what_is_made_anew_makes_a_new_deployment(examples: Plan) -> None:
    """Identifiers change without any change of the configuration, when somebody taints a resource."""
    ingestion = examples.configuration["module_calls"]["as_it_is"]["module"]
    deployed = {
        f"{resource['type']}.{resource['name']}"
        for resource in ingestion["resources"]
        if resource["type"].startswith("aws_api_gateway_")
        and resource["type"].removeprefix("aws_api_gateway_")
        not in ("account", "deployment", "method_settings", "rest_api", "stage")
    }
    text = (PROJECT / "modules/ingestion/stage.tf").read_text(encoding="utf-8")
    watched = text.split("replace_triggered_by = [")[1].split("]")[0]
    not_everywhere = text.split('"some_routes" {')[1].split("]")[0]
    assert "terraform_data.some_routes" in watched
    assert set(re.findall(r"aws_\w+\.\w+", watched + not_everywhere)) == deployed


def test_a_hundred_sources_of_which_twenty_are_custom_fit(examples: Plan) -> None:
    function = examples.one("aws_lambda_function", module="module.hundred.")
    variables = function["environment"][0]["variables"]
    assert set(json.loads(gzip.decompress(base64.b64decode(variables["SOURCES"])))) == set(hundred_sources())
    assert sum(len(name) + len(value) for name, value in variables.items()) <= 4096  # AWS Lambda quotas


def test_with_more_signature_headers_than_authorizers_one_authorizer_serves_all(examples: Plan) -> None:
    (authorizer,) = examples.resources("aws_api_gateway_authorizer", module="module.hundred.")
    assert authorizer.values["identity_source"] == "context.identity.sourceIp"


def test_a_paused_source_is_let_in_and_not_processed(examples: Plan) -> None:
    mapping = examples.one("aws_lambda_event_source_mapping", module="module.paused.")
    assert mapping["enabled"] is False
    assert examples.one("aws_api_gateway_method", module="module.paused.")["http_method"] == "POST"


def test_an_unsigned_source_has_no_secret_and_its_requests_reach_the_authorizer(examples: Plan) -> None:
    secrets = examples.by_source("aws_secretsmanager_secret", name="this", module="module.webhook")
    lanes = examples.by_source("aws_lambda_function", module="module.webhook.module.processor")
    assert set(lanes) - set(secrets) == {"intranet"}
    authorizers = examples.resources("aws_api_gateway_authorizer", module="module.webhook.")
    assert "context.identity.sourceIp" in {authorizer.values["identity_source"] for authorizer in authorizers}


def test_the_log_role_of_the_account_is_set_on_request(examples: Plan) -> None:
    assert examples.one("aws_api_gateway_account", module="module.with_log_role")
    assert not examples.resources("aws_api_gateway_account", module="module.as_it_is")
