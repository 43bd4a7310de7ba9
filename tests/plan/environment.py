"""What the tests ask of a planned environment, whatever its sources are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.plan.plan import Plan

PROCESSOR = "module.webhook.module.processor"
INGESTION = "module.webhook.module.ingestion"


def sources(plan: Plan) -> set[str]:
    """The names of the environment's sources."""
    return set(plan.outputs["sources"])


def variables(function: Mapping[str, Any]) -> dict[str, str]:
    """A function's environment variables."""
    told: dict[str, str] = function["environment"][0]["variables"]
    return told


def signature_header(scheme: Any, presets: Path) -> str | None:
    """Where the sender of this scheme, as a Lambda is told it, puts its signature."""
    data = json.loads(presets.read_text(encoding="utf-8"))[scheme] if isinstance(scheme, str) else scheme
    return data["signature"]["header"] if "signature" in data else None
