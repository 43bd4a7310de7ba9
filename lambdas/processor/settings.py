"""The processor's environment: field `table_name` is the variable TABLE_NAME, and so on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from common.scheme import Scheme, load
from processor.schedule import Schedule, read_schedule

DeduplicateBy = Literal["id", "body", "both"]
"""What makes two webhooks the same event: the sender's id, the exact bytes of the body, or either of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The deployed variables. `secret_name` is empty for an unsigned source.

    `effect` is what `processor.effects.load_effect` takes, and with `retry` None for a lane that only stores.
    """

    source: str
    scheme: Scheme
    tolerance_seconds: int
    secret_name: str
    table_name: str
    event_retention_days: int
    metrics_namespace: str
    deduplicate_by: DeduplicateBy
    effect: Mapping[str, Any] | None
    retry: Schedule | None
    queue_url: str
    dead_letter_queue_url: str
    queue_retention_seconds: int
    receipts: bool


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
        effect=json.loads(environ["EFFECT"]),
        retry=_retry(json.loads(environ["RETRY"])),
        queue_url=environ["QUEUE_URL"],
        dead_letter_queue_url=environ["DEAD_LETTER_QUEUE_URL"],
        queue_retention_seconds=int(environ["QUEUE_RETENTION_SECONDS"]),
        receipts=json.loads(environ["RECEIPTS"]),
    )


def _retry(fields: Mapping[str, Any] | None) -> Schedule | None:
    return None if fields is None else read_schedule(fields)


def _deduplicate_by(text: str) -> DeduplicateBy:
    known = get_args(DeduplicateBy)
    if text not in known:
        raise ValueError(f"DEDUPLICATE_BY is {text!r}; known are {', '.join(known)}")
    return cast(DeduplicateBy, text)
