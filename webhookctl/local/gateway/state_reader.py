"""The API as the applied Terraform state describes it.

Whatever the gateway would have to pass over in silence is an error here.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from webhookctl.local.gateway.errors import NotModelled
from webhookctl.local.gateway.model import (
    Api,
    Authorizer,
    Function,
    GatewayResponse,
    IdentitySource,
    Integration,
    IntegrationResponse,
    Queue,
    Route,
    Stage,
    Table,
    Throttle,
)
from webhookctl.local.gateway.policy import MalformedPolicy, Policy, parse_policy
from webhookctl.local.gateway.responses import CUSTOMISABLE
from webhookctl.local.state import Resource, State

PREFIX = "aws_api_gateway_"
# `account` (the role for logs) and `deployment` (what the stage serves, which is the state itself) change nothing here.
MODELLED = frozenset(
    PREFIX + kind
    for kind in (
        *("rest_api", "rest_api_policy", "resource", "method", "method_response", "integration"),
        *(
            "integration_response",
            "gateway_response",
            "authorizer",
            "deployment",
            "stage",
            "method_settings",
            "account",
        ),
    )
)
IAM = "AWS_IAM"
FORM = "'application/x-www-form-urlencoded'"
# A burst that is not set is the account's (API Gateway Developer Guide, "Quotas": 5,000 by default).
ACCOUNT_BURST = 5000

_EXECUTION_ARN = re.compile(r"arn:[^:]+:execute-api:([^:]+):([^:]+):([^:/]+)")
_FUNCTION = re.compile(r"arn:[^:]+:apigateway:[^:]+:lambda:path/2015-03-31/functions/(arn:[^/]+)/invocations")
_TABLE = re.compile(r"arn:[^:]+:apigateway:[^:]+:dynamodb:action/(Query)")
_QUEUE = re.compile(r"arn:[^:]+:apigateway:[^:]+:sqs:path/(\d+)/([^/]+)")
_CONTEXT_MAPPING = re.compile(r"(?:context|stageVariables)(?:\.[A-Za-z0-9_-]+)+")

Values = Mapping[str, Any]


def read_api(state: State) -> Api:
    """The one REST API of the state with its one stage.

    Raises NotModelled, with the resource's address, for anything else.
    """
    for resource in state.managed:
        if resource.type.startswith((PREFIX, "aws_apigatewayv2_")) and resource.type not in MODELLED:
            raise NotModelled(resource.address, f"it is of type {resource.type}")
    api = _only(state, "rest_api")
    stage = _only(state, "stage")
    _check_api(api)
    _check_stage(state, stage)
    region, account_id, api_id = _execution_arn(api)
    return Api(
        id=api_id,
        region=region,
        account_id=account_id,
        stage=_stage(stage),
        routes=_routes(state),
        binary_media_types=tuple(api.values.get("binary_media_types") or ()),
        policy=_policy(state, api),
        gateway_responses=dict(_gateway_response(each) for each in state.resources(PREFIX + "gateway_response")),
    )


def _only(state: State, kind: str) -> Resource:
    found = state.resources(PREFIX + kind)
    if len(found) != 1:
        raise NotModelled(f"the state's {PREFIX}{kind}", f"there are {len(found)} of them instead of one")
    return found[0]


def _execution_arn(api: Resource) -> tuple[str, str, str]:
    arn = _EXECUTION_ARN.fullmatch(api.values.get("execution_arn") or "")
    if arn is None:
        raise NotModelled(api.address, f"its execution_arn is {api.values.get('execution_arn')!r}")
    return arn[1], arn[2], arn[3]


def _check_api(api: Resource) -> None:
    _refuse(api, "body", "it is defined by an OpenAPI body")
    if api.values.get("minimum_compression_size") not in (None, "", "-1"):
        raise NotModelled(api.address, "it unpacks compressed requests")
    if api.values.get("disable_execute_api_endpoint"):
        raise NotModelled(api.address, "its default endpoint is disabled")


def _check_stage(state: State, stage: Resource) -> None:
    _refuse(stage, "canary_settings", "it is a canary release")
    _refuse(stage, "cache_cluster_enabled", "it caches")
    _refuse(stage, "client_certificate_id", "it has a client certificate")
    _refuse(stage, "web_acl_arn", "it is behind a web application firewall")
    deployed = {each.values["id"] for each in state.resources(PREFIX + "deployment")}
    if stage.values["deployment_id"] not in deployed:
        raise NotModelled(stage.address, "it serves a deployment that is not in the state")


def _stage(stage: Resource) -> Stage:
    access_log = (stage.values.get("access_log_settings") or [{}])[0]
    return Stage(
        name=stage.values["stage_name"],
        variables=dict(stage.values.get("variables") or {}),
        access_log_format=access_log.get("format"),
        tracing=bool(stage.values.get("xray_tracing_enabled")),
        deployment_id=stage.values["deployment_id"],
    )


def _policy(state: State, api: Resource) -> Policy | None:
    owners = (*state.resources(PREFIX + "rest_api_policy"), api)
    owner = next((each for each in owners if each.values.get("policy")), None)
    if owner is None:
        return None
    try:
        return parse_policy(owner.values["policy"], execution_arn=api.values["execution_arn"], with_principal=True)
    except MalformedPolicy as error:
        raise NotModelled(owner.address, f"of its policy, {error}") from error


def _gateway_response(resource: Resource) -> tuple[str, GatewayResponse]:
    kind = resource.values["response_type"]
    if kind not in CUSTOMISABLE:
        raise NotModelled(resource.address, f"it is for the response type {kind}")
    status = resource.values.get("status_code")
    return kind, GatewayResponse(
        status=int(status) if status else None,
        templates=dict(resource.values.get("response_templates") or {}),
        headers=_headers(resource, "response_parameters", "gatewayresponse.header."),
    )


def _routes(state: State) -> tuple[Route, ...]:
    paths = {each.values["id"]: each.values["path"] for each in state.resources(PREFIX + "resource")}
    paths |= {each.values["root_resource_id"]: "/" for each in state.resources(PREFIX + "rest_api")}
    authorizers = {each.values["id"]: _authorizer(each) for each in state.resources(PREFIX + "authorizer")}
    integrations = _by_method(state.resources(PREFIX + "integration"))
    throttles = _throttles(state.resources(PREFIX + "method_settings"))
    routes = tuple(
        _route(state, each, paths, authorizers, integrations, throttles) for each in state.resources(PREFIX + "method")
    )
    known = {f"{route.path.removeprefix('/')}/{route.method}" for route in routes} | {"*/*"}
    if stray := set(throttles) - known:
        raise NotModelled(f"the method settings for {min(stray)}", "there is no such method")
    return routes


def _route(
    state: State,
    method: Resource,
    paths: Mapping[str, str],
    authorizers: Mapping[str, Authorizer],
    integrations: Mapping[tuple[str, str], Resource],
    throttles: Mapping[str, Throttle | None],
) -> Route:
    values = method.values
    _refuse(method, "api_key_required", "it requires an API key")
    _refuse(method, "request_validator_id", "it has a request validator")
    key = (values["resource_id"], values["http_method"])
    if key not in integrations:
        raise NotModelled(method.address, "it has no integration")
    path = paths[values["resource_id"]]
    if "+}" in path:
        raise NotModelled(method.address, "its path takes the rest of the path")
    setting = f"{path.removeprefix('/')}/{values['http_method']}"
    return Route(
        path=path,
        method=values["http_method"],
        integration=_integration(state, integrations[key]),
        authorizer=_method_authorizer(method, authorizers),
        iam=values["authorization"] == IAM,
        throttle=throttles.get(setting, throttles.get("*/*")),
        resource_id=values["resource_id"],
    )


def _method_authorizer(method: Resource, authorizers: Mapping[str, Authorizer]) -> Authorizer | None:
    authorization = method.values["authorization"]
    if authorization in ("NONE", IAM):
        return None
    if authorization != "CUSTOM":
        raise NotModelled(method.address, f"its authorization is {authorization}")
    if method.values.get("authorizer_id") not in authorizers:
        raise NotModelled(method.address, "its authorizer is not in the state")
    return authorizers[method.values["authorizer_id"]]


def _authorizer(resource: Resource) -> Authorizer:
    values = resource.values
    if values.get("type") != "REQUEST":
        raise NotModelled(resource.address, f"it is of type {values.get('type')}")
    if values.get("authorizer_result_ttl_in_seconds") != 0:
        raise NotModelled(resource.address, "its results are cached")
    _refuse(resource, "identity_validation_expression", "it validates the identity by an expression")
    function = _FUNCTION.fullmatch(values.get("authorizer_uri") or "")
    if function is None:
        raise NotModelled(resource.address, f"its URI is {values.get('authorizer_uri')!r}")
    sources = [source.strip() for source in (values.get("identity_source") or "").split(",") if source.strip()]
    return Authorizer(
        name=values["name"],
        function_arn=function[1],
        identity_sources=tuple(_identity_source(resource, source) for source in sources),
    )


def _identity_source(resource: Resource, source: str) -> IdentitySource:
    for prefix, place in (
        ("method.request.header.", "header"),
        ("method.request.querystring.", "querystring"),
        ("stageVariables.", "stageVariables"),
        ("context.", "context"),
    ):
        if source.startswith(prefix):
            return IdentitySource(place, source.removeprefix(prefix))
    raise NotModelled(resource.address, f"its identity source is {source}")


def _integration(state: State, resource: Resource) -> Integration:
    values = resource.values
    kind = values["type"]
    if kind not in ("AWS", "MOCK"):
        raise NotModelled(resource.address, f"it is an integration of type {kind}")
    if (values.get("connection_type") or "INTERNET") != "INTERNET":
        raise NotModelled(resource.address, f"its connection is {values['connection_type']}")
    if kind == "MOCK":
        _check_mock(resource)
    return Integration(
        backend=_backend(resource) if kind == "AWS" else None,
        templates=dict(values.get("request_templates") or {}),
        responses=_responses(state, resource),
        passthrough=values.get("passthrough_behavior") or "WHEN_NO_MATCH",
        content_handling=values.get("content_handling") or None,
        timeout_seconds=(values.get("timeout_milliseconds") or 29000) / 1000,
    )


def _check_mock(resource: Resource) -> None:
    _refuse(resource, "request_parameters", "it maps request parameters")
    if not resource.values.get("request_templates"):
        raise NotModelled(resource.address, "it has no request template that names a status")


def _backend(resource: Resource) -> Queue | Function | Table:
    values = resource.values
    uri = values.get("uri") or ""
    if values.get("integration_http_method") != "POST":
        raise NotModelled(resource.address, f"its integration_http_method is {values.get('integration_http_method')}")
    parameters = dict(values.get("request_parameters") or {})
    if function := _FUNCTION.fullmatch(uri):
        if parameters:
            raise NotModelled(resource.address, "it maps request parameters to a function's invocation")
        return Function(function[1])
    if table := _TABLE.fullmatch(uri):
        if parameters:
            raise NotModelled(resource.address, "it maps request parameters to a call of DynamoDB")
        return Table(table[1])
    queue = _QUEUE.fullmatch(uri)
    if queue is None:
        raise NotModelled(resource.address, f"its backend is {uri!r}, no queue, no function and no query of a table")
    if parameters != {"integration.request.header.Content-Type": FORM}:
        raise NotModelled(resource.address, f"its request_parameters are not just the Content-Type {FORM}")
    return Queue(account_id=queue[1], name=queue[2])


def _responses(state: State, integration: Resource) -> tuple[IntegrationResponse, ...]:
    key = _method_key(integration)
    declared = {
        int(each.values["status_code"]): each.values.get("response_parameters") or {}
        for each in state.resources(PREFIX + "method_response")
        if _method_key(each) == key
    }
    found = [each for each in state.resources(PREFIX + "integration_response") if _method_key(each) == key]
    return tuple(_response(each, declared) for each in found)


def _response(resource: Resource, declared: Mapping[int, Values]) -> IntegrationResponse:
    values = resource.values
    status = int(values["status_code"])
    if status not in declared:
        raise NotModelled(resource.address, f"the method has no method_response for {status}, so AWS refuses it")
    headers = _headers(resource, "response_parameters", "method.response.header.")
    for name in headers:
        if f"method.response.header.{name}" not in declared[status]:
            raise NotModelled(
                resource.address, f"the method_response does not declare the header {name}, so AWS refuses it"
            )
    pattern = values.get("selection_pattern")
    return IntegrationResponse(
        status=status,
        pattern=re.compile(pattern) if pattern else None,
        templates=dict(values.get("response_templates") or {}),
        headers=headers,
        content_handling=values.get("content_handling") or None,
    )


def _headers(resource: Resource, attribute: str, prefix: str) -> dict[str, str]:
    """Header mappings as texts with variables: a quoted literal stays as it is, `context.x` becomes `$context.x`."""
    headers = {}
    for target, source in (resource.values.get(attribute) or {}).items():
        literal = len(source) >= 2 and source.startswith("'") and source.endswith("'") and "$" not in source
        if not target.startswith(prefix) or not (literal or _CONTEXT_MAPPING.fullmatch(source)):
            raise NotModelled(resource.address, f"it maps {source} to {target}")
        headers[target.removeprefix(prefix)] = source[1:-1] if literal else f"${source}"
    return headers


def _throttles(resources: Iterable[Resource]) -> dict[str, Throttle | None]:
    throttles: dict[str, Throttle | None] = {}
    for resource in resources:
        settings = (resource.values.get("settings") or [{}])[0]
        if settings.get("caching_enabled"):
            raise NotModelled(resource.address, "it caches")
        rate, burst = settings.get("throttling_rate_limit"), settings.get("throttling_burst_limit")
        unlimited = rate is None or rate < 0
        throttles[resource.values["method_path"].replace("~1", "/").removeprefix("/")] = (
            None if unlimited else Throttle(rate, ACCOUNT_BURST if burst is None or burst < 0 else burst)
        )
    return throttles


def _by_method(resources: Iterable[Resource]) -> dict[tuple[str, str], Resource]:
    return {_method_key(each): each for each in resources}


def _method_key(resource: Resource) -> tuple[str, str]:
    return resource.values["resource_id"], resource.values["http_method"]


def _refuse(resource: Resource, attribute: str, what: str) -> None:
    if resource.values.get(attribute):
        raise NotModelled(resource.address, what)
