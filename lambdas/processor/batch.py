"""A batch of records, each on its own: one that fails is reported alone and comes back, the others are done."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from common.envelope import MalformedEnvelope, read_envelope
from processor.batch_insert import Fate, OutOfTime, insert_batch, is_inserted
from processor.event import Result
from processor.fault import describe_fault
from processor.process import Lane, process
from processor.queue import Record
from processor.settings import DeduplicateBy

logger = logging.getLogger(__name__)

WRITE_MS = 4_000
"""How long a write to the table may take to fail (see the handler's client configuration)."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of the batch: results, the message ids of the records that come back, and how many of these met a
    fault of ours.
    """

    results: Sequence[Result]
    returned: Sequence[str]
    faults: int


class _Batch:
    """The records of one call, and what is to be known of those before the next one."""

    def __init__(self, lane: Lane, remaining_ms: Callable[[], int]) -> None:
        self._lane = lane
        self._remaining_ms = remaining_ms
        self._longest_attempt_ms = 0
        self._blocked: set[str] = set()
        self.results: list[Result] = []
        self.returned: list[str] = []
        self.faults = 0

    def run(self, records: Sequence[Record]) -> None:
        for position, record in enumerate(records):
            if position and self._remaining_ms() < self._reserved_ms():
                self._leave(records[position:])
                return
            group = record["attributes"].get("MessageGroupId", "")
            if group in self._blocked:
                self._give_back(record)
            elif not self._keep(record, self._attempt(record)) and group:
                self._blocked.add(group)  # a later one must not overtake it

    def insert(self, records: Sequence[Record]) -> None:
        left = []
        fates = insert_batch(records, self._lane, self._remaining_ms, self._reserved_ms())
        for record, fate in zip(records, fates, strict=True):
            if isinstance(fate, OutOfTime):
                left.append(record)
            else:
                self._keep(record, fate)
        if left:
            self._leave(left)

    def _attempt(self, record: Record) -> Fate:
        try:
            return process(record, self._lane, self._remaining_ms)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message must come back and its neighbours go on
            return error

    def _keep(self, record: Record, fate: Fate) -> bool:
        """Takes note of what became of a record. Whether its message may be deleted."""
        source = self._lane.settings.source
        if isinstance(fate, Exception):
            fields = {"source": source, "message_id": record["messageId"], "webhook_request_id": _request_id(record)}
            logger.error("failed", extra=fields | describe_fault(fate))
            self.faults += 1
            self.returned.append(record["messageId"])
            return False
        _log(fate.outcome.value, {**_fields(fate), "source": source})
        self.results.append(fate)
        self._longest_attempt_ms = max(self._longest_attempt_ms, fate.attempt_ms)
        if fate.outcome.comes_back:
            self.returned.append(record["messageId"])
        return not fate.outcome.comes_back

    def _leave(self, records: Sequence[Record]) -> None:
        logger.warning("out of time", extra={"source": self._lane.settings.source, "left": len(records)})
        for record in records:
            self._give_back(record)

    def _give_back(self, record: Record) -> None:
        """Unbegun, so that it may be received again at once."""
        self.returned.append(record["messageId"])
        if self._lane.effect is not None:
            self._lane.effect.queue.hide(record, 0)

    def _reserved_ms(self) -> int:
        effect_ms = 0 if self._lane.effect is None else self._longest_attempt_ms + WRITE_MS
        return reserved_ms(self._lane.settings.deduplicate_by) + effect_ms


def process_batch(records: Sequence[Record], lane: Lane, remaining_ms: Callable[[], int]) -> BatchResult:
    """Never raises for a record: what fails is logged and returned. The first is begun however little time is left."""
    batch = _Batch(lane, remaining_ms)
    if is_inserted(records, lane):
        batch.insert(records)
    else:
        batch.run(records)
    return BatchResult(batch.results, batch.returned, batch.faults)


def reserved_ms(deduplicate_by: DeduplicateBy) -> int:
    """A record is not begun with less than this left: a time-out would make the whole batch come back.

    It takes two writes at most, the event's and a conflict's; a body's marker is one before them, and one to give back.
    Of many inserted at once it is the insert and the read after it. An effect takes as long as the longest of this
    batch did, and a write that keeps its outcome.
    """
    return WRITE_MS * (4 if deduplicate_by == "both" else 2)


def _log(message: str, fields: Mapping[str, str | int]) -> None:
    """As `logger.info` does, but without looking for the line of code that calls it: no line of the log has that."""
    if logger.isEnabledFor(logging.INFO):
        logger.handle(logger.makeRecord(logger.name, logging.INFO, "", 0, message, (), None, extra=fields))


def _fields(result: Result) -> dict[str, str | int]:
    fields = {
        "outcome": result.outcome.value,
        "event_id": result.event_id,
        "message_id": result.message_id,
        "webhook_request_id": result.request_id,
        "key_id": result.key_id,
        "reason": result.reason.value if result.reason else "",
        "attempt": result.attempt,
        "attempt_ms": result.attempt_ms,
        "effect_error": result.error,
    }
    return {name: value for name, value in fields.items() if value}


def _request_id(record: Record) -> str:
    try:
        return read_envelope(record["body"]).request_id
    except (MalformedEnvelope, TypeError):
        return ""
