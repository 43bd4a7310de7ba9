"""Lambda authorizers of type REQUEST: their event, and what API Gateway makes of their answer.

API Gateway Developer Guide, "Input to an API Gateway Lambda authorizer", "Output from an API Gateway Lambda
authorizer"; the gateway responses are in "Gateway response types".
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from webhookctl.local.function_error import FunctionError
from webhookctl.local.gateway.errors import Refused
from webhookctl.local.gateway.exchange import Exchange
from webhookctl.local.gateway.model import Api, Authorizer, IdentitySource, Route
from webhookctl.local.gateway.policy import MalformedPolicy, Policy, parse_policy

Invoke = Callable[[str, Mapping[str, Any], str | None], Awaitable[Any]]

UNAUTHORIZED = "Unauthorized"


class Authorization(NamedTuple):
    """An authorizer's answer: who it is, what they may do, and values for `$context.authorizer`, stringified."""

    policy: Policy
    context: Mapping[str, str]


async def authorize(
    authorizer: Authorizer, api: Api, route: Route, exchange: Exchange, invoke: Invoke
) -> Authorization:
    """Ask the authorizer. Raises Refused when an identity source is missing or empty, or the function fails."""
    if not all(_identity(source, api, exchange) for source in authorizer.identity_sources):
        raise Refused("UNAUTHORIZED", UNAUTHORIZED)
    trace_header = exchange.trace.header if api.stage.tracing else None
    try:
        answer = await invoke(authorizer.function_arn, request_event(api, route, exchange), trace_header)
    except FunctionError as error:
        if error.error_message == UNAUTHORIZED:
            raise Refused("UNAUTHORIZED", UNAUTHORIZED) from error
        raise Refused("AUTHORIZER_FAILURE", None) from error
    return read_answer(answer)


def method_arn(api: Api, exchange: Exchange) -> str:
    """The ARN of what is asked for: the path as requested, below the stage."""
    return f"{api.execution_arn}/{api.stage.name}/{exchange.method}{exchange.path}"


def request_event(api: Api, route: Route, exchange: Exchange) -> dict[str, Any]:
    """The event of a REQUEST authorizer: everything of the request but its body. Empty maps are null."""
    query = exchange.query_parameters
    return {
        "type": "REQUEST",
        "methodArn": method_arn(api, exchange),
        "resource": route.path,
        "path": exchange.path,
        "httpMethod": exchange.method,
        "headers": exchange.headers.single,
        "multiValueHeaders": exchange.headers.multi,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(exchange.path_parameters) or None,
        "stageVariables": dict(api.stage.variables) or None,
        "requestContext": dict(exchange.context),
    }


def read_answer(answer: object) -> Authorization:
    """Check an authorizer's answer. Raises Refused(AUTHORIZER_CONFIGURATION_ERROR) for anything that is not one."""
    if not isinstance(answer, Mapping):
        raise _malformed("it is not an object")
    principal = answer.get("principalId")
    if not isinstance(principal, str) or not principal:
        raise _malformed("it has no principalId")
    try:
        policy = parse_policy(answer.get("policyDocument"))
    except MalformedPolicy as error:
        raise _malformed(str(error)) from error
    return Authorization(policy, {**_context(answer.get("context")), "principalId": principal})


def _malformed(why: str) -> Refused:
    refused = Refused("AUTHORIZER_CONFIGURATION_ERROR", None)
    refused.add_note(f"the authorizer's answer is malformed: {why}")
    return refused


def _context(context: object) -> dict[str, str]:
    if context is None:
        return {}
    if not isinstance(context, Mapping) or not all(isinstance(value, str | int | float) for value in context.values()):
        raise _malformed("its context holds something else than texts, numbers and booleans")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in context.items()}


def _identity(source: IdentitySource, api: Api, exchange: Exchange) -> str | None:
    match source.place:
        case "header":
            return exchange.headers.find(source.name)
        case "querystring":
            return next(iter(exchange.query_parameters.get(source.name, ())), None)
        case "stageVariables":
            return api.stage.variables.get(source.name)
        case _:
            value: Any = exchange.context
            for name in source.name.split("."):
                value = value.get(name) if isinstance(value, Mapping) else None
            return None if value is None else str(value)
