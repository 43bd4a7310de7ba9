"""What the tests ask of a planned environment, whatever its sources are."""

import base64
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.plan.plan import Plan

PROCESSOR = "module.webhook.module.processor"
INGESTION = "module.webhook.module.ingestion"
AUTHORIZER = f"{INGESTION}.module.authorizer"
HANDSHAKE = f"{INGESTION}.module.handshake"


def sources(plan: Plan) -> set[str]:
    """The names of the environment's sources."""
    return set(plan.outputs["sources"])


def variables(function: Mapping[str, Any]) -> dict[str, str]:
    """A function's environment variables."""
    told: dict[str, str] = function["environment"][0]["variables"]
    return told


def told_sources(plan: Plan) -> dict[str, dict[str, Any]]:
    """What the authorizer is told of each source."""
    (authorizer,) = plan.resources("aws_lambda_function", module=AUTHORIZER)
    told: dict[str, dict[str, Any]] = json.loads(
        gzip.decompress(base64.b64decode(variables(authorizer.values)["SOURCES"]))
    )
    return told


def signature_header(scheme: Any, presets: Path) -> str | None:
    """Where the sender of this scheme, as a Lambda is told it, puts its signature; None if not in just one header."""
    data = json.loads(presets.read_text(encoding="utf-8"))[scheme] if isinstance(scheme, str) else scheme
    header: str | None = data.get("signature", {}).get("header")
    return header
