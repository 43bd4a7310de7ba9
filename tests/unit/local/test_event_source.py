import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from webhookctl.local.event_source import EventSource, Trigger, triggers
from webhookctl.local.function_error import FunctionError
from webhookctl.local.state import Resource, State

QUEUE_ARN = "arn:aws:sqs:eu-central-1:123456789012:webhook-dev-github"
FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:webhook-dev-github"


@dataclass(frozen=True)
class FakeMessage:
    message_id: str
    body: str = "{}"
    attributes: Mapping[str, str] = field(default_factory=lambda: {"ApproximateReceiveCount": "1"})
    message_attributes: Mapping[str, Any] = field(default_factory=dict)
    md5_of_body: str = "99914b932bd37a50b983c5e7c90ae93b"

    @property
    def receipt_handle(self) -> str:
        return f"handle of {self.message_id}"


class FakeQueue:
    """Messages in order; one that was received stays hidden for good."""

    def __init__(self) -> None:
        self.waiting: deque[FakeMessage] = deque()
        self.deleted: list[str] = []
        self.receives: list[int] = []
        self._arrival = asyncio.Event()

    def send(self, *messages: FakeMessage) -> None:
        self.waiting.extend(messages)
        self._arrival.set()

    async def receive(self, max_messages: int, wait_seconds: int) -> Sequence[FakeMessage]:
        assert 1 <= max_messages <= 10
        assert 0 < wait_seconds <= 20
        self.receives.append(max_messages)
        while not self.waiting:
            self._arrival.clear()
            await self._arrival.wait()
        return [self.waiting.popleft() for _ in range(min(max_messages, len(self.waiting)))]

    def delete(self, receipt_handle: str) -> None:
        self.deleted.append(receipt_handle.removeprefix("handle of "))


class FakeFunction:
    """Notes its batches; every call waits until `go` is set, then answers or raises what it was told."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.batches: list[list[str]] = []
        self.events: list[dict[str, Any]] = []
        self.running = 0
        self.go = asyncio.Event()
        self.go.set()

    async def invoke(self, arn: str, event: dict[str, Any]) -> Any:
        assert arn == FUNCTION_ARN
        self.events.append(event)
        self.batches.append([record["messageId"] for record in event["Records"]])
        self.running += 1
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def a_trigger(**changes: Any) -> Trigger:
    ordinary = {
        "queue_arn": QUEUE_ARN,
        "function_arn": FUNCTION_ARN,
        "batch_size": 10,
        "window_seconds": 0.0,
        "max_concurrency": 2,
        "reports_failures": True,
        "enabled": True,
    }
    return Trigger(**{**ordinary, **changes})


def messages(*ids: str) -> list[FakeMessage]:
    return [FakeMessage(message_id) for message_id in ids]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def function() -> FakeFunction:
    return FakeFunction()


@pytest.fixture(autouse=True)
async def _needs_a_loop() -> None:
    """The fakes above hold events of the running loop."""


async def run_until_done(source: EventSource, queue: FakeQueue) -> None:
    """Run it until nothing is left to receive and no invocation is under way."""
    source.start()
    await until(lambda: not queue.waiting and source.in_flight == 0 and source.peak > 0)
    await source.stop(1)


async def test_a_batch_that_succeeds_is_deleted(queue: FakeQueue, function: FakeFunction) -> None:
    queue.send(*messages("a", "b"))
    await run_until_done(EventSource(a_trigger(), queue, function.invoke), queue)
    assert function.batches == [["a", "b"]]
    assert queue.deleted == ["a", "b"]


async def test_a_record_has_the_shape_of_an_sqs_event(queue: FakeQueue, function: FakeFunction) -> None:
    attributes = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1700000000000",
        "SenderId": "AIDA",
        "ApproximateFirstReceiveTimestamp": "1700000000001",
        "AWSTraceHeader": "Root=1-a",
    }
    own = {
        "text": {"DataType": "String", "StringValue": "x"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    queue.send(FakeMessage("a", "{}", attributes, own))
    await run_until_done(EventSource(a_trigger(), queue, function.invoke), queue)
    assert function.events == [
        {
            "Records": [
                {
                    "messageId": "a",
                    "receiptHandle": "handle of a",
                    "body": "{}",
                    "attributes": attributes,
                    "messageAttributes": {
                        "text": {
                            "stringValue": "x",
                            "stringListValues": [],
                            "binaryListValues": [],
                            "dataType": "String",
                        },
                        "bytes": {
                            "binaryValue": "AP8=",
                            "stringListValues": [],
                            "binaryListValues": [],
                            "dataType": "Binary",
                        },
                    },
                    "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": QUEUE_ARN,
                    "awsRegion": "eu-central-1",
                }
            ]
        }
    ]


async def test_messages_that_are_reported_stay_in_the_queue(queue: FakeQueue, function: FakeFunction) -> None:
    function.answer = {"batchItemFailures": [{"itemIdentifier": "b"}]}
    queue.send(*messages("a", "b", "c"))
    await run_until_done(EventSource(a_trigger(), queue, function.invoke), queue)
    assert queue.deleted == ["a", "c"]


@pytest.mark.parametrize(
    "answer",
    [
        FunctionError("ValueError", "boom"),
        FunctionError("Sandbox.Timedout", "Task timed out after 3.00 seconds"),
        "not an object",
        {"batchItemFailures": [{"itemIdentifier": "of another batch"}]},
    ],
)
async def test_after_an_error_or_a_malformed_answer_the_whole_batch_stays(
    queue: FakeQueue, function: FakeFunction, answer: Any
) -> None:
    function.answer = answer
    queue.send(*messages("a", "b"))
    await run_until_done(EventSource(a_trigger(), queue, function.invoke), queue)
    assert queue.deleted == []


async def test_without_partial_responses_the_answer_means_nothing(queue: FakeQueue, function: FakeFunction) -> None:
    function.answer = {"batchItemFailures": [{"itemIdentifier": "a"}]}
    queue.send(*messages("a"))
    await run_until_done(EventSource(a_trigger(reports_failures=False), queue, function.invoke), queue)
    assert queue.deleted == ["a"]


async def test_no_more_invocations_than_the_maximum_run_at_once(queue: FakeQueue, function: FakeFunction) -> None:
    function.go.clear()
    source = EventSource(a_trigger(batch_size=1, max_concurrency=3), queue, function.invoke)
    queue.send(*messages(*"abcdefgh"))
    source.start()
    await until(lambda: function.running == 3)
    assert (source.in_flight, source.messages, len(queue.waiting)) == (3, 3, 5)
    function.go.set()
    await until(lambda: len(queue.deleted) == 8)
    await source.stop(1)
    assert (source.peak, source.in_flight, source.messages) == (3, 0, 0)


async def test_a_batch_has_at_most_its_size(queue: FakeQueue, function: FakeFunction) -> None:
    queue.send(*messages(*"abcde"))
    await run_until_done(EventSource(a_trigger(batch_size=2), queue, function.invoke), queue)
    assert sorted(map(len, function.batches)) == [1, 2, 2]


async def test_without_a_window_a_batch_is_what_there_is(queue: FakeQueue, function: FakeFunction) -> None:
    queue.send(*messages("a"))
    source = EventSource(a_trigger(), queue, function.invoke)
    source.start()
    await until(lambda: queue.deleted == ["a"])
    queue.send(*messages("b"))
    await until(lambda: queue.deleted == ["a", "b"])
    await source.stop(1)
    assert function.batches == [["a"], ["b"]]


async def test_a_window_gathers_a_batch_until_it_is_full(queue: FakeQueue, function: FakeFunction) -> None:
    source = EventSource(a_trigger(batch_size=25, window_seconds=60.0), queue, function.invoke)
    source.start()
    for start in range(0, 25, 5):
        queue.send(*messages(*map(str, range(start, start + 5))))
        await until(lambda: not queue.waiting)
    await until(lambda: len(queue.deleted) == 25)
    await source.stop(1)
    assert function.batches == [[*map(str, range(25))]]


async def test_a_window_that_ends_hands_over_what_there_is(queue: FakeQueue, function: FakeFunction) -> None:
    queue.send(*messages("a", "b"))
    await run_until_done(EventSource(a_trigger(window_seconds=0.05), queue, function.invoke), queue)
    assert function.batches == [["a", "b"]]


async def test_a_batch_is_cut_where_its_payload_would_be_too_large(queue: FakeQueue, function: FakeFunction) -> None:
    queue.send(*(FakeMessage(message_id, "x" * 1_000_000) for message_id in "abcdefgh"))
    await run_until_done(EventSource(a_trigger(), queue, function.invoke), queue)
    assert function.batches == [[*"abcdef"], [*"gh"]]


async def test_a_mapping_that_is_not_enabled_leaves_its_queue_alone(queue: FakeQueue, function: FakeFunction) -> None:
    queue.send(*messages("a"))
    source = EventSource(a_trigger(enabled=False), queue, function.invoke)
    source.start()
    await asyncio.sleep(0.01)
    await source.stop(1)
    assert queue.receives == []


async def test_an_idle_lane_waits_and_does_not_ask_again_and_again(queue: FakeQueue, function: FakeFunction) -> None:
    source = EventSource(a_trigger(), queue, function.invoke)
    source.start()
    await asyncio.sleep(0.02)
    await source.stop(1)
    assert queue.receives == [10]


async def test_stopping_lets_an_invocation_end_and_takes_no_more(queue: FakeQueue, function: FakeFunction) -> None:
    function.go.clear()
    source = EventSource(a_trigger(batch_size=1, max_concurrency=1), queue, function.invoke)
    queue.send(*messages("a", "b"))
    source.start()
    await until(lambda: function.running == 1)
    stopping = asyncio.create_task(source.stop(10))
    await asyncio.sleep(0)
    function.go.set()
    await stopping
    assert queue.deleted == ["a"]


async def test_stopping_gives_up_on_an_invocation_that_takes_too_long(queue: FakeQueue, function: FakeFunction) -> None:
    function.go.clear()
    source = EventSource(a_trigger(), queue, function.invoke)
    queue.send(*messages("a"))
    source.start()
    await until(lambda: function.running == 1)
    await source.stop(0.01)
    assert (function.running, queue.deleted) == (0, [])


async def test_a_mapping_that_breaks_says_so(
    queue: FakeQueue, function: FakeFunction, caplog: pytest.LogCaptureFixture
) -> None:
    function.answer = RuntimeError("a fault of ours")
    queue.send(*messages("a"))
    with caplog.at_level(logging.ERROR):
        await run_until_done(EventSource(a_trigger(), queue, function.invoke), queue)
    assert "An event source mapping broke" in caplog.text


def test_a_trigger_is_what_the_state_says() -> None:
    values = {
        "event_source_arn": QUEUE_ARN,
        "function_name": FUNCTION_ARN,
        "function_arn": FUNCTION_ARN,
        "batch_size": 25,
        "maximum_batching_window_in_seconds": 5,
        "scaling_config": [{"maximum_concurrency": 7}],
        "function_response_types": ["ReportBatchItemFailures"],
        "enabled": False,
    }
    kind = "aws_lambda_event_source_mapping"
    [trigger] = triggers(State({}, (Resource(f"{kind}.this", kind, "this", None, "", values),)))
    assert trigger == a_trigger(batch_size=25, window_seconds=5.0, max_concurrency=7, enabled=False)
    assert trigger.queue_name == "webhook-dev-github"
