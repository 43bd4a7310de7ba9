"""What API Gateway answers by itself: its gateway responses, standard and customised.

API Gateway Developer Guide, "Gateway response types for API Gateway" and "Gateway responses in API Gateway".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from webhookctl.local.gateway.errors import Refused
from webhookctl.local.gateway.exchange import Exchange
from webhookctl.local.gateway.media_type import JSON, chosen_or_default, essence
from webhookctl.local.gateway.model import Api, GatewayResponse
from webhookctl.local.gateway.substitution import Substitution


@dataclass(frozen=True, slots=True)
class Standard:
    """A response type as it is without customisation; `error_type` is in the header x-amzn-ErrorType."""

    status: int
    error_type: str
    body: str = '{"message":$context.error.messageString}'
    customisable: bool = True


# Only the refusal by a policy has its message under a capital letter.
_DENIED_BODY = '{"Message":$context.error.messageString}'

STANDARD: Mapping[str, Standard] = {
    "ACCESS_DENIED": Standard(403, "AccessDeniedException", _DENIED_BODY),
    "API_CONFIGURATION_ERROR": Standard(500, "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": Standard(500, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": Standard(500, "AuthorizerConfigurationException"),
    "DEFAULT_4XX": Standard(400, "BadRequestException"),
    "DEFAULT_5XX": Standard(500, "InternalServerErrorException"),
    "INVALID_SIGNATURE": Standard(403, "InvalidSignatureException"),
    # Documented, and shown by the API, as 504; what is answered is 500 (localstack/localstack pull request 11183).
    "INTEGRATION_FAILURE": Standard(500, "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": Standard(504, "InternalServerErrorException"),
    "MISSING_AUTHENTICATION_TOKEN": Standard(403, "MissingAuthenticationTokenException"),
    "THROTTLED": Standard(429, "TooManyRequestsException"),
    "UNAUTHORIZED": Standard(401, "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": Standard(415, "UnsupportedMediaTypeException"),
    # Answered before the API is known, so nothing of the API changes them. The header limit's own status is not
    # documented.
    "FORBIDDEN": Standard(403, "ForbiddenException", customisable=False),
    "HEADERS_TOO_LARGE": Standard(431, "RequestHeaderFieldsTooLargeException", customisable=False),
    "REQUEST_TOO_LARGE": Standard(413, "RequestTooLargeException", customisable=False),
}
# Types that an API may customise though this gateway never gives them.
CUSTOMISABLE = {kind for kind, standard in STANDARD.items() if standard.customisable} | {
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "EXPIRED_TOKEN",
    "INVALID_API_KEY",
    "QUOTA_EXCEEDED",
    "RESOURCE_NOT_FOUND",
    "WAF_FILTERED",
}


class Answer(NamedTuple):
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Prepared:
    status: int
    bodies: Mapping[str, Substitution]
    headers: Mapping[str, Substitution]
    error_type: str


class GatewayResponses:
    """All gateway responses of an API, their texts taken apart once."""

    def __init__(self, api: Api) -> None:
        self._stage_variables = api.stage.variables
        self._prepared = {kind: _prepare(kind, standard, api.gateway_responses) for kind, standard in STANDARD.items()}

    def answer(self, exchange: Exchange, refused: Refused) -> Answer:
        """The response for a refused request; sets `$context.error` on the way."""
        prepared = self._prepared[refused.kind]
        exchange.context["error"] = {
            "message": refused.message,
            "messageString": json.dumps(refused.message),
            "responseType": refused.kind,
        }
        found = chosen_or_default(prepared.bodies, essence(exchange.headers.find("Accept")))
        content_type, body = found or (JSON, Substitution(""))
        return Answer(
            status=prepared.status,
            body=self._write(body, exchange.context).encode(),
            content_type=content_type,
            headers={"x-amzn-ErrorType": prepared.error_type}
            | {name: self._write(value, exchange.context) for name, value in prepared.headers.items()},
        )

    def _write(self, text: Substitution, context: Mapping[str, Any]) -> str:
        return text.write(context, self._stage_variables)


def _prepare(kind: str, standard: Standard, customised: Mapping[str, GatewayResponse]) -> _Prepared:
    default_kind = "DEFAULT_5XX" if standard.status >= 500 else "DEFAULT_4XX"
    custom = customised.get(kind) or customised.get(default_kind) or GatewayResponse()
    if not standard.customisable:
        custom = GatewayResponse()
    return _Prepared(
        status=custom.status or standard.status,
        bodies={name: Substitution(text) for name, text in (custom.templates or {JSON: standard.body}).items()},
        headers={name: Substitution(text) for name, text in custom.headers.items()},
        error_type=standard.error_type,
    )
