"""The authorizer's entry point: event to request, decision to policy, one metric line for each."""

# ruff: noqa: E402 - garbage is not looked for while modules are loaded, which leave hardly any
import gc

gc.disable()

import os
import re
import sys
import time
from functools import partial
from typing import Any

from authorizer.decision import Allowed, Arrival, Denied, decide
from authorizer.settings import read_settings
from common.headers import gather_values
from common.keyring import KeyRing
from common.metrics import metric_line

settings = read_settings(os.environ)

_TRACE_HEADER = re.compile(r"[A-Za-z0-9=;:\-]{1,512}")


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answers a REQUEST authorizer event with a policy. What can't be decided through a fault of ours raises: a 500.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
    """
    context = event["requestContext"]
    arrival = Arrival(
        source=event["resource"].rpartition("/")[2],
        # `headers` has only one of the values of a repeated header.
        headers=gather_values(event.get("multiValueHeaders") or {}),
        # With the stage in it, or a custom domain's base path: as the sender wrote it.
        url=f"https://{context.get('domainName', '')}{context.get('path', '')}",
        query=event.get("multiValueQueryStringParameters") or {},
        received_at=(context.get("requestTimeEpoch") or time.time() * 1000) / 1000,
    )
    decision = decide(arrival, settings.sources, lambda source: keyrings[source.name])
    _measure(arrival, decision, context.get("extendedRequestId"))
    return _policy(event["methodArn"], arrival.source, decision)


def _policy(method_arn: str, source: str, decision: Allowed | Denied) -> dict[str, Any]:
    # Denied in so many words: an answer that merely allows nothing would let the request in where the API's resource
    # policy allows it.
    if isinstance(decision, Allowed):
        effect, context = "Allow", _context_of(decision)
    else:
        effect, context = "Deny", {"reason": decision.reason.value}
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": method_arn}
    return {
        "principalId": source,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }


def _context_of(allowed: Allowed) -> dict[str, str]:
    context = {"head": allowed.head}
    if allowed.group:
        context["group"] = allowed.group
    if allowed.deduplication_id:
        context["deduplication_id"] = allowed.deduplication_id
    # Lambda's own trace header of this invocation, not the request's: a sender must not choose what SQS is given.
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    if trace and _TRACE_HEADER.fullmatch(trace):
        context["trace"] = trace
    return context


def _measure(arrival: Arrival, decision: Allowed | Denied, request_id: str | None) -> None:
    dimensions = {"source": arrival.source}
    if isinstance(decision, Denied):
        dimensions["reason"] = decision.reason.value
    name = "Accepted" if isinstance(decision, Allowed) else "Refused"
    at_ms = int(arrival.received_at * 1000)
    line = metric_line(settings.metrics_namespace, at_ms, dimensions, {name: 1}, {"request_id": request_id})
    sys.stdout.write(line + "\n")  # at once: Lambda's runtime flushes after each write, and `print` makes two


def _keyrings() -> dict[str, KeyRing]:
    """Empty ones, by source: what is read before a snapshot is taken would be old after it."""
    named = {name: source.scheme for name, source in settings.sources.items() if source.scheme.verified_at_edge}
    if not named:
        return {}
    # Half of the start is what HTTPS takes. It is for the sources whose keys are needed here.
    from authorizer.secrets_manager import SecretsManager

    live_versions = SecretsManager(os.environ).live_versions
    return {
        name: KeyRing(partial(live_versions, settings.secret_prefix + name), scheme.key_encoding)
        for name, scheme in named.items()
    }


keyrings = _keyrings()

gc.freeze()  # what is loaded stays; without this it would all be looked at once, in the first call
gc.enable()
