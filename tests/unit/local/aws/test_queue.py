import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from moto.sqs.models import Message as MotoMessage

from webhookctl.local.aws.errors import SqsError
from webhookctl.local.aws.message import md5_of_attributes
from webhookctl.local.aws.queue import Counts, Queue
from webhookctl.local.aws.sqs import Sqs

START = 1_700_000_000.0


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
    return Sqs("111122223333", "eu-west-1", clock=clock)


@pytest.fixture
def make_queue(sqs: Sqs) -> Callable[..., Queue]:
    def make(name: str = "lane", **attributes: object) -> Queue:
        return sqs.create_queue(name, {key: str(value) for key, value in attributes.items()})

    return make


@pytest.fixture
def lane(make_queue: Callable[..., Queue]) -> Queue:
    """A queue whose messages go to `dead` after two receives."""
    dead = make_queue("dead", MessageRetentionPeriod=1_209_600)
    return make_queue("lane", RedrivePolicy=f'{{"deadLetterTargetArn":"{dead.arn}","maxReceiveCount":2}}')


def error_of(call: Callable[[], object]) -> SqsError:
    with pytest.raises(SqsError) as refused:
        call()
    return refused.value


def test_messages_come_in_the_order_in_which_they_were_sent(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue()
    for number in range(12):
        queue.send(str(number))

    bodies = [message.body for _ in range(2) for message in queue.receive_now(10)]

    assert bodies == [str(number) for number in range(12)]


def test_a_received_message_has_its_system_attributes(make_queue: Callable[..., Queue], clock: Clock) -> None:
    queue = make_queue()
    sent = queue.send("body", system_attributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2-3"}})
    clock.now += 1

    (message,) = queue.receive_now()

    assert message.message_id == sent.message_id
    assert message.md5_of_body == "841a2d689ad86bd1611447453c22c6fc"
    assert message.attributes["AWSTraceHeader"] == "Root=1-2-3"
    assert message.attributes["SentTimestamp"] == "1700000000000"
    assert message.attributes["ApproximateFirstReceiveTimestamp"] == "1700000001000"
    assert message.attributes["ApproximateReceiveCount"] == "1"


def test_a_message_in_flight_is_hidden_until_its_visibility_time_out(
    make_queue: Callable[..., Queue], clock: Clock
) -> None:
    queue = make_queue(VisibilityTimeout=10)
    queue.send("body")

    assert len(queue.receive_now()) == 1
    clock.now += 9.9
    assert queue.receive_now() == []
    assert queue.counts() == Counts(visible=0, in_flight=1, delayed=0)
    clock.now += 0.1

    (again,) = queue.receive_now()
    assert again.attributes["ApproximateReceiveCount"] == "2"
    assert again.attributes["ApproximateFirstReceiveTimestamp"] == "1700000000000"


def test_a_deleted_message_never_comes_back(make_queue: Callable[..., Queue], clock: Clock) -> None:
    queue = make_queue()
    queue.send("body")
    (message,) = queue.receive_now()

    queue.delete(message.receipt_handle)
    queue.delete(message.receipt_handle)
    clock.now += 3600

    assert queue.receive_now() == []
    assert queue.counts() == Counts(0, 0, 0)


def test_an_older_receipt_handle_deletes_nothing(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(VisibilityTimeout=0)
    queue.send("body")
    (first,), (second,) = queue.receive_now(), queue.receive_now()

    queue.delete(first.receipt_handle)
    assert queue.counts().visible == 1

    queue.delete(second.receipt_handle)
    assert queue.counts().visible == 0


@pytest.mark.parametrize("handle", ["", "nonsense", "é", "YWJj"])
def test_a_malformed_receipt_handle_is_refused(make_queue: Callable[..., Queue], handle: str) -> None:
    queue = make_queue()

    assert error_of(lambda: queue.delete(handle)).code == "ReceiptHandleIsInvalid"
    assert error_of(lambda: queue.change_visibility(handle, 1)).code == "ReceiptHandleIsInvalid"


def test_visibility_can_be_shortened_and_lengthened_while_in_flight(
    make_queue: Callable[..., Queue], clock: Clock
) -> None:
    queue = make_queue(VisibilityTimeout=10)
    queue.send("body")
    (message,) = queue.receive_now()

    queue.change_visibility(message.receipt_handle, 60)
    clock.now += 59
    assert queue.receive_now() == []

    queue.change_visibility(message.receipt_handle, 0)
    (again,) = queue.receive_now()
    assert again.message_id == message.message_id


def test_visibility_of_a_message_that_is_not_in_flight_cannot_be_changed(
    make_queue: Callable[..., Queue], clock: Clock
) -> None:
    queue = make_queue(VisibilityTimeout=10)
    queue.send("body")
    (message,) = queue.receive_now()
    clock.now += 10

    assert error_of(lambda: queue.change_visibility(message.receipt_handle, 5)).code == "MessageNotInflight"

    (again,) = queue.receive_now()
    queue.delete(again.receipt_handle)
    assert error_of(lambda: queue.change_visibility(again.receipt_handle, 5)).code == "InvalidParameterValue"


def test_a_delayed_message_is_counted_as_such_until_it_is_due(make_queue: Callable[..., Queue], clock: Clock) -> None:
    queue = make_queue(DelaySeconds=5)
    queue.send("by the queue")
    queue.send("by the call", delay_seconds=7)
    queue.send("at once", delay_seconds=0)

    assert queue.counts() == Counts(visible=1, in_flight=0, delayed=2)
    clock.now += 5
    assert [message.body for message in queue.receive_now(10)] == ["at once", "by the queue"]
    clock.now += 2
    assert [message.body for message in queue.receive_now(10)] == ["by the call"]


def test_a_message_received_too_often_goes_to_the_dead_letter_queue_as_it_was(
    sqs: Sqs, lane: Queue, clock: Clock
) -> None:
    sent = lane.send("poison", {"kind": {"DataType": "String", "StringValue": "bad"}})
    for _ in range(2):
        assert len(lane.receive_now()) == 1
        clock.now += 30

    assert lane.receive_now() == []
    assert lane.counts() == Counts(0, 0, 0)
    (dead,) = sqs.queues["dead"].receive_now()
    assert (dead.message_id, dead.body) == (sent.message_id, "poison")
    assert dead.message_attributes["kind"]["StringValue"] == "bad"
    assert dead.attributes["SentTimestamp"] == "1700000000000"
    assert dead.attributes["DeadLetterQueueSourceArn"] == lane.arn


def test_a_neighbour_of_a_dead_lettered_message_is_received_in_the_same_call(lane: Queue, clock: Clock) -> None:
    lane.send("poison")
    for _ in range(2):
        lane.receive_now()
        clock.now += 30
    lane.send("good")

    assert [message.body for message in lane.receive_now(10)] == ["good"]


def test_what_is_kept_for_too_long_is_gone_wherever_it_is(make_queue: Callable[..., Queue], clock: Clock) -> None:
    queue = make_queue(MessageRetentionPeriod=60, VisibilityTimeout=1000)
    for _ in range(3):
        queue.send("body")
    queue.receive_now()
    clock.now += 59
    assert queue.counts() == Counts(visible=2, in_flight=1, delayed=0)
    clock.now += 1

    assert queue.receive_now(10) == []
    assert queue.counts() == Counts(0, 0, 0)


def test_a_dead_lettered_message_expires_by_its_first_enqueue_time(sqs: Sqs, lane: Queue, clock: Clock) -> None:
    lane.send("poison")
    clock.now += 345_600 - 100
    for _ in range(2):
        lane.receive_now()
        clock.now += 30
    lane.receive_now()
    dead = sqs.queues["dead"]
    dead.set_attributes({"MessageRetentionPeriod": "345600"})

    assert dead.counts().visible == 1
    clock.now += 40
    assert dead.counts().visible == 0


def test_a_move_task_brings_dead_letters_back_as_new_messages(sqs: Sqs, lane: Queue, clock: Clock) -> None:
    sent = lane.send("poison")
    for _ in range(3):
        lane.receive_now()
        clock.now += 30

    task = sqs.start_message_move_task(sqs.queues["dead"].arn, "")

    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert sqs.queues["dead"].counts() == Counts(0, 0, 0)
    (back,) = lane.receive_now()
    assert back.body == "poison"
    assert back.message_id != sent.message_id
    assert back.attributes["ApproximateReceiveCount"] == "1"
    assert back.attributes["SentTimestamp"] == str(int(clock.now * 1000))


def test_only_a_dead_letter_queue_can_be_moved_from(sqs: Sqs, lane: Queue) -> None:
    refused = error_of(lambda: sqs.start_message_move_task(lane.arn, ""))

    assert refused.message == "Source queue must be configured as a Dead Letter Queue."


def test_the_size_limit_counts_bytes_with_attributes_and_without_the_trace_header(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(MaximumMessageSize=1024)
    attribute = {"n": {"DataType": "String", "StringValue": "v"}}
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "x" * 500}}

    queue.send("é" * 512, system_attributes=trace)
    queue.send("x" * (1024 - len("nStringv")), attribute)
    too_many_bytes = error_of(lambda: queue.send("é" * 512 + "x"))
    too_many_with_attribute = error_of(lambda: queue.send("x" * (1025 - len("nStringv")), attribute))

    for refused in (too_many_bytes, too_many_with_attribute):
        assert (refused.code, refused.status) == ("InvalidParameterValue", 400)
        assert refused.message == "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    assert queue.counts().visible == 2


@pytest.mark.parametrize("character", ["\t", "\n", "\r", " ", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0010ffff"])
def test_the_allowed_characters_are_taken(make_queue: Callable[..., Queue], character: str) -> None:
    queue = make_queue()
    queue.send(character)

    assert queue.receive_now()[0].body == character


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_other_characters_are_refused(make_queue: Callable[..., Queue], character: str) -> None:
    assert error_of(lambda: make_queue().send(f"a{character}b")).code == "InvalidMessageContents"


def test_nothing_empty_is_taken(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue()
    empty = {"DataType": "String", "StringValue": ""}

    assert error_of(lambda: queue.send("")).code == "MissingParameter"
    assert "non-empty value" in error_of(lambda: queue.send("x", {"a": empty})).message
    assert "non-empty value" in error_of(lambda: queue.send("x", system_attributes={"AWSTraceHeader": empty})).message
    assert queue.counts().visible == 0


@pytest.mark.parametrize(
    ("attributes", "system_attributes"),
    [
        ({"a": {"DataType": "Text", "StringValue": "x"}}, {}),
        ({"a": {"DataType": "Binary", "StringValue": "x"}}, {}),
        ({"ö": {"DataType": "String", "StringValue": "x"}}, {}),
        ({f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}, {}),
        ({}, {"Other": {"DataType": "String", "StringValue": "x"}}),
        ({}, {"AWSTraceHeader": {"DataType": "Number", "StringValue": "1"}}),
    ],
)
def test_a_wrong_attribute_is_refused(
    make_queue: Callable[..., Queue],
    attributes: dict[str, dict[str, str]],
    system_attributes: dict[str, dict[str, str]],
) -> None:
    refused = error_of(lambda: make_queue().send("x", attributes, system_attributes))

    assert refused.code == "InvalidParameterValue"


def test_the_digest_of_attributes_is_the_one_that_moto_computes_too() -> None:
    attributes = {
        "b": {"DataType": "Binary", "BinaryValue": "AAEC"},
        "a": {"DataType": "Number.int", "StringValue": "1"},
        "c": {"DataType": "String", "StringValue": "ä"},
    }
    theirs = MotoMessage("id", "body")
    theirs.message_attributes = {**attributes, "b": {"DataType": "Binary", "BinaryValue": b"\x00\x01\x02"}}

    assert md5_of_attributes(attributes) == theirs.attribute_md5


def test_purging_takes_everything_away(make_queue: Callable[..., Queue], clock: Clock) -> None:
    queue = make_queue()
    for _ in range(3):
        queue.send("x")
    queue.receive_now()
    queue.send("y", delay_seconds=5)

    queue.purge()
    clock.now += 3600

    assert queue.counts() == Counts(0, 0, 0)
    assert queue.receive_now(10) == []


def test_too_many_messages_in_flight_fail_a_short_poll_and_not_a_long_one(
    make_queue: Callable[..., Queue], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhookctl.local.aws.queue.MAX_IN_FLIGHT", 2)
    queue = make_queue()
    for _ in range(3):
        queue.send("x")

    assert len(queue.receive_now(10)) == 2
    assert error_of(lambda: queue.receive_now(10)).code == "OverLimit"
    assert queue.receive_now(10, long_poll=True) == []


def test_attributes_can_be_changed_all_or_nothing(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue()

    queue.set_attributes({"VisibilityTimeout": "7", "Policy": "{}"})
    assert error_of(lambda: queue.set_attributes({"VisibilityTimeout": "8", "DelaySeconds": "soon"})).code == (
        "InvalidAttributeValue"
    )

    assert queue.settings.visibility_timeout_seconds == 7
    assert queue.attributes()["Policy"] == "{}"
    queue.set_attributes({"Policy": ""})
    assert "Policy" not in queue.attributes()


async def test_a_long_poll_gets_a_message_that_another_thread_sends(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue()
    receiving = asyncio.create_task(queue.receive(10, wait_seconds=20))
    await asyncio.sleep(0)

    await asyncio.to_thread(queue.send, "body")

    assert [message.body for message in await receiving] == ["body"]


async def test_a_long_poll_gets_a_message_whose_time_out_ends() -> None:
    sqs = Sqs("111122223333", "eu-west-1", clock=time.time)
    queue = sqs.create_queue("lane", {})
    queue.send("body")
    queue.receive_now(visibility_timeout_seconds=1)

    (message,) = await queue.receive(1, wait_seconds=20)

    assert message.attributes["ApproximateReceiveCount"] == "2"


async def test_an_empty_long_poll_ends_with_its_wait() -> None:
    queue = Sqs("111122223333", "eu-west-1", clock=time.time).create_queue("lane", {})

    assert await queue.receive(1, wait_seconds=1) == []


async def test_a_cancelled_poll_takes_nothing(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue()
    receiving = asyncio.create_task(queue.receive(10, wait_seconds=20))
    await asyncio.sleep(0)
    receiving.cancel()
    queue.send("body")
    with pytest.raises(asyncio.CancelledError):
        await receiving

    assert len(queue.receive_now()) == 1


def test_four_senders_and_four_receivers_lose_and_double_nothing() -> None:
    queue = Sqs("111122223333", "eu-west-1").create_queue("lane", {"VisibilityTimeout": "600"})
    received: list[str] = []
    sent = threading.Event()

    def send(sender: int) -> None:
        for number in range(500):
            queue.send(f"{sender}-{number}")

    def receive() -> None:
        while (messages := queue.receive_now(10)) or not sent.is_set():
            for message in messages:
                received.append(message.body)
                queue.delete(message.receipt_handle)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    receivers = [threading.Thread(target=receive) for _ in range(4)]
    for thread in senders + receivers:
        thread.start()
    for thread in senders:
        thread.join()
    sent.set()
    for thread in receivers:
        thread.join()

    assert sorted(received) == sorted(f"{sender}-{number}" for sender in range(4) for number in range(500))
    assert queue.counts() == Counts(0, 0, 0)


def test_work_per_message_does_not_grow_with_what_waits(make_queue: Callable[..., Queue]) -> None:
    """Counted, not timed: the steps that the interpreter takes for a send and a receive among few and among many."""
    queue = make_queue()

    def steps() -> int:
        count = 0

        def count_line(*_: object) -> Any:
            nonlocal count
            count += 1
            return count_line

        before = sys.gettrace()
        sys.settrace(count_line)
        try:
            queue.send("x")
            queue.delete(queue.receive_now()[0].receipt_handle)
        finally:
            sys.settrace(before)
        return count

    for _ in range(10):
        queue.send("x")
    few = steps()
    for _ in range(20_000):
        queue.send("x")

    assert steps() <= few * 1.1


def test_a_message_that_was_sent_to_the_dead_letter_queue_itself_fails_a_move_task_without_a_destination(
    sqs: Sqs, lane: Queue, clock: Clock
) -> None:
    lane.send("moved there")
    for _ in range(3):
        lane.receive_now()
        clock.now += 30
    dead = sqs.queues["dead"]
    dead.send("sent there")
    dead.send("behind it")

    task = sqs.start_message_move_task(dead.arn, "")

    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert (task["ApproximateNumberOfMessagesToMove"], task["ApproximateNumberOfMessagesMoved"]) == (3, 1)
    assert [message.body for message in lane.receive_now(10)] == ["moved there"]
    assert [message.body for message in dead.receive_now(10)] == ["sent there", "behind it"]


def test_with_a_destination_a_move_task_takes_what_was_sent_to_the_dead_letter_queue_too(sqs: Sqs, lane: Queue) -> None:
    sqs.queues["dead"].send("sent there")

    task = sqs.start_message_move_task(sqs.queues["dead"].arn, lane.arn)

    assert (task["Status"], task.get("FailureReason")) == ("COMPLETED", None)
    assert [message.body for message in lane.receive_now(10)] == ["sent there"]


def test_a_move_task_whose_queue_is_gone_leaves_the_dead_letters_where_they_are(
    sqs: Sqs, lane: Queue, make_queue: Callable[..., Queue], clock: Clock
) -> None:
    dead = sqs.queues["dead"]
    make_queue("other", RedrivePolicy=f'{{"deadLetterTargetArn":"{dead.arn}","maxReceiveCount":1}}')
    lane.send("poison")
    for _ in range(3):
        lane.receive_now()
        clock.now += 30
    sqs.delete_queue("lane")

    assert sqs.start_message_move_task(dead.arn, "")["FailureReason"] == "AWS.SimpleQueueService.NonExistentQueue"
    refused = error_of(lambda: sqs.start_message_move_task(dead.arn, lane.arn))
    assert (refused.code, refused.status) == ("ResourceNotFoundException", 404)
    assert dead.counts().visible == 1


def test_one_receive_gives_no_message_twice_even_when_it_hides_none(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(VisibilityTimeout=0)
    queue.send("body")

    assert len(queue.receive_now(10)) == 1
    assert queue.counts().visible == 1


def test_a_standard_queue_keeps_a_group_and_takes_no_deduplication_id(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue()
    queue.send("one", group_id="customer")
    queue.send("two", group_id="customer")

    one, two = queue.receive_now()[0], queue.receive_now()[0]
    assert one.attributes["MessageGroupId"] == two.attributes["MessageGroupId"] == "customer"
    assert not {"MessageDeduplicationId", "SequenceNumber"} & one.attributes.keys()
    refused = error_of(lambda: queue.send("three", group_id="customer", deduplication_id="3"))
    assert "MessageDeduplicationId is invalid" in refused.message
