"""A lane's event source mapping: batches from its queue to its function, never more than its maximum at once.

What it does is in the Lambda Developer Guide, "Using Lambda with Amazon SQS" and its page on maximum concurrency. From
a FIFO queue no group is in two invocations at once, since the queue gives nothing of a group that is in flight. Not
modelled: event filters, the slow start of Lambda's pollers, and their backing off after failures.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from webhookctl.local.aws.errors import SqsError
from webhookctl.local.batch_response import MalformedResponse, failed_ids
from webhookctl.local.function_error import FunctionError
from webhookctl.local.runtime_api import MAX_PAYLOAD_BYTES
from webhookctl.local.sqs_event import Message, sqs_event
from webhookctl.local.state import State

# SQS hands out ten messages at a time and lets a request wait for twenty seconds (SQS API Reference, ReceiveMessage).
RECEIVE_MESSAGES = 10
RECEIVE_SECONDS = 20
# Without a maximum Lambda goes up to a thousand and more; one machine does not.
DEFAULT_CONCURRENCY = 4

logger = logging.getLogger(__name__)

Invoke = Callable[[str, Any], Awaitable[Any]]


class Queue(Protocol):
    """What a mapping needs of a queue."""

    async def receive(self, max_messages: int, wait_seconds: int) -> Sequence[Message]:
        """Up to so many messages, hidden from now on; waits so long for the first one. Cancelling it loses none."""

    def delete(self, receipt_handle: str) -> None:
        """Forget a received message. Raises SqsError when a FIFO queue has let it be received again."""


@dataclass(frozen=True)
class Trigger:
    """The configuration of an `aws_lambda_event_source_mapping`."""

    queue_arn: str
    function_arn: str
    batch_size: int
    window_seconds: float
    max_concurrency: int
    reports_failures: bool
    enabled: bool

    @property
    def queue_name(self) -> str:
        """The name of the queue in its ARN."""
        return self.queue_arn.rsplit(":", 1)[1]

    @property
    def is_fifo(self) -> bool:
        """Whether the queue is one with message groups."""
        return self.queue_arn.endswith(".fifo")


def triggers(state: State) -> Iterator[Trigger]:
    """The event source mappings of an applied state."""
    for resource in state.resources("aws_lambda_event_source_mapping"):
        values = resource.values
        scaling: Mapping[str, Any] = next(iter(values.get("scaling_config") or []), {})
        yield Trigger(
            queue_arn=values["event_source_arn"],
            function_arn=values["function_arn"],
            batch_size=int(values.get("batch_size") or RECEIVE_MESSAGES),
            window_seconds=float(values.get("maximum_batching_window_in_seconds") or 0),
            max_concurrency=int(scaling.get("maximum_concurrency") or DEFAULT_CONCURRENCY),
            reports_failures="ReportBatchItemFailures" in (values.get("function_response_types") or []),
            enabled=values.get("enabled") is not False,
        )


class Turnstile:
    """Lets through one at a time, so many seconds apart; who comes when nobody has for a while does not wait.

    One for all lanes: where events arrive faster than this machine runs an invocation for each, invocations take more
    events each, instead of taking the time from each other and from accepting. Lambda has a machine for each.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._free_at = 0.0

    async def wait(self) -> bool:
        """Whether it took any time."""
        now = asyncio.get_running_loop().time()
        wait = self._free_at - now
        self._free_at = max(now, self._free_at) + self._seconds
        if wait > 0:
            await asyncio.sleep(wait)
        return wait > 0


class EventSource:
    """Polls while it is started.

    `in_flight` are the invocations under way, `messages` what they have in hand, `peak` the most there were at once.
    A batch that is not full goes through the turnstile, and what arrives while it waits there goes with it.
    """

    def __init__(self, trigger: Trigger, queue: Queue, invoke: Invoke, *, turnstile: Turnstile | None = None) -> None:
        self.trigger = trigger
        self.in_flight = 0
        self.messages = 0
        self.peak = 0
        self._queue = queue
        self._invoke = invoke
        self._turnstile = turnstile
        self._places = asyncio.Semaphore(trigger.max_concurrency)
        self._held: list[Message] = []
        self._poller: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to poll; a mapping that is not enabled leaves its queue alone."""
        if self.trigger.enabled and self._poller is None:
            self._poller = asyncio.create_task(self._poll())
            self._poller.add_done_callback(_report)

    async def stop(self, grace_seconds: float) -> None:
        """Stop polling, give invocations that are under way so much time, and give up on those that take longer."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait([self._poller])
            self._poller = None
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await self._places.acquire()
            try:
                batch = await self._collect()
            except BaseException:
                self._places.release()
                raise
            task = asyncio.create_task(self._run(self._parts(batch)))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(_report)

    async def _collect(self) -> list[Message]:
        """One batch: as much as there is at once, or, with a window, what comes until it ends or the batch is full."""
        batch, self._held = self._held, []
        while not batch:
            batch += await self._receive(self.trigger.batch_size)
        if self._turnstile and len(batch) < self.trigger.batch_size and await self._turnstile.wait():
            await self._fill(batch)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.trigger.window_seconds):
                while len(batch) < self.trigger.batch_size and self.trigger.window_seconds:
                    batch += await self._receive(self.trigger.batch_size - len(batch))
        return batch

    async def _fill(self, batch: list[Message]) -> None:
        """With what is there."""
        while len(batch) < self.trigger.batch_size:
            received = await self._receive(self.trigger.batch_size - len(batch), 0)
            if not received:
                return
            batch += received

    async def _receive(self, count: int, wait_seconds: int = RECEIVE_SECONDS) -> Sequence[Message]:
        return await self._queue.receive(min(count, RECEIVE_MESSAGES), wait_seconds)

    def _parts(self, batch: Sequence[Message]) -> list[list[Message]]:
        """The batch in parts that one payload holds, of at least one message each.

        From a FIFO queue they are for one invocation after the other: what is left of a group must not run beside its
        beginning. From another queue only the first is returned, and the others begin the next batch.
        """
        if sum(map(_most_bytes, batch)) <= MAX_PAYLOAD_BYTES:
            return [list(batch)]
        parts: list[list[Message]] = []
        room = 0
        for message in batch:
            size = len(json.dumps(sqs_event([message], self.trigger.queue_arn), ensure_ascii=False).encode())
            if not parts or size > room:
                parts.append([])
                room = MAX_PAYLOAD_BYTES
            parts[-1].append(message)
            room -= size
        if self.trigger.is_fifo:
            return parts
        self._held = [message for part in parts[1:] for message in part]
        return parts[:1]

    async def _run(self, parts: Sequence[Sequence[Message]]) -> None:
        count = sum(len(part) for part in parts)
        self.in_flight += 1
        self.messages += count
        self.peak = max(self.peak, self.in_flight)
        failed_groups: set[str] = set()
        try:
            for part in parts:
                failed_groups |= await self._deliver([each for each in part if _group(each) not in failed_groups])
        finally:
            self.in_flight -= 1
            self.messages -= count
            self._places.release()

    async def _deliver(self, batch: Sequence[Message]) -> set[str]:
        """Run the function with a batch and delete what it did; the groups of what failed, in a FIFO queue."""
        if not batch:
            return set()
        failed = await self._failed(batch)
        for message in batch:
            if message.message_id not in failed:
                self._delete(message)
        return {_group(message) for message in batch if self.trigger.is_fifo and message.message_id in failed}

    def _delete(self, message: Message) -> None:
        try:
            self._queue.delete(message.receipt_handle)
        except SqsError as error:
            logger.warning("%s: a message that is done comes again: %s", self.trigger.queue_name, error.code)

    async def _failed(self, batch: Sequence[Message]) -> frozenset[str]:
        """The ids of the messages that stay in the queue, to come back after their visibility time-out."""
        ids = frozenset(message.message_id for message in batch)
        try:
            answer = await self._invoke(self.trigger.function_arn, sqs_event(batch, self.trigger.queue_arn))
            return failed_ids(answer, ids) if self.trigger.reports_failures else frozenset()
        except FunctionError as error:
            logger.info("%s: a batch of %d failed: %s", self.trigger.queue_name, len(batch), error)
        except MalformedResponse as error:
            logger.warning("%s: a batch of %d counts as failed: %s", self.trigger.queue_name, len(batch), error)
        return ids


def _most_bytes(message: Message) -> int:
    """What a message takes of a payload at most: six bytes for a character, and the names and ids around it."""
    attributes = len(message.message_attributes) and len(json.dumps(message.message_attributes, default=str))
    return 6 * (len(message.body) + 2 * attributes) + 4096


def _group(message: Message) -> str:
    return message.attributes.get("MessageGroupId", "")


def _report(task: asyncio.Task[None]) -> None:
    """A mapping that broke must not look like one that has nothing to do."""
    with contextlib.suppress(asyncio.CancelledError):
        if (error := task.exception()) is not None:
            logger.error("An event source mapping broke", exc_info=error)
