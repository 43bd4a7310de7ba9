"""A stage's access log: one line per request, as the stage's format says.

API Gateway Developer Guide, "Set up CloudWatch logging for REST APIs" and "Variables for access logging". A variable
without a value is written as a dash.
"""

from collections.abc import Callable
from typing import Any

from webhookctl.local.gateway.exchange import Exchange
from webhookctl.local.gateway.model import Stage
from webhookctl.local.gateway.responses import Answer
from webhookctl.local.gateway.substitution import Substitution

OnAccess = Callable[[str], None]


class AccessLog:
    """Writes the line of a finished request to a callback; does nothing when the stage has no access log."""

    def __init__(self, stage: Stage, on_access: OnAccess | None) -> None:
        self._stage_variables = stage.variables
        self._format = Substitution(stage.access_log_format, missing="-") if stage.access_log_format else None
        self._on_access = on_access

    def write(self, exchange: Exchange, answer: Answer, latency_ms: int) -> None:
        """Write one request's line."""
        if self._format is not None and self._on_access is not None:
            self._on_access(self._format.write(_variables(exchange, answer, latency_ms), self._stage_variables))


def _variables(exchange: Exchange, answer: Answer, latency_ms: int) -> dict[str, Any]:
    context = exchange.context
    integration = {name: exchange.log.get(name) for name in ("status", "latency", "error")}
    return context | {
        "authorizer": context.get("authorizer", {}) | exchange.log.get("authorizer", {}),
        "integration": integration,
        "integrationErrorMessage": integration["error"],
        "integrationLatency": integration["latency"],
        "integrationStatus": integration["status"],
        "responseLatency": latency_ms,
        "responseLength": len(answer.body),
        "status": answer.status,
        "xrayTraceId": exchange.trace.root,
    }
