"""The processor's environment: field `table_name` is the variable TABLE_NAME, and so on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from common.scheme import Scheme, load

DeduplicateBy = Literal["id", "body", "both"]
"""What makes two webhooks the same event: the sender's id, the exact bytes of the body, or either of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The deployed variables. `secret_name` is empty for an unsigned source."""

    source: str
    scheme: Scheme
    tolerance_seconds: int
    secret_name: str
    table_name: str
    event_retention_days: int
    metrics_namespace: str
    deduplicate_by: DeduplicateBy


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises KeyError naming a missing variable, and ValueError for one that can't be read."""
    return Settings(
        source=environ["SOURCE"],
        scheme=load(json.loads(environ["SCHEME"])),
        tolerance_seconds=int(environ["TOLERANCE_SECONDS"]),
        secret_name=environ["SECRET_NAME"],
        table_name=environ["TABLE_NAME"],
        event_retention_days=int(environ["EVENT_RETENTION_DAYS"]),
        metrics_namespace=environ["METRICS_NAMESPACE"],
        deduplicate_by=_deduplicate_by(environ["DEDUPLICATE_BY"]),
    )


def _deduplicate_by(text: str) -> DeduplicateBy:
    known = get_args(DeduplicateBy)
    if text not in known:
        raise ValueError(f"DEDUPLICATE_BY is {text!r}; known are {', '.join(known)}")
    return cast(DeduplicateBy, text)
