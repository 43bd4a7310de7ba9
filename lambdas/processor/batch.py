"""A batch of records, each on its own: one that fails is reported alone and comes back, the others are done."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.envelope import MalformedEnvelope, read_envelope
from processor.event import Result
from processor.fault import describe_fault
from processor.process import Lane, process
from processor.settings import DeduplicateBy

logger = logging.getLogger(__name__)

WRITE_MS = 4_000
"""How long a write to the table may take to fail (see the handler's client configuration)."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of the batch: results, and the message ids of the records to be tried again."""

    results: Sequence[Result]
    failed: Sequence[str]


def process_batch(records: Sequence[Mapping[str, Any]], lane: Lane, remaining_ms: Callable[[], int]) -> BatchResult:
    """Never raises for a record: what fails is logged and returned. The first is begun however little time is left."""
    reserved = reserved_ms(lane.settings.deduplicate_by)
    results: list[Result] = []
    failed: list[str] = []
    for position, record in enumerate(records):
        if position and remaining_ms() < reserved:
            logger.warning("out of time", extra={"source": lane.settings.source, "left": len(records) - position})
            failed += [left["messageId"] for left in records[position:]]
            break
        result = _attempt(record, lane)
        if result is None:
            failed.append(record["messageId"])
        else:
            results.append(result)
    return BatchResult(results, failed)


def reserved_ms(deduplicate_by: DeduplicateBy) -> int:
    """A record is not begun with less than this left: a time-out would make the whole batch come back.

    It takes two writes at most, the event's and a conflict's; a body's marker is one before them, and one to give back.
    """
    return WRITE_MS * (4 if deduplicate_by == "both" else 2)


def _attempt(record: Mapping[str, Any], lane: Lane) -> Result | None:
    source = lane.settings.source
    try:
        result = process(record, lane)
    except Exception as error:  # noqa: BLE001 - whatever it is, the message must come back and its neighbours go on
        fields = {"source": source, "message_id": record["messageId"], "webhook_request_id": _request_id(record)}
        logger.error("failed", extra=fields | describe_fault(error))  # noqa: TRY400
        return None
    logger.info(result.outcome.value, extra={"source": source} | _fields(result))
    return result


def _fields(result: Result) -> dict[str, str]:
    fields = {
        "outcome": result.outcome.value,
        "event_id": result.event_id,
        "message_id": result.message_id,
        "webhook_request_id": result.request_id,
        "key_id": result.key_id,
        "reason": result.reason.value if result.reason else "",
    }
    return {name: value for name, value in fields.items() if value}


def _request_id(record: Mapping[str, Any]) -> str:
    try:
        return read_envelope(record["body"]).request_id
    except (MalformedEnvelope, TypeError):
        return ""
