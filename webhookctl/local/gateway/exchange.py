"""One request on its way through the gateway, and what is known of it so far."""

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from webhookctl.local.gateway.headers import Headers
from webhookctl.local.gateway.model import Api, Route
from webhookctl.local.gateway.tracing import Trace
from webhookctl.local.identifier import new_uuid

# The names of `$context.identity`, for a request that is not signed with credentials of AWS.
_NOBODY: dict[str, str | None] = {
    "cognitoIdentityPoolId": None,
    "accountId": None,
    "cognitoIdentityId": None,
    "caller": None,
    "sourceIp": None,
    "principalOrgId": None,
    "accessKey": None,
    "cognitoAuthenticationType": None,
    "cognitoAuthenticationProvider": None,
    "userArn": None,
    "userAgent": None,
    "user": None,
}


@dataclass(slots=True)
class Exchange:
    """A request as read from the wire, and the `$context` variables that follow from it.

    `path` is the request's path below the stage, as it was sent. `context` holds API Gateway's context variables under
    their documented names (API Gateway Developer Guide, "Variables for data transformations", `$context`).
    """

    method: str
    path: str
    query: str
    headers: Headers
    source_ip: str
    trace: Trace
    context: dict[str, Any]
    body: bytes = b""
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)

    @property
    def query_parameters(self) -> dict[str, list[str]]:
        """The query string, decoded. API Gateway takes `;` for a separator too (Developer Guide, "important notes")."""
        found: dict[str, list[str]] = {}
        for pair in self.query.replace(";", "&").split("&"):
            if pair:
                name, _, value = pair.partition("=")
                found.setdefault(unquote_plus(name), []).append(unquote_plus(value))
        return found

    def take_route(self, route: Route, path_parameters: Mapping[str, str]) -> None:
        """Note which route the request takes."""
        self.path_parameters = path_parameters
        self.context["resourceId"] = route.resource_id
        self.context["resourcePath"] = route.path


def first_context(
    api: Api, *, method: str, full_path: str, protocol: str, headers: Headers, source_ip: str, now: float
) -> dict[str, Any]:
    """The context variables that are known before anything has run.

    `domainName` is what the Host header says, and `path` is as it was sent, with the stage (API Gateway Developer
    Guide, "Variables for data transformations"). `https://<domainName><path>` is therefore the URL that the sender
    called, without its query; only here is it plain HTTP, on a `domainName` with a port.
    """
    domain = headers.find("Host") or ""
    return {
        "accountId": api.account_id,
        "apiId": api.id,
        "deploymentId": api.stage.deployment_id,
        "domainName": domain,
        "domainPrefix": domain.split(".", 1)[0].split(":", 1)[0],
        "extendedRequestId": _extended_request_id(),
        "httpMethod": method,
        "identity": _NOBODY | {"sourceIp": source_ip, "userAgent": headers.find("User-Agent")},
        "path": full_path,
        "protocol": protocol,
        # A client may set it; the extended one it may not (API Gateway Developer Guide, `$context.requestId`).
        "requestId": headers.find("x-amzn-requestid") or new_uuid(),
        "requestTime": _request_time(int(now)),
        "requestTimeEpoch": int(now * 1000),
        "stage": api.stage.name,
    }


def _extended_request_id() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()


@lru_cache(maxsize=4)
def _request_time(epoch_seconds: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(epoch_seconds))
