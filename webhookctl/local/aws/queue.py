"""One queue of Amazon SQS, standard or FIFO, in memory: each call takes the same time however many messages wait.

Amazon SQS Developer Guide: "Amazon SQS visibility timeout", "delay queues", "Using dead-letter queues", "short and long
polling", quotas ("Amazon SQS message quotas": about 120,000 in flight, beyond which a short poll fails and a long poll
returns nothing; a FIFO queue returns nothing either way). What a FIFO queue does otherwise is in `message_groups` and
`deduplication`.
"""

import asyncio
import hashlib
import heapq
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from webhookctl.local.aws.deduplication import Deduplication, Sent
from webhookctl.local.aws.errors import SqsError
from webhookctl.local.aws.message import (
    TRACE_HEADER,
    Entry,
    Message,
    MessageAttributes,
    check_attributes,
    check_body,
    check_identifier,
    check_system_attributes,
    parse_receipt_handle,
    size_bytes,
)
from webhookctl.local.aws.message_groups import MessageGroups
from webhookctl.local.aws.waiting import Line, Waiting
from webhookctl.local.identifier import new_uuid

MAX_IN_FLIGHT = 120_000
MAX_RECEIVED = 10
MAX_WAIT_SECONDS = 20
MAX_DELAY_SECONDS = 900
MAX_VISIBILITY_SECONDS = 43_200
SENDER_ID = "AIDALOCALSTACK"

DEFAULT_ATTRIBUTES = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
FIFO_SUFFIX = ".fifo"
FIFO_ATTRIBUTES = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
# What the first two attributes may be together: only with a scope of its own is a group fast on its own.
THROUGHPUT_LIMITS = {"queue": ("perQueue",), "messageGroup": ("perQueue", "perMessageGroupId")}


class Counts(NamedTuple):
    """How many messages a queue holds: to be received now, received and not yet deleted, not yet due at all."""

    visible: int
    in_flight: int
    delayed: int


@dataclass(frozen=True)
class Settings:
    """The attributes of a queue that its behaviour follows from, read from the API's strings."""

    visibility_timeout_seconds: int
    max_message_bytes: int
    retention_seconds: int
    delay_seconds: int
    wait_seconds: int
    dead_letter_arn: str
    max_receive_count: int
    deduplicates_by_content: bool
    deduplicates_by_group: bool

    @classmethod
    def parse(cls, attributes: Mapping[str, str]) -> "Settings":
        """Read CreateQueue's attributes. Raises SqsError(InvalidAttributeValue)."""
        try:
            redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
            return cls(
                visibility_timeout_seconds=int(attributes["VisibilityTimeout"]),
                max_message_bytes=int(attributes["MaximumMessageSize"]),
                retention_seconds=int(attributes["MessageRetentionPeriod"]),
                delay_seconds=int(attributes["DelaySeconds"]),
                wait_seconds=int(attributes["ReceiveMessageWaitTimeSeconds"]),
                dead_letter_arn=redrive.get("deadLetterTargetArn", ""),
                max_receive_count=int(redrive.get("maxReceiveCount", 0)),
                deduplicates_by_content=attributes.get("ContentBasedDeduplication") == "true",
                deduplicates_by_group=attributes.get("DeduplicationScope") == "messageGroup",
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise SqsError("InvalidAttributeValue", f"Invalid value for a queue attribute: {error}.") from error


@dataclass
class _Waiter:
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.event.set)


class Queue:
    """A queue, for any thread and any event loop: every call holds `lock`, which all queues share.

    It is a FIFO queue when its name ends in `.fifo`. `find` gives a queue by its ARN (the dead-letter queue), `clock`
    the time in seconds since 1970.
    """

    def __init__(
        self,
        arn: str,
        attributes: Mapping[str, str],
        *,
        lock: threading.RLock,
        find: Callable[[str], "Queue | None"],
        clock: Callable[[], float],
    ) -> None:
        _, _, _, self.region, self.account_id, self.name = arn.split(":")
        self.arn = arn
        self.url = f"https://sqs.{self.region}.amazonaws.com/{self.account_id}/{self.name}"
        self.is_fifo = self.name.endswith(FIFO_SUFFIX)
        self.tags: dict[str, str] = {}
        self._lock = lock
        self._find = find
        self._clock = clock
        self._created = self._modified = int(clock())
        self._defaults = DEFAULT_ATTRIBUTES | (FIFO_ATTRIBUTES if self.is_fifo else {})
        self._attributes: dict[str, str] = {}
        self._settings = self._set(attributes)
        # In order of arrival, so that what has been kept for too long is at the front. An OrderedDict takes from its
        # front in constant time, a dict does not.
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._waiting: Waiting = MessageGroups() if self.is_fifo else Line()
        self._deduplication = Deduplication()
        self._arrived = 0
        self._last_due = 0.0
        self._later: list[tuple[float, int, int, Entry]] = []
        self._scheduled = 0
        self._in_flight = 0
        self._delayed = 0
        self._waiters: list[_Waiter] = []

    @property
    def settings(self) -> Settings:
        """What the queue's behaviour follows from now."""
        return self._settings

    def send(
        self,
        body: str,
        message_attributes: MessageAttributes | None = None,
        system_attributes: MessageAttributes | None = None,
        *,
        delay_seconds: int | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
    ) -> Sent:
        """Keep a message. Raises SqsError as SendMessage does; a refused message is nowhere.

        A duplicate in a FIFO queue is not kept, and answered as the first one was.
        """
        message_attributes, system_attributes = message_attributes or {}, system_attributes or {}
        check_body(body)
        check_attributes(message_attributes)
        check_system_attributes(system_attributes)
        limit = self._settings.max_message_bytes
        if size_bytes(body, message_attributes) > limit:
            raise SqsError(
                "InvalidParameterValue",
                f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.",
            )
        deduplication_id = self._deduplication_id(body, deduplication_id)
        now = self._clock()
        entry = Entry(
            new_uuid(),
            body,
            hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
            dict(message_attributes),
            str(system_attributes.get(TRACE_HEADER, {}).get("StringValue", "")),
            sent=now,
            group_id=self._group_id(group_id),
            deduplication_id=deduplication_id,
        )
        delay = self._delay(delay_seconds)
        with self._lock:
            key = (entry.group_id if self._settings.deduplicates_by_group else "", deduplication_id)
            if deduplication_id and (first := self._deduplication.first(key, now)):
                return first._replace(md5_of_body=entry.md5_of_body)
            self._enter(entry)
            sent = Sent(entry.message_id, entry.md5_of_body, entry.sequence_number)
            if deduplication_id:
                self._deduplication.remember(key, sent, now)
            if delay:
                # With a delay that was shortened meanwhile, none may overtake what was sent to a FIFO queue before.
                self._last_due = max(now + delay, self._last_due if self.is_fifo else 0)
                self._schedule(entry, self._last_due, "delayed")
            else:
                self._show(entry)
        return sent

    async def receive(
        self, max_messages: int = 1, wait_seconds: int | None = None, visibility_timeout_seconds: int | None = None
    ) -> list[Message]:
        """Up to `max_messages` messages, hidden for the visibility time-out; waits up to `wait_seconds` for the first.

        Cancelling it loses nothing: a message is taken only in the step that returns it.
        """
        wait = self._settings.wait_seconds if wait_seconds is None else wait_seconds
        _check_range("WaitTimeSeconds", wait, 0, MAX_WAIT_SECONDS)
        deadline = self._clock() + wait
        while True:
            with self._lock:
                messages = self.receive_now(max_messages, visibility_timeout_seconds, long_poll=wait > 0)
                now = self._clock()
                if messages or now >= deadline:
                    return messages
                waiter = _Waiter()
                self._waiters.append(waiter)
                pause = min([deadline, *(due for due, *_ in self._later[:1])]) - now
            try:
                async with asyncio.timeout(pause):
                    await waiter.event.wait()
            except TimeoutError:
                pass
            finally:
                self._forget(waiter)

    def receive_now(
        self, max_messages: int = 1, visibility_timeout_seconds: int | None = None, *, long_poll: bool = False
    ) -> list[Message]:
        """Up to `max_messages` visible messages; what was received too often goes to the dead-letter queue instead."""
        _check_range("MaxNumberOfMessages", max_messages, 1, MAX_RECEIVED)
        timeout = (
            self._settings.visibility_timeout_seconds
            if visibility_timeout_seconds is None
            else visibility_timeout_seconds
        )
        _check_range("VisibilityTimeout", timeout, 0, MAX_VISIBILITY_SECONDS)
        entries: list[Entry] = []
        with self._lock:
            now = self._clock()
            self._bring_up_to(now)
            while len(entries) < max_messages and (entry := self._next_visible(now)):
                if self._in_flight + len(entries) >= MAX_IN_FLIGHT:
                    self._waiting.put_back(entry)
                    if entries or long_poll or self.is_fifo:
                        break
                    raise SqsError("OverLimit", f"Too many messages in flight: the limit is {MAX_IN_FLIGHT}.", 403)
                entries.append(entry)
            return [self._hand_out(entry, now, timeout) for entry in entries]

    def delete(self, receipt_handle: str) -> None:
        """Delete the message received under this handle; one that is gone, or was received again, is left as it is.

        Raises SqsError when it is in a FIFO queue and no longer in flight under this handle.
        """
        message_id, receipt = parse_receipt_handle(receipt_handle)
        with self._lock:
            self._bring_up_to(self._clock())
            entry = self._entries.get(message_id)
            if entry is None:
                return
            if self.is_fifo and (entry.place != "in_flight" or entry.receipt != receipt):
                raise SqsError(
                    "InvalidParameterValue",
                    f"Value {receipt_handle} for parameter ReceiptHandle is invalid. "
                    "Reason: The receipt handle has expired.",
                )
            if entry.receipt == receipt:
                self._drop(entry)

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        """Let a message in flight be due in `seconds`, at once with 0. Raises SqsError when it is not in flight."""
        _check_range("VisibilityTimeout", seconds, 0, MAX_VISIBILITY_SECONDS)
        message_id, receipt = parse_receipt_handle(receipt_handle)
        with self._lock:
            now = self._clock()
            self._bring_up_to(now)
            entry = self._entries.get(message_id)
            if entry is None or entry.receipt != receipt:
                raise SqsError(
                    "InvalidParameterValue",
                    f"Value {receipt_handle} for parameter ReceiptHandle is invalid. "
                    "Reason: Message does not exist or is not available for visibility timeout change.",
                )
            if entry.place != "in_flight":
                raise SqsError("MessageNotInflight", "The message referred to isn't in flight.")
            self._leave_place(entry)
            if seconds:
                self._schedule(entry, now + seconds, "in_flight")
            else:
                self._show(entry)

    def counts(self) -> Counts:
        """What the queue holds now."""
        with self._lock:
            self._bring_up_to(self._clock())
            visible = len(self._entries) - self._in_flight - self._delayed
            return Counts(visible=visible, in_flight=self._in_flight, delayed=self._delayed)

    def purge(self) -> None:
        """Delete every message, also those in flight."""
        with self._lock:
            self._entries.clear()
            self._waiting.clear()
            self._later.clear()
            self._in_flight = self._delayed = 0

    def attributes(self) -> dict[str, str]:
        """All attributes as GetQueueAttributes gives them."""
        with self._lock:
            counts = self.counts()
            return {
                **self._attributes,
                "QueueArn": self.arn,
                "CreatedTimestamp": str(self._created),
                "LastModifiedTimestamp": str(self._modified),
                "ApproximateNumberOfMessages": str(counts.visible),
                "ApproximateNumberOfMessagesNotVisible": str(counts.in_flight),
                "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
            }

    def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Change some attributes; an empty RedrivePolicy or Policy takes it away. All or nothing."""
        with self._lock:
            self._settings = self._set(attributes)
            self._modified = int(self._clock())

    def move_visible_to(self, choose: Callable[[Entry], "Queue"]) -> tuple[int, SqsError | None]:
        """Send each visible message again, to the queue that `choose` names for it: how many, and what ended it early.

        It ends at a message for which `choose` or the other queue raises SqsError; that one stays, as does what is
        behind it. A moved message is a new one, with a new id and a new enqueue time ("Configuring a dead-letter queue
        redrive"); that a FIFO queue keeps its group and deduplicates it as ever is assumed, the guide says nothing.
        """
        with self._lock:
            now = self._clock()
            self._bring_up_to(now)
            moved = 0
            while entry := self._pop_visible(now):
                trace = (
                    {TRACE_HEADER: {"DataType": "String", "StringValue": entry.trace_header}}
                    if entry.trace_header
                    else {}
                )
                try:
                    choose(entry).send(
                        entry.body,
                        entry.message_attributes,
                        trace,
                        group_id=entry.group_id or None,
                        deduplication_id=entry.deduplication_id or None,
                    )
                except SqsError as refusal:
                    self._waiting.put_back(entry)
                    return moved, refusal
                self._drop(entry)
                moved += 1
            return moved, None

    def _set(self, attributes: Mapping[str, str]) -> Settings:
        """Change some attributes, and read what follows from them all. Raises SqsError, and changes nothing then."""
        changed = {name: value for name, value in (self._attributes | dict(attributes)).items() if value != ""}
        if not self.is_fifo:  # as Terraform keeps it of one
            none = {name for name in FIFO_ATTRIBUTES if changed.get(name) == "false"}
            changed = {name: changed[name] for name in changed.keys() - none}
        changed = self._defaults | changed
        settings = Settings.parse(changed)
        self._check_kind(changed, settings)
        self._attributes = changed
        return settings

    def _check_kind(self, attributes: Mapping[str, str], settings: Settings) -> None:
        """Refuse what does not go with a FIFO queue, or with a standard one (API Reference, CreateQueue)."""
        if attributes.get("FifoQueue", "false") != str(self.is_fifo).lower():
            raise SqsError(
                "InvalidParameterValue",
                f"FifoQueue and the name {self.name} disagree: a FIFO queue's, and no other's, ends in {FIFO_SUFFIX}.",
            )
        if not self.is_fifo and (unknown := attributes.keys() & FIFO_ATTRIBUTES.keys()):
            raise SqsError("InvalidAttributeName", f"Unknown Attribute {min(unknown)}.")
        scope, limit = attributes.get("DeduplicationScope", ""), attributes.get("FifoThroughputLimit")
        if self.is_fifo and limit not in THROUGHPUT_LIMITS.get(scope, ()):
            raise SqsError("InvalidAttributeValue", f"Invalid value for FifoThroughputLimit: {limit} with {scope}.")
        if settings.dead_letter_arn and settings.dead_letter_arn.endswith(FIFO_SUFFIX) != self.is_fifo:
            raise SqsError(
                "InvalidParameterValue",
                f"Value {attributes['RedrivePolicy']} for parameter RedrivePolicy is invalid. "
                "Reason: Dead-letter queue must be same type of queue as the source.",
            )

    def _group_id(self, group_id: str | None) -> str:
        """The group of a message to be sent. A standard queue may have groups, too ("Amazon SQS fair queues")."""
        if group_id is not None:
            check_identifier("MessageGroupId", group_id)
        elif self.is_fifo:
            raise SqsError("MissingParameter", "The request must contain the parameter MessageGroupId.")
        return group_id or ""

    def _deduplication_id(self, body: str, deduplication_id: str | None) -> str:
        if deduplication_id is not None:
            check_identifier("MessageDeduplicationId", deduplication_id)
            if not self.is_fifo:
                raise _not_for_this_type("MessageDeduplicationId", deduplication_id)
            return deduplication_id
        if self.is_fifo and not self._settings.deduplicates_by_content:
            raise SqsError(
                "InvalidParameterValue",
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly",
            )
        return hashlib.sha256(body.encode()).hexdigest() if self.is_fifo else ""

    def _delay(self, seconds: int | None) -> int:
        """A message of a FIFO queue has no delay of its own (API Reference, SendMessage)."""
        if seconds is None or (self.is_fifo and seconds == 0):
            return self._settings.delay_seconds
        if self.is_fifo:
            raise _not_for_this_type("DelaySeconds", str(seconds))
        _check_range("DelaySeconds", seconds, 0, MAX_DELAY_SECONDS)
        return seconds

    def _next_visible(self, now: float) -> Entry | None:
        """Take the next of the visible ones; those that were received too often go to the dead-letter queue."""
        settings = self._settings
        dead_letter = self._find(settings.dead_letter_arn) if settings.dead_letter_arn else None
        while entry := self._pop_visible(now):
            if dead_letter is None or entry.receive_count < settings.max_receive_count:
                return entry
            del self._entries[entry.message_id]
            dead_letter._adopt(entry, self.arn)  # noqa: SLF001 - another queue
        return None

    def _adopt(self, entry: Entry, source_arn: str) -> None:
        """Take in a message that another queue gives up; it keeps its id, its group and its count.

        It keeps its first enqueue time in a standard queue alone ("Setting-up dead-letter queue retention"). In a FIFO
        queue its id takes the place of its deduplication id, which another dead letter may have as well ("Using
        dead-letter queues").
        """
        entry.dead_letter_source = source_arn
        if self.is_fifo:
            entry.sent, entry.deduplication_id = self._clock(), entry.message_id
        self._enter(entry)
        self._show(entry)

    def _enter(self, entry: Entry) -> None:
        self._arrived += 1
        entry.position = self._arrived
        self._entries[entry.message_id] = entry

    def _hand_out(self, entry: Entry, now: float, timeout_seconds: int) -> Message:
        entry.receive_count += 1
        entry.receipt += 1
        entry.first_received = entry.first_received or now
        if timeout_seconds:
            self._schedule(entry, now + timeout_seconds, "in_flight")
        else:
            self._show(entry)
        return entry.handed_out(SENDER_ID)

    def _show(self, entry: Entry) -> None:
        entry.turn += 1
        entry.place = "visible"
        self._waiting.add(entry)
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.wake()

    def _schedule(self, entry: Entry, due: float, place: Any) -> None:
        entry.turn += 1
        entry.place = place
        entry.due = due
        self._scheduled += 1
        if place == "in_flight":
            self._in_flight += 1
            self._waiting.hold(entry)
        else:
            self._delayed += 1
        heapq.heappush(self._later, (due, self._scheduled, entry.turn, entry))

    def _leave_place(self, entry: Entry) -> None:
        if entry.place == "in_flight":
            self._in_flight -= 1
            self._waiting.release(entry)
            if self.is_fifo:
                self._wake()
        elif entry.place == "delayed":
            self._delayed -= 1

    def _drop(self, entry: Entry) -> None:
        self._leave_place(entry)
        entry.turn += 1
        del self._entries[entry.message_id]

    def _pop_visible(self, now: float) -> Entry | None:
        while entry := self._waiting.take():
            if now - entry.sent < self._settings.retention_seconds:
                return entry
            self._drop(entry)
        return None

    def _bring_up_to(self, now: float) -> None:
        """Drop what was kept for too long, and show what is due."""
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if now - oldest.sent < self._settings.retention_seconds:
                break
            self._drop(oldest)
        while self._later and self._later[0][0] <= now:
            _, _, turn, entry = heapq.heappop(self._later)
            if entry.turn == turn:
                self._leave_place(entry)
                self._show(entry)

    def _forget(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)


def _not_for_this_type(name: str, value: str) -> SqsError:
    return SqsError(
        "InvalidParameterValue",
        f"Value {value} for parameter {name} is invalid. "
        "Reason: The request include parameter that is not valid for this queue type.",
    )


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SqsError(
            "InvalidParameterValue",
            f"Value {value} for parameter {name} is invalid. Reason: Must be between {low} and {high}, if provided.",
        )
