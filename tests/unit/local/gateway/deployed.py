"""An applied state in the shape `terraform show -json` gives for provider 5.100, written by hand."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from webhookctl.local.state import Resource, State

TEMPLATES = Path(__file__).parents[4] / "modules" / "ingestion" / "templates"

ACCOUNT = "123456789012"
REGION = "eu-central-1"
API = "a1b2c3d4e5"
EXECUTION_ARN = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:webhook-dev-authorizer"
HANDSHAKE_ARN = FUNCTION_ARN.replace("authorizer", "github-handshake")
TYPES = ("application/json", "application/x-www-form-urlencoded")

REQUEST_TEMPLATE = (TEMPLATES / "send_message.vtl").read_text()

Changes = Mapping[str, Mapping[str, Any]]


def resource(kind: str, name: str, values: Mapping[str, Any], index: str | None = None) -> Resource:
    suffix = "" if index is None else f'["{index}"]'
    address = f"module.webhook.module.ingestion.{kind}.{name}{suffix}"
    return Resource(address, kind, name, index, "module.webhook.module.ingestion", values)


def deployed(
    sources: Iterable[str] = ("github",), *, changes: Changes | None = None, extra: Iterable[Resource] = ()
) -> State:
    """The state of an environment; `changes` replaces attributes of a type, named without `aws_api_gateway_`."""
    resources = [*_api(), *(each for source in sources for each in _source(source)), *_stage(), *extra]
    return State(outputs={}, managed=tuple(_changed(each, changes or {}) for each in resources))


def without(state: State, kind: str) -> State:
    return State(outputs={}, managed=tuple(each for each in state.managed if each.type != f"aws_api_gateway_{kind}"))


def method_settings(source: str, *, rate: float, burst: int, method: str = "POST") -> Resource:
    values = {
        "method_path": f"~1webhooks~1{source}/{method}",
        "settings": [{"throttling_rate_limit": rate, "throttling_burst_limit": burst, "caching_enabled": False}],
    }
    return resource("aws_api_gateway_method_settings", method.lower(), values, source)


def gateway_response(kind: str, status: str | None, template: object) -> Resource:
    values = {
        "response_type": kind,
        "status_code": status,
        "response_templates": {"application/json": json.dumps(template)},
        "response_parameters": None,
    }
    return resource("aws_api_gateway_gateway_response", "this", values, kind)


def mocked(source: str, template: str, *responses: Resource, http_method: str = "GET", **more: Any) -> list[Resource]:
    """A method of a source as a MOCK integration with this request template and what `integration_response` made."""
    key = {"resource_id": f"r-{source}", "http_method": http_method}
    method = {**key, "authorization": "NONE", "authorizer_id": "", "api_key_required": False}
    integration = {
        **key,
        "type": "MOCK",
        "connection_type": "INTERNET",
        "uri": "",
        "integration_http_method": "",
        "passthrough_behavior": "NEVER",
        "content_handling": "CONVERT_TO_TEXT",
        "request_parameters": None,
        "request_templates": {"application/json": template},
        "timeout_milliseconds": 29000,
        **more,
    }
    return [
        resource("aws_api_gateway_method", "get", method, source),
        resource("aws_api_gateway_integration", "mock", integration, source),
        *responses,
    ]


def invoking(template: str, *extra: Resource, changes: Changes | None = None, **more: Any) -> State:
    """The environment of `deployed` whose one source's POST invokes a function with what this template writes."""
    integration = {
        "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{HANDSHAKE_ARN}/invocations",
        "request_parameters": {},
        "request_templates": dict.fromkeys(TYPES, template),
        **more,
    }
    return deployed(changes={**(changes or {}), "integration": integration}, extra=extra)


def handshaken() -> State:
    """The environment of `deployed` whose one source has a handshake."""
    reply = {"response_templates": {"application/json": (TEMPLATES / "handshake_reply.vtl").read_text()}}
    return invoking((TEMPLATES / "handshake_request.vtl").read_text(), changes={"integration_response": reply})


def receipts(**more: Any) -> list[Resource]:
    """The route by which modules/ingestion answers what became of a webhook; `more` are attributes of its method."""

    def template(name: str) -> str:
        return (TEMPLATES / f"{name}.vtl").read_text()

    key = {"resource_id": "r-receipt", "http_method": "GET"}
    method = {**key, "authorization": "AWS_IAM", "authorizer_id": "", "api_key_required": False, **more}
    integration = {
        **key,
        "type": "AWS",
        "connection_type": "INTERNET",
        "uri": f"arn:aws:apigateway:{REGION}:dynamodb:action/Query",
        "integration_http_method": "POST",
        "passthrough_behavior": "NEVER",
        "content_handling": "CONVERT_TO_TEXT",
        "request_parameters": None,
        "request_templates": {
            "application/json": template("receipt_query")
            .replace("TABLE_NAME", "events")
            .replace("INDEX_NAME", "by_receipt")
        },
        "timeout_milliseconds": 29000,
    }
    return [
        resource("aws_api_gateway_resource", "receipt", {"id": "r-receipt", "path": "/receipts/{id}"}),
        resource("aws_api_gateway_method", "receipt", method),
        resource("aws_api_gateway_integration", "receipt", integration),
        *integration_response("receipt", "200", "2\\d\\d", template("receipt"), method="GET"),
        *integration_response("receipt", "503", None, template("receipt_failed"), method="GET"),
    ]


def integration_response(
    source: str,
    status: str,
    pattern: str | None,
    template: str,
    *,
    method: str = "POST",
    declared: Mapping[str, bool] | None = None,
    **more: Any,
) -> list[Resource]:
    key = {"resource_id": f"r-{source}", "http_method": method, "status_code": status}
    name = f"{method.lower()}_{status}"
    return [
        resource("aws_api_gateway_method_response", name, {**key, "response_parameters": declared}, source),
        resource(
            "aws_api_gateway_integration_response",
            name,
            {
                **key,
                "selection_pattern": pattern,
                "content_handling": "CONVERT_TO_TEXT",
                "response_templates": {"application/json": template},
                "response_parameters": None,
                **more,
            },
            source,
        ),
    ]


def _changed(each: Resource, changes: Changes) -> Resource:
    change = changes.get(each.type.removeprefix("aws_api_gateway_"), {})
    return Resource(each.address, each.type, each.name, each.index, each.module, {**each.values, **change})


def _api() -> list[Resource]:
    return [
        resource(
            "aws_api_gateway_rest_api",
            "this",
            {
                "id": API,
                "execution_arn": EXECUTION_ARN,
                "root_resource_id": "r-root",
                "binary_media_types": list(TYPES),
                "policy": "",
                "body": None,
                "minimum_compression_size": "",
                "disable_execute_api_endpoint": False,
            },
        ),
        resource("aws_api_gateway_resource", "webhooks", {"id": "r-webhooks", "path": "/webhooks"}),
        resource(
            "aws_api_gateway_authorizer",
            "this",
            {
                "id": "auth",
                "name": "signature",
                "type": "REQUEST",
                "authorizer_result_ttl_in_seconds": 0,
                "authorizer_uri": (
                    f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION_ARN}/invocations"
                ),
                "identity_source": "method.request.header.X-Hub-Signature-256",
                "identity_validation_expression": None,
            },
        ),
    ]


def _source(source: str) -> list[Resource]:
    key = {"resource_id": f"r-{source}", "http_method": "POST"}
    return [
        resource("aws_api_gateway_resource", "source", {"id": f"r-{source}", "path": f"/webhooks/{source}"}, source),
        resource(
            "aws_api_gateway_method",
            "post",
            {**key, "authorization": "CUSTOM", "authorizer_id": "auth", "api_key_required": False},
            source,
        ),
        resource(
            "aws_api_gateway_integration",
            "post",
            {
                **key,
                "type": "AWS",
                "connection_type": "INTERNET",
                "uri": f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/webhook-dev-{source}",
                "integration_http_method": "POST",
                "passthrough_behavior": "NEVER",
                "content_handling": "CONVERT_TO_TEXT",
                "request_parameters": {
                    "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"
                },
                "request_templates": dict.fromkeys(TYPES, REQUEST_TEMPLATE),
                "timeout_milliseconds": 29000,
            },
            source,
        ),
        *integration_response(source, "200", "2\\d\\d", '{"ok":true}'),
        *integration_response(source, "503", None, '{"failed":true}'),
    ]


def _stage() -> list[Resource]:
    return [
        resource("aws_api_gateway_deployment", "this", {"id": "d1"}),
        resource(
            "aws_api_gateway_stage",
            "this",
            {
                "stage_name": "v1",
                "deployment_id": "d1",
                "variables": None,
                "xray_tracing_enabled": True,
                "access_log_settings": [],
                "canary_settings": [],
                "cache_cluster_enabled": False,
                "client_certificate_id": "",
                "web_acl_arn": "",
            },
        ),
    ]
