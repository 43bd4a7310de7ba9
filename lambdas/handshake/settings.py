"""The handshake's environment: field `queue_url` is the variable QUEUE_URL, and so on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from common.scheme import InvalidScheme, Scheme, load, presets
from handshake.challenge import KINDS, Kind


@dataclass(frozen=True, slots=True)
class Settings:
    """The deployed variables. `handshake` is in the preset's data, and no variable of its own."""

    source: str
    scheme: Scheme
    handshake: Kind
    tolerance_seconds: int
    secret_name: str
    queue_url: str
    success_status: int
    metrics_namespace: str


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises KeyError naming a missing variable, and ValueError for one that can't be read."""
    description = json.loads(environ["SCHEME"])
    return Settings(
        source=environ["SOURCE"],
        scheme=load(description),
        handshake=_handshake(description),
        tolerance_seconds=int(environ["TOLERANCE_SECONDS"]),
        secret_name=environ["SECRET_NAME"],
        queue_url=environ["QUEUE_URL"],
        success_status=int(environ["SUCCESS_STATUS"]),
        metrics_namespace=environ["METRICS_NAMESPACE"],
    )


def _handshake(description: object) -> Kind:
    # Of a preset alone: which texts may be answered depends on what the scheme signs.
    stated = presets()[description].get("handshake") if isinstance(description, str) else None
    for kind in KINDS:
        if stated == kind:
            return kind
    raise InvalidScheme(f"the scheme must be a preset whose handshake is one of {', '.join(map(repr, KINDS))}")
