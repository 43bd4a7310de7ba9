"""A deployed REST API as the data plane needs it: plain values, no behaviour, no Terraform.

`state_reader` builds these from an applied state; a test may write them by hand.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from webhookctl.local.gateway.policy import Policy

CONVERT_TO_TEXT = "CONVERT_TO_TEXT"
CONVERT_TO_BINARY = "CONVERT_TO_BINARY"


@dataclass(frozen=True, slots=True)
class IdentitySource:
    """One part of an authorizer's identity source, e.g. place "header", name "X-Hub-Signature-256"."""

    place: str
    name: str


@dataclass(frozen=True, slots=True)
class Authorizer:
    """A Lambda authorizer of type REQUEST whose results are not cached."""

    name: str
    function_arn: str
    identity_sources: tuple[IdentitySource, ...]


@dataclass(frozen=True, slots=True)
class IntegrationResponse:
    """What becomes of a backend's answer; a `pattern` of None is the default response."""

    status: int
    pattern: re.Pattern[str] | None = None
    templates: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content_handling: str | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """The SQS queue an integration's URI names."""

    account_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """The Lambda function an integration's URI names."""

    arn: str


@dataclass(frozen=True, slots=True)
class Table:
    """The DynamoDB operation an integration's URI names; the request says which table."""

    operation: str


@dataclass(frozen=True, slots=True)
class Integration:
    """An integration of type AWS with one backend, or of type MOCK when `backend` is None."""

    backend: Queue | Function | Table | None
    templates: Mapping[str, str]
    responses: tuple[IntegrationResponse, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    passthrough: str = "WHEN_NO_MATCH"
    content_handling: str | None = None
    timeout_seconds: float = 29.0


@dataclass(frozen=True, slots=True)
class Throttle:
    """A method's token bucket: tokens a second, and how many it holds at most."""

    rate_per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one resource. With `iam` its callers must be known to AWS, and let in by their own policies."""

    path: str
    method: str
    integration: Integration
    authorizer: Authorizer | None = None
    iam: bool = False
    throttle: Throttle | None = None
    resource_id: str = "resource"


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """A customised gateway response; a status of None keeps the standard one."""

    status: int | None = None
    templates: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """The deployed stage: its name is the first segment of every request's path."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    access_log_format: str | None = None
    tracing: bool = False
    deployment_id: str = "deployment"


@dataclass(frozen=True, slots=True)
class Api:
    """A REST API as one deployment of it serves requests."""

    id: str
    region: str
    account_id: str
    stage: Stage
    routes: tuple[Route, ...]
    binary_media_types: tuple[str, ...] = ()
    policy: Policy | None = None
    gateway_responses: Mapping[str, GatewayResponse] = field(default_factory=dict)

    @property
    def execution_arn(self) -> str:
        """What every method ARN of this API starts with."""
        return f"arn:aws:execute-api:{self.region}:{self.account_id}:{self.id}"
