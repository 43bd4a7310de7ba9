"""Event source mappings on the local stack's own queues: what a FIFO queue and changed visibility come to there."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.unit.local.test_event_source import FUNCTION_ARN, a_trigger, until
from webhookctl.local.aws.queue import Counts, Queue
from webhookctl.local.aws.sqs import Sqs
from webhookctl.local.event_source import EventSource, Turnstile

START = 1_700_000_000.0
MEGABYTE = "x" * 1_000_000  # six of them, with what is around them, fill a payload


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sqs(clock: Clock) -> Sqs:
    return Sqs("123456789012", "eu-central-1", clock=clock)


@pytest.fixture
def fifo(sqs: Sqs) -> Queue:
    return sqs.create_queue("lane.fifo", {"ContentBasedDeduplication": "true", "VisibilityTimeout": "60"})


class Function:
    """Does with each record what its test says, and notes how many invocations hold a group at once."""

    def __init__(self, fails: Callable[[Mapping[str, Any]], bool] = lambda _: False) -> None:
        self.fails = fails
        self.done: list[str] = []
        self.batches: list[list[str]] = []
        self.running = self.most_running = 0
        self.groups: Counter[str] = Counter()
        self.most_of_a_group = 0
        self.go = asyncio.Event()
        self.go.set()

    async def invoke(self, arn: str, event: dict[str, Any]) -> Any:
        assert arn == FUNCTION_ARN
        records = event["Records"]
        groups = {record["attributes"].get("MessageGroupId", "") for record in records}
        self.batches.append([record["body"][:2] for record in records])
        self.groups.update(groups)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.most_of_a_group = max(self.most_of_a_group, *self.groups.values())
        try:
            await asyncio.sleep(0)
            await self.go.wait()
        finally:
            self.groups.subtract(groups)
            self.running -= 1
        failed = [record for record in records if self.fails(record)]
        self.done += [record["body"][:2] for record in records if record not in failed]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def send(queue: Queue, *bodies: str) -> None:
    for body in bodies:
        queue.send(body, group_id=body[0])


def mapping(queue: Queue, function: Function, **changes: Any) -> EventSource:
    return EventSource(a_trigger(queue_arn=queue.arn, **changes), queue, function.invoke)


async def test_a_group_is_never_in_two_invocations_at_once(fifo: Queue) -> None:
    function = Function()
    source = mapping(fifo, function, batch_size=1, max_concurrency=10)
    send(fifo, *(f"{group}{number}" for number in range(5) for group in "ABC"))
    function.go.clear()
    source.start()
    await until(lambda: function.running == 3)
    await asyncio.sleep(0.01)
    assert (function.running, source.in_flight) == (3, 3)  # as many as there are groups, of ten that might be
    function.go.set()
    await until(lambda: len(function.done) == 15)
    await source.stop(1)
    assert function.most_of_a_group == 1
    for group in "ABC":
        assert [body for body in function.done if body[0] == group] == [f"{group}{number}" for number in range(5)]


async def test_with_many_groups_no_more_invocations_run_than_the_maximum(fifo: Queue) -> None:
    function = Function()
    source = mapping(fifo, function, batch_size=1, max_concurrency=2)
    send(fifo, "A1", "B1", "C1", "D1", "A2")
    source.start()
    await until(lambda: len(function.done) == 5)
    await source.stop(1)
    assert (function.most_running, function.most_of_a_group) == (2, 1)


async def test_a_batch_may_hold_several_of_a_group_in_their_order(fifo: Queue) -> None:
    function = Function()
    source = mapping(fifo, function)
    send(fifo, "A1", "A2", "B1", "A3")
    source.start()
    await until(lambda: len(function.done) == 4)
    await source.stop(1)
    assert function.batches == [["A1", "A2", "A3", "B1"]]


async def test_what_failed_comes_back_before_the_rest_of_its_group(fifo: Queue, clock: Clock) -> None:
    failing = {"A1", "A2"}
    function = Function(lambda record: record["body"] in failing)
    source = mapping(fifo, function, batch_size=2)
    send(fifo, "A1", "A2", "A3", "B1")
    source.start()
    await until(lambda: function.done == ["B1"] and not source.in_flight)
    assert fifo.counts() == Counts(visible=1, in_flight=2, delayed=0)
    failing.clear()
    clock.now += 60
    send(fifo, "C1")  # which wakes the poll: the clock here stands still
    await until(lambda: len(function.done) == 5)
    await source.stop(1)
    assert [body for body in function.done if body[0] == "A"] == ["A1", "A2", "A3"]


async def test_a_batch_of_a_fifo_queue_that_one_payload_does_not_hold_goes_in_parts_one_after_the_other(
    fifo: Queue,
) -> None:
    function = Function()
    source = mapping(fifo, function, max_concurrency=5)
    send(fifo, *(f"A{number}" + MEGABYTE for number in range(8)))
    source.start()
    await until(lambda: len(function.done) == 8)
    await source.stop(1)
    assert len(function.batches) == 2
    assert (function.done, function.most_of_a_group) == ([f"A{number}" for number in range(8)], 1)


async def test_after_a_failure_the_later_parts_leave_that_group_out(fifo: Queue) -> None:
    function = Function(lambda record: record["body"].startswith("A0"))
    source = mapping(fifo, function, max_concurrency=5)
    send(fifo, *(f"A{number}" + MEGABYTE for number in range(8)), "B0")
    source.start()
    await until(lambda: "B0" in function.done)
    await source.stop(1)
    assert function.batches == [["A0", "A1", "A2", "A3", "A4", "A5"], ["B0"]]
    assert fifo.counts().in_flight == 3


async def test_the_visibility_that_a_function_sets_holds_after_its_invocation(sqs: Sqs, clock: Clock) -> None:
    queue = sqs.create_queue("lane", {"VisibilityTimeout": "60"})

    def come_back_in_300(record: Mapping[str, Any]) -> bool:
        queue.change_visibility(record["receiptHandle"], 300)
        return True

    source = mapping(queue, Function(come_back_in_300))
    queue.send("x")
    source.start()
    await until(lambda: queue.counts().in_flight == 1 and source.in_flight == 0)
    await source.stop(1)
    clock.now += 299
    assert queue.counts() == Counts(visible=0, in_flight=1, delayed=0)
    clock.now += 1
    (again,) = queue.receive_now()
    assert again.attributes["ApproximateReceiveCount"] == "2"


async def test_one_that_comes_again_before_its_function_ended_is_not_deleted_and_the_mapping_goes_on(
    fifo: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    handles: list[str] = []

    def let_go(record: Mapping[str, Any]) -> bool:
        if not handles:
            handles.append(record["receiptHandle"])
            fifo.change_visibility(record["receiptHandle"], 0)
        return False

    function = Function(let_go)
    source = mapping(fifo, function, max_concurrency=1)
    send(fifo, "A1", "A2")
    source.start()
    await until(lambda: function.done == ["A1", "A2", "A1"])
    await until(lambda: fifo.counts() == Counts(0, 0, 0))
    await source.stop(1)
    assert "comes again: InvalidParameterValue" in caplog.text


async def test_what_arrives_while_a_batch_waits_for_its_turn_goes_with_it(
    fifo: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile = ["C1", "D1", "E1"]
    sleep = asyncio.sleep

    async def arrive(seconds: float) -> None:
        if seconds > 100:
            send(fifo, *meanwhile)
            meanwhile.clear()
        else:
            await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", arrive)
    function = Function()
    turnstile = Turnstile(600)
    source = EventSource(a_trigger(queue_arn=fifo.arn, batch_size=3), fifo, function.invoke, turnstile=turnstile)
    source.start()
    send(fifo, "A1")
    await until(lambda: function.done == ["A1"])
    send(fifo, "B1")
    await until(lambda: len(function.done) == 5)
    await source.stop(1)
    assert function.batches == [["A1"], ["B1", "C1", "D1"], ["E1"]]


async def test_full_batches_have_no_turn_to_wait_for(fifo: Queue) -> None:
    function = Function()
    turnstile = Turnstile(600)
    source = EventSource(a_trigger(queue_arn=fifo.arn, batch_size=2), fifo, function.invoke, turnstile=turnstile)
    send(fifo, "A1", "B1", "C1", "D1", "E1")
    source.start()
    await until(lambda: len(function.done) == 5)
    await source.stop(1)
    assert function.batches == [["A1", "B1"], ["C1", "D1"], ["E1"]]
