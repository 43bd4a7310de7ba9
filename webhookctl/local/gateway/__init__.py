"""API Gateway's REST data plane for the local stack.

What is modelled, and taken from where, stands beside each part; whatever is not modelled is refused when the gateway is
built.
"""

from webhookctl.local.gateway.authorizer import Invoke
from webhookctl.local.gateway.errors import GatewayError, NotModelled
from webhookctl.local.gateway.integration import Ask, Send
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
from webhookctl.local.gateway.server import SERVER_OPTIONS, Gateway

__all__ = [
    "SERVER_OPTIONS",
    "Api",
    "Ask",
    "Authorizer",
    "Function",
    "Gateway",
    "GatewayError",
    "GatewayResponse",
    "IdentitySource",
    "Integration",
    "IntegrationResponse",
    "Invoke",
    "NotModelled",
    "Queue",
    "Route",
    "Send",
    "Stage",
    "Table",
    "Throttle",
]
