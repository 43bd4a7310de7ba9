"""One queue of Amazon SQS, in memory: each call takes the same time however many messages wait.

Amazon SQS Developer Guide: "Amazon SQS visibility timeout", "delay queues", "Using dead-letter queues", "short and long
polling", quotas ("Amazon SQS message quotas": about 120,000 in flight, beyond which a short poll fails and a long poll
returns nothing).
"""

import asyncio
import hashlib
import heapq
import json
import threading
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from webhookctl.local.aws.errors import SqsError
from webhookctl.local.aws.message import (
    TRACE_HEADER,
    Entry,
    Message,
    MessageAttributes,
    check_attributes,
    check_body,
    check_system_attributes,
    parse_receipt_handle,
    size_bytes,
)

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
    """A standard queue, for any thread and any event loop: every call holds `lock`, which all queues share.

    `find` gives a queue by its ARN (the dead-letter queue), `clock` the time in seconds since 1970.
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
        self.tags: dict[str, str] = {}
        self._lock = lock
        self._find = find
        self._clock = clock
        self._created = self._modified = int(clock())
        self._attributes = DEFAULT_ATTRIBUTES | dict(attributes)
        self._settings = Settings.parse(self._attributes)
        # In order of arrival, so that what has been kept for too long is at the front. An OrderedDict takes from its
        # front in constant time, a dict does not.
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._visible: deque[tuple[Entry, int]] = deque()
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
    ) -> str:
        """Keep a message and return its id. Raises SqsError as SendMessage does; a refused message is nowhere."""
        return self.send_with_digest(body, message_attributes, system_attributes, delay_seconds=delay_seconds)[0]

    def send_with_digest(
        self,
        body: str,
        message_attributes: MessageAttributes | None = None,
        system_attributes: MessageAttributes | None = None,
        *,
        delay_seconds: int | None = None,
    ) -> tuple[str, str]:
        """`send`, and the MD5 of the body beside the id."""
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
        delay = self._settings.delay_seconds if delay_seconds is None else delay_seconds
        _check_range("DelaySeconds", delay, 0, MAX_DELAY_SECONDS)
        trace_header = str(system_attributes.get(TRACE_HEADER, {}).get("StringValue", ""))
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        now = self._clock()
        entry = Entry(str(uuid.uuid4()), body, digest, dict(message_attributes), trace_header, sent=now)
        with self._lock:
            self._entries[entry.message_id] = entry
            if delay:
                self._schedule(entry, now + delay, "delayed")
            else:
                self._show(entry)
        return entry.message_id, digest

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
        messages: list[Message] = []
        with self._lock:
            now = self._clock()
            self._bring_up_to(now)
            while len(messages) < max_messages and (entry := self._next_visible(now)):
                if self._in_flight >= MAX_IN_FLIGHT:
                    self._show(entry)
                    if messages or long_poll:
                        break
                    raise SqsError("OverLimit", f"Too many messages in flight: the limit is {MAX_IN_FLIGHT}.", 403)
                messages.append(self._hand_out(entry, now, timeout))
        return messages

    def delete(self, receipt_handle: str) -> None:
        """Delete the message received under this handle; one that is gone, or was received again, is left as it is."""
        message_id, receipt = parse_receipt_handle(receipt_handle)
        with self._lock:
            entry = self._entries.get(message_id)
            if entry and entry.receipt == receipt:
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
            self._visible.clear()
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
            changed = {name: value for name, value in (self._attributes | dict(attributes)).items() if value != ""}
            self._settings = Settings.parse(DEFAULT_ATTRIBUTES | changed)
            self._attributes = DEFAULT_ATTRIBUTES | changed
            self._modified = int(self._clock())

    def move_visible_to(self, choose: Callable[[Entry], "Queue"]) -> int:
        """Send each visible message again, to the queue that `choose` names for it; returns how many.

        A moved message is a new one, with a new id and a new enqueue time ("Configuring a dead-letter queue redrive").
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
                    choose(entry).send(entry.body, entry.message_attributes, trace)
                except SqsError:
                    self._show(entry)
                    raise
                self._drop(entry)
                moved += 1
            return moved

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
        """Take in a message that another queue gives up; it keeps its id, its first enqueue time and its count."""
        entry.dead_letter_source = source_arn
        self._entries[entry.message_id] = entry
        self._show(entry)

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
        self._visible.append((entry, entry.turn))
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
        else:
            self._delayed += 1
        heapq.heappush(self._later, (due, self._scheduled, entry.turn, entry))

    def _leave_place(self, entry: Entry) -> None:
        if entry.place == "in_flight":
            self._in_flight -= 1
        elif entry.place == "delayed":
            self._delayed -= 1

    def _drop(self, entry: Entry) -> None:
        self._leave_place(entry)
        entry.turn += 1
        del self._entries[entry.message_id]

    def _pop_visible(self, now: float) -> Entry | None:
        while self._visible:
            entry, turn = self._visible.popleft()
            if entry.turn != turn:
                continue
            if now - entry.sent >= self._settings.retention_seconds:
                self._drop(entry)
                continue
            return entry
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


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SqsError(
            "InvalidParameterValue",
            f"Value {value} for parameter {name} is invalid. Reason: Must be between {low} and {high}, if provided.",
        )
