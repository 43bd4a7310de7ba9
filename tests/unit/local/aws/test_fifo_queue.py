import asyncio
import hashlib
import json
import random
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.local.aws.test_queue import START, Clock, error_of
from webhookctl.local.aws.errors import SqsError
from webhookctl.local.aws.message import Message
from webhookctl.local.aws.queue import Counts, Queue
from webhookctl.local.aws.sqs import Sqs

MakeQueue = Callable[..., Queue]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sqs(clock: Clock) -> Sqs:
    return Sqs("111122223333", "eu-west-1", clock=clock)


@pytest.fixture
def make_queue(sqs: Sqs) -> MakeQueue:
    def make(name: str = "lane.fifo", **attributes: object) -> Queue:
        ordinary = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "30"}
        return sqs.create_queue(name, ordinary | {key: str(value) for key, value in attributes.items()})

    return make


@pytest.fixture
def lane(make_queue: MakeQueue) -> Queue:
    """A queue whose messages go to `dead.fifo` after two receives."""
    dead = make_queue("dead.fifo", MessageRetentionPeriod=1000)
    return make_queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2}))


def send(queue: Queue, *bodies: str) -> None:
    """Messages like A1, whose group is the letter."""
    for body in bodies:
        queue.send(body, group_id=body[0])


def receive(queue: Queue, count: int = 10) -> list[str]:
    return bodies(queue.receive_now(count))


def bodies(messages: list[Message]) -> list[str]:
    return [message.body for message in messages]


def delete(queue: Queue, *messages: Message) -> None:
    for message in messages:
        queue.delete(message.receipt_handle)


def test_the_messages_of_a_group_come_in_the_order_in_which_they_were_sent(make_queue: MakeQueue) -> None:
    queue = make_queue()
    send(queue, *(f"A{number}" for number in range(25)))
    seen = []
    while batch := queue.receive_now(10):
        seen += bodies(batch)
        delete(queue, *batch)
    assert seen == [f"A{number}" for number in range(25)]


def test_a_group_with_a_message_in_flight_gives_nothing_more_until_it_is_deleted(make_queue: MakeQueue) -> None:
    queue = make_queue()
    send(queue, "A1", "A2", "A3")
    first, second = queue.receive_now(2)
    assert receive(queue) == []
    delete(queue, first)
    assert receive(queue) == []
    delete(queue, second)
    assert receive(queue) == ["A3"]


def test_a_group_in_flight_keeps_nothing_of_the_others_back(make_queue: MakeQueue) -> None:
    queue = make_queue()
    send(queue, "A1", "A2", "B1", "C1")
    assert [receive(queue, 1) for _ in range(4)] == [["A1"], ["B1"], ["C1"], []]


def test_one_receive_takes_as_much_of_a_group_as_there_is_and_then_of_the_next(make_queue: MakeQueue) -> None:
    queue = make_queue()
    send(queue, "A1", "B1", "A2", "B2", "A3")
    assert receive(queue, 4) == ["A1", "A2", "A3", "B1"]
    assert receive(queue) == []


def test_a_group_that_was_served_is_behind_those_that_wait(make_queue: MakeQueue) -> None:
    queue = make_queue()
    send(queue, "A1", "A2", "B1", "B2")
    seen = []
    while batch := queue.receive_now(1):
        seen += bodies(batch)
        delete(queue, *batch)
    assert seen == ["A1", "B1", "A2", "B2"]


def test_what_failed_comes_back_before_the_others_of_its_group(make_queue: MakeQueue, clock: Clock) -> None:
    queue = make_queue()
    send(queue, "A1", "A2", "A3")
    _first, second = queue.receive_now(2)
    delete(queue, second)
    clock.now += 29.9
    assert receive(queue) == []
    clock.now += 0.1
    (again, *others) = queue.receive_now(10)
    assert [again.body, *bodies(others)] == ["A1", "A3"]
    assert again.attributes["ApproximateReceiveCount"] == "2"


def test_one_that_is_visible_again_waits_for_the_rest_of_its_group(make_queue: MakeQueue, clock: Clock) -> None:
    """Else the second of two that failed together would overtake the first, or be overtaken by what came later."""
    queue = make_queue()
    send(queue, "A1", "A2", "A3")
    first, second = queue.receive_now(2)
    queue.change_visibility(second.receipt_handle, 0)
    assert receive(queue) == []
    queue.change_visibility(first.receipt_handle, 5)
    clock.now += 5
    assert receive(queue) == ["A1", "A2", "A3"]


def test_counts_are_of_messages_also_of_those_that_their_group_keeps_back(make_queue: MakeQueue) -> None:
    queue = make_queue()
    send(queue, "A1", "A2", "B1")
    queue.receive_now(1)
    assert queue.counts() == Counts(visible=2, in_flight=1, delayed=0)


def test_a_received_message_has_its_group_its_deduplication_id_and_its_number(make_queue: MakeQueue) -> None:
    queue = make_queue()
    sent = [queue.send("one", group_id="g"), queue.send("two", group_id="g", deduplication_id="second")]
    one, two = queue.receive_now(2)
    assert one.attributes["MessageGroupId"] == "g"
    assert one.attributes["MessageDeduplicationId"] == hashlib.sha256(b"one").hexdigest()
    assert two.attributes["MessageDeduplicationId"] == "second"
    assert [each.sequence_number for each in sent] == [each.attributes["SequenceNumber"] for each in (one, two)]
    assert int(sent[0].sequence_number) < int(sent[1].sequence_number)
    assert len(sent[0].sequence_number) == 20


def test_a_duplicate_is_answered_like_the_first_and_not_kept(make_queue: MakeQueue) -> None:
    queue = make_queue()
    first = queue.send("one", group_id="g", deduplication_id="same")
    again = queue.send("other", group_id="g", deduplication_id="same")
    assert (again.message_id, again.sequence_number) == (first.message_id, first.sequence_number)
    assert again.md5_of_body == hashlib.md5(b"other", usedforsecurity=False).hexdigest()
    assert receive(queue) == ["one"]


def test_what_was_sent_is_remembered_for_five_minutes_even_when_it_was_deleted(
    make_queue: MakeQueue, clock: Clock
) -> None:
    queue = make_queue()
    send(queue, "A1")
    delete(queue, *queue.receive_now())
    clock.now += 299
    send(queue, "A1")
    assert queue.counts() == Counts(0, 0, 0)
    clock.now += 1  # five minutes after the first, not after the duplicate
    send(queue, "A1")
    assert receive(queue) == ["A1"]


def test_a_refused_message_is_no_duplicate_of_a_later_one(make_queue: MakeQueue) -> None:
    queue = make_queue()
    error_of(lambda: queue.send("", group_id="g", deduplication_id="1"))
    error_of(lambda: queue.send("x", group_id="g", deduplication_id="1", delay_seconds=1))
    queue.send("good", group_id="g", deduplication_id="1")
    assert receive(queue) == ["good"]


@pytest.mark.parametrize(("scope", "kept"), [("queue", 1), ("messageGroup", 2)])
def test_duplicates_are_looked_for_in_the_scope_that_is_set(make_queue: MakeQueue, scope: str, kept: int) -> None:
    queue = make_queue(DeduplicationScope=scope)
    for group in ("A", "B"):
        queue.send("same", group_id=group)
    assert queue.counts().visible == kept


def test_a_message_needs_a_group_and_without_content_to_go_by_a_deduplication_id(make_queue: MakeQueue) -> None:
    queue = make_queue(ContentBasedDeduplication="false")
    assert error_of(lambda: queue.send("x", deduplication_id="1")).code == "MissingParameter"
    assert "ContentBasedDeduplication" in error_of(lambda: queue.send("x", group_id="g")).message
    assert queue.counts() == Counts(0, 0, 0)


@pytest.mark.parametrize("identifier", ["", "a" * 129, "a b", "é", "\n"])
def test_an_identifier_of_other_characters_or_another_length_is_refused(make_queue: MakeQueue, identifier: str) -> None:
    queue = make_queue()
    assert "MessageGroupId" in error_of(lambda: queue.send("x", group_id=identifier)).message
    refused = error_of(lambda: queue.send("x", group_id="g", deduplication_id=identifier))
    assert "MessageDeduplicationId" in refused.message


def test_every_letter_digit_and_mark_is_allowed_in_an_identifier(make_queue: MakeQueue) -> None:
    queue = make_queue()
    identifier = "".join(map(chr, range(0x21, 0x7F)))
    queue.send("x", group_id=identifier, deduplication_id=identifier)
    assert queue.receive_now()[0].attributes["MessageGroupId"] == identifier


def test_a_message_of_a_fifo_queue_has_no_delay_of_its_own(make_queue: MakeQueue) -> None:
    queue = make_queue()
    refused = error_of(lambda: queue.send("x", group_id="g", delay_seconds=1))
    assert "DelaySeconds is invalid" in refused.message
    queue.send("y", group_id="g", delay_seconds=0)
    assert receive(queue) == ["y"]


def test_with_a_delay_that_became_shorter_nothing_overtakes(make_queue: MakeQueue, clock: Clock) -> None:
    queue = make_queue(DelaySeconds=10)
    send(queue, "A1")
    queue.set_attributes({"DelaySeconds": "1"})
    send(queue, "A2")
    clock.now += 1
    assert receive(queue) == []
    clock.now += 9
    assert receive(queue) == ["A1", "A2"]


def test_what_is_received_too_often_goes_to_the_dead_letter_queue_and_its_group_goes_on(
    sqs: Sqs, lane: Queue, clock: Clock
) -> None:
    sent = lane.send("A1", group_id="A")
    send(lane, "A2")
    for _ in range(2):
        lane.receive_now(1)
        clock.now += 30
    assert receive(lane, 1) == ["A2"]
    (dead,) = sqs.queues["dead.fifo"].receive_now()
    assert (dead.message_id, dead.body) == (sent.message_id, "A1")
    assert dead.attributes["MessageGroupId"] == "A"
    assert dead.attributes["MessageDeduplicationId"] == sent.message_id  # not its own, which another one may have
    assert dead.attributes["DeadLetterQueueSourceArn"] == lane.arn


def test_a_dead_letters_retention_begins_anew(sqs: Sqs, lane: Queue, clock: Clock) -> None:
    send(lane, "A1")
    clock.now += 940
    for _ in range(3):
        lane.receive_now(1)
        clock.now += 30
    clock.now = START + 1900
    assert sqs.queues["dead.fifo"].counts().visible == 1
    clock.now = START + 2001
    assert sqs.queues["dead.fifo"].counts().visible == 0


def test_a_dead_letter_queue_is_of_the_same_type(make_queue: MakeQueue, sqs: Sqs) -> None:
    standard, fifo = sqs.create_queue("standard", {}), make_queue()
    for queue, target in ((standard, fifo), (fifo, standard)):
        policy = json.dumps({"deadLetterTargetArn": target.arn, "maxReceiveCount": 2})
        before = queue.attributes()
        with pytest.raises(SqsError, match="must be same type"):
            queue.set_attributes({"RedrivePolicy": policy})
        assert queue.attributes() == before


@pytest.mark.parametrize("explicit", [True, False])
def test_a_move_task_keeps_the_groups_and_their_order(sqs: Sqs, lane: Queue, clock: Clock, explicit: bool) -> None:
    send(lane, "A1", "A2", "B1")
    for _ in range(3):
        lane.receive_now(10)
        clock.now += 30
    dead = sqs.queues["dead.fifo"]
    assert dead.counts().visible == 3
    task = sqs.start_message_move_task(dead.arn, lane.arn if explicit else "")
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)
    back = lane.receive_now(10)
    assert [(each.body, each.attributes["MessageGroupId"]) for each in back] == [("A1", "A"), ("A2", "A"), ("B1", "B")]


def test_what_was_sent_to_the_dead_letter_queue_itself_is_moved_with_its_group(sqs: Sqs, lane: Queue) -> None:
    dead = sqs.queues["dead.fifo"]
    dead.send("B1", group_id="B", deduplication_id="used-up")
    assert sqs.start_message_move_task(dead.arn, "")["FailureReason"] == "CouldNotDetermineMessageSource"
    sqs.start_message_move_task(dead.arn, lane.arn)
    (back,) = lane.receive_now()
    assert (back.body, back.attributes["MessageGroupId"]) == ("B1", "B")


def test_a_handle_whose_time_is_over_deletes_nothing_and_is_refused(make_queue: MakeQueue, clock: Clock) -> None:
    queue = make_queue()
    send(queue, "A1")
    (first,) = queue.receive_now()
    clock.now += 30
    assert "expired" in error_of(lambda: queue.delete(first.receipt_handle)).message
    (second,) = queue.receive_now()
    assert "expired" in error_of(lambda: queue.delete(first.receipt_handle)).message
    delete(queue, second)
    delete(queue, second)  # it is gone, which is what was asked for
    assert queue.counts() == Counts(0, 0, 0)


def test_purging_frees_the_groups(make_queue: MakeQueue) -> None:
    queue = make_queue()
    send(queue, "A1", "A2")
    queue.receive_now(1)
    queue.purge()
    send(queue, "A3")
    assert receive(queue) == ["A3"]


def test_too_many_in_flight_give_nothing_and_are_no_error(
    make_queue: MakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhookctl.local.aws.queue.MAX_IN_FLIGHT", 2)
    queue = make_queue()
    send(queue, "A1", "B1", "C1", "D1")
    first, _second = queue.receive_now(10)
    assert receive(queue) == []
    delete(queue, first)
    assert receive(queue) == ["C1"]


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("lane", {"FifoQueue": "true"}),
        ("lane", {"ContentBasedDeduplication": "true"}),
        ("lane.fifo", {"FifoQueue": "false"}),
        ("lane.fifo", {"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}),
        ("lane.fifo", {"FifoQueue": "true", "DeduplicationScope": "group"}),
    ],
)
def test_attributes_that_do_not_go_together_make_no_queue(sqs: Sqs, name: str, attributes: dict[str, str]) -> None:
    error_of(lambda: sqs.create_queue(name, attributes))
    assert not sqs.queues


async def test_through_the_api_a_fifo_queue_is_asked_for_by_its_attribute(sqs: Sqs) -> None:
    with pytest.raises(SqsError):
        await sqs.call("CreateQueue", {"QueueName": "lane.fifo"})
    await sqs.call("CreateQueue", {"QueueName": "lane.fifo", "Attributes": {"FifoQueue": "true"}})
    answer = await sqs.call("GetQueueAttributes", {"QueueUrl": "lane.fifo", "AttributeNames": ["All"]})
    assert answer["Attributes"]["FifoQueue"] == "true"
    assert answer["Attributes"]["DeduplicationScope"] == "queue"


async def test_through_the_api_a_batch_may_hold_several_of_one_group(sqs: Sqs, make_queue: MakeQueue) -> None:
    make_queue()
    entries = [{"Id": str(n), "MessageBody": f"A{n}", "MessageGroupId": "A"} for n in range(3)]
    sent = await sqs.call("SendMessageBatch", {"QueueUrl": "lane.fifo", "Entries": [*entries, {"Id": "x", **NO_GROUP}]})
    assert [each["Id"] for each in sent["Failed"]] == ["x"]
    asked = {"QueueUrl": "lane.fifo", "MaxNumberOfMessages": 10, "AttributeNames": ["SequenceNumber", "MessageGroupId"]}
    received = (await sqs.call("ReceiveMessage", asked))["Messages"]
    assert [each["Body"] for each in received] == ["A0", "A1", "A2"]
    numbers = [each["Attributes"]["SequenceNumber"] for each in received]
    assert numbers == [each["SequenceNumber"] for each in sent["Successful"]]


NO_GROUP = {"MessageBody": "x"}


async def test_a_long_poll_gets_what_becomes_free_when_another_one_is_deleted() -> None:
    queue = Sqs("111122223333", "eu-west-1").create_queue("q.fifo", {"ContentBasedDeduplication": "true"})
    send(queue, "A1", "A2")
    (first,) = queue.receive_now(1)
    waiting = asyncio.create_task(queue.receive(1, 20))
    await asyncio.sleep(0)
    delete(queue, first)
    assert bodies(await waiting) == ["A2"]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_fails_each_group_is_done_in_order_and_nothing_is_lost(
    make_queue: MakeQueue, clock: Clock, seed: int
) -> None:
    """Receivers that fail, are slow, hide for longer or let go early: done is always the head of a group."""
    chance = random.Random(seed)  # noqa: S311 - the same course each time
    queue = make_queue()
    expected: dict[str, list[str]] = {group: [] for group in "ABC"}
    done: dict[str, list[str]] = {group: [] for group in "ABC"}
    for number in range(60):
        group = chance.choice("ABC")
        expected[group].append(f"{group}{number}")
        send(queue, f"{group}{number}")
    for _ in range(5_000):
        held = queue.receive_now(chance.randint(1, 10))
        failed: set[str] = set()
        for message in held:
            group = message.body[0]
            if group in failed or chance.random() < 0.3:
                failed.add(group)
                if chance.random() < 0.5:
                    queue.change_visibility(message.receipt_handle, chance.choice([0, 1, 40]))
            else:
                done[group].append(message.body)
                delete(queue, message)
        clock.now += chance.choice([0, 1, 31])
        if not sum(queue.counts()):
            break
    assert done == expected


@pytest.mark.parametrize("groups", [1, 20_000])
def test_work_per_message_does_not_grow_with_what_waits(make_queue: MakeQueue, groups: int) -> None:
    """Counted, not timed: the steps that the interpreter takes for a send and a receive among few and among many."""
    queue = make_queue(MessageRetentionPeriod=1_000_000)

    def steps() -> int:
        count = 0

        def count_line(*_: object) -> Any:
            nonlocal count
            count += 1
            return count_line

        before = sys.gettrace()
        sys.settrace(count_line)
        try:
            queue.send("x", group_id="0", deduplication_id=str(uuid.uuid4()))
            queue.delete(queue.receive_now()[0].receipt_handle)
        finally:
            sys.settrace(before)
        return count

    for number in range(10):
        queue.send("x", group_id=str(number % groups), deduplication_id=str(number))
    few = steps()
    for number in range(10, 20_000):
        queue.send("x", group_id=str(number % groups), deduplication_id=str(number))
    assert steps() <= few * 1.1
