"""Amazon SQS: the queues of one account and region, and every operation on them by its name in the API.

Requests and answers are those of the JSON protocol (Amazon SQS API Reference), as plain objects; `sqs_protocol`
translates.
"""

import asyncio
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from webhookctl.local.aws.errors import SqsError
from webhookctl.local.aws.message import Entry, Message, md5_of_attributes
from webhookctl.local.aws.queue import FIFO_SUFFIX, Queue

Request = Mapping[str, Any]
Answer = dict[str, Any]

MAX_BATCH = 10


class Sqs:
    """The queues of one account and region, behind one lock."""

    def __init__(self, account_id: str, region: str, *, clock: Callable[[], float] = time.time) -> None:
        self.account_id = account_id
        self.region = region
        self._clock = clock
        self._lock = threading.RLock()
        self._queues: dict[str, Queue] = {}
        self._move_tasks: list[dict[str, Any]] = []
        self.queues: Mapping[str, Queue] = MappingProxyType(self._queues)

    def create_queue(self, name: str, attributes: Mapping[str, str]) -> Queue:
        """Make a queue, or return the one of this name when it has the same attributes."""
        with self._lock:
            existing = self._queues.get(name)
            if existing is None:
                arn = f"arn:aws:sqs:{self.region}:{self.account_id}:{name}"
                existing = Queue(arn, attributes, lock=self._lock, find=self._find, clock=self._clock)
                self._queues[name] = existing
            elif dict(attributes).items() - existing.attributes().items():
                raise SqsError(
                    "QueueNameExists", "A queue already exists with the same name and a different value for attributes."
                )
            return existing

    def queue(self, url_or_name: str) -> Queue:
        """The queue with this URL; only the name in it is looked at. Raises SqsError when there is none."""
        found = self._queues.get(url_or_name.rstrip("/").rsplit("/", 1)[-1])
        if found is None:
            raise SqsError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        return found

    async def call(self, operation: str, request: Request) -> Answer:
        """Carry out one operation. Raises SqsError as the API does."""
        handler = _OPERATIONS.get(operation)
        if handler is None:
            raise SqsError("InvalidAction", f"The local stack's SQS has no {operation}.")
        try:
            return await handler(self, request)
        except KeyError as error:
            raise SqsError("MissingParameter", f"The request must contain the parameter {error.args[0]}.") from error

    def start_message_move_task(self, source_arn: str, destination_arn: str) -> dict[str, Any]:
        """Move all visible messages of a dead-letter queue back to where they came from, or to one queue.

        "Configuring a dead-letter queue redrive": only from a queue that is a dead-letter queue. The task is over when
        the call returns. It has failed when it came to a message that was sent to the dead-letter queue, and not moved
        there, or whose queue is gone ("Troubleshooting issues in DLQ redrive"): that one and those behind it stay.
        """
        with self._lock:
            source = self._find(source_arn)
            if source is None or all(queue.settings.dead_letter_arn != source_arn for queue in self._queues.values()):
                raise SqsError("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
            if destination_arn and self._find(destination_arn) is None:
                raise SqsError(
                    "ResourceNotFoundException", "The destination of the message move task does not exist.", 404
                )
            to_move = source.counts().visible
            moved, refusal = source.move_visible_to(lambda entry: self._origin(destination_arn, entry))
            task = {
                "TaskHandle": str(uuid.uuid4()),
                "Status": "FAILED" if refusal else "COMPLETED",
                "SourceArn": source_arn,
                **({"DestinationArn": destination_arn} if destination_arn else {}),
                **({"FailureReason": refusal.code} if refusal else {}),
                "ApproximateNumberOfMessagesToMove": to_move,
                "ApproximateNumberOfMessagesMoved": moved,
                "StartedTimestamp": int(self._clock() * 1000),
            }
            self._move_tasks.insert(0, task)
            return task

    def move_tasks(self, source_arn: str) -> list[dict[str, Any]]:
        """The tasks of a dead-letter queue, newest first."""
        return [task for task in self._move_tasks if task["SourceArn"] == source_arn]

    def delete_queue(self, name: str) -> None:
        """Forget a queue and its messages."""
        with self._lock:
            self._queues.pop(name, None)

    def _origin(self, destination_arn: str, entry: Entry) -> Queue:
        """Where a move task takes a message. Raises SqsError with the task's FailureReason as its code."""
        arn = destination_arn or entry.dead_letter_source
        if not arn:
            raise SqsError("CouldNotDetermineMessageSource", "The message was sent to the dead-letter queue itself.")
        queue = self._find(arn)
        if queue is None:
            raise SqsError("AWS.SimpleQueueService.NonExistentQueue", f"The queue {arn} does not exist.")
        return queue

    def _find(self, arn: str) -> Queue | None:
        return self._queues.get(arn.rsplit(":", 1)[-1])


async def _create_queue(sqs: Sqs, request: Request) -> Answer:
    name, attributes = request["QueueName"], request.get("Attributes") or {}
    if name.endswith(FIFO_SUFFIX) and attributes.get("FifoQueue") != "true":
        raise SqsError(
            "InvalidParameterValue", f"The name of a queue that is no FIFO queue can't end in {FIFO_SUFFIX}."
        )
    queue = sqs.create_queue(name, attributes)
    queue.tags.update(request.get("tags") or {})
    return {"QueueUrl": queue.url}


async def _delete_queue(sqs: Sqs, request: Request) -> Answer:
    sqs.delete_queue(sqs.queue(request["QueueUrl"]).name)
    return {}


async def _get_queue_url(sqs: Sqs, request: Request) -> Answer:
    return {"QueueUrl": sqs.queue(request["QueueName"]).url}


async def _list_queues(sqs: Sqs, request: Request) -> Answer:
    prefix = request.get("QueueNamePrefix") or ""
    return {"QueueUrls": [queue.url for queue in list(sqs.queues.values()) if queue.name.startswith(prefix)]}


async def _list_dead_letter_source_queues(sqs: Sqs, request: Request) -> Answer:
    arn = sqs.queue(request["QueueUrl"]).arn
    return {"queueUrls": [queue.url for queue in list(sqs.queues.values()) if queue.settings.dead_letter_arn == arn]}


async def _list_queue_tags(sqs: Sqs, request: Request) -> Answer:
    return {"Tags": dict(sqs.queue(request["QueueUrl"]).tags)}


async def _get_queue_attributes(sqs: Sqs, request: Request) -> Answer:
    attributes = sqs.queue(request["QueueUrl"]).attributes()
    wanted = request.get("AttributeNames") or []
    return {"Attributes": {name: value for name, value in attributes.items() if "All" in wanted or name in wanted}}


async def _set_queue_attributes(sqs: Sqs, request: Request) -> Answer:
    sqs.queue(request["QueueUrl"]).set_attributes(request["Attributes"])
    return {}


async def _purge_queue(sqs: Sqs, request: Request) -> Answer:
    sqs.queue(request["QueueUrl"]).purge()
    return {}


async def _send_message(sqs: Sqs, request: Request) -> Answer:
    return _send(sqs.queue(request["QueueUrl"]), request)


def _send(queue: Queue, request: Request) -> Answer:
    body = request.get("MessageBody") or ""
    attributes = request.get("MessageAttributes") or {}
    system_attributes = request.get("MessageSystemAttributes") or {}
    delay = request.get("DelaySeconds")
    sent = queue.send(
        body,
        attributes,
        system_attributes,
        delay_seconds=None if delay is None else int(delay),
        group_id=request.get("MessageGroupId"),
        deduplication_id=request.get("MessageDeduplicationId"),
    )
    answer = {"MessageId": sent.message_id, "MD5OfMessageBody": sent.md5_of_body}
    if sent.sequence_number:
        answer["SequenceNumber"] = sent.sequence_number
    if attributes:
        answer["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
    if system_attributes:
        answer["MD5OfMessageSystemAttributes"] = md5_of_attributes(system_attributes)
    return answer


async def _send_message_batch(sqs: Sqs, request: Request) -> Answer:
    queue = sqs.queue(request["QueueUrl"])
    return _batch(request["Entries"], lambda entry: _send(queue, entry))


async def _receive_message(sqs: Sqs, request: Request) -> Answer:
    queue = sqs.queue(request["QueueUrl"])
    wait = request.get("WaitTimeSeconds")
    visibility = request.get("VisibilityTimeout")
    messages = await queue.receive(
        int(request.get("MaxNumberOfMessages") or 1),
        None if wait is None else int(wait),
        None if visibility is None else int(visibility),
    )
    system_names = {*(request.get("AttributeNames") or []), *(request.get("MessageSystemAttributeNames") or [])}
    names = request.get("MessageAttributeNames") or []
    return {"Messages": [_received(message, system_names, names) for message in messages]} if messages else {}


def _received(message: Message, system_names: Iterable[str], names: Iterable[str]) -> Answer:
    answer: Answer = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.md5_of_body,
        "Body": message.body,
    }
    system = {
        name: value for name, value in message.attributes.items() if "All" in system_names or name in system_names
    }
    if system:
        answer["Attributes"] = system
    attributes = {name: value for name, value in message.message_attributes.items() if _is_wanted(name, names)}
    if attributes:
        answer["MessageAttributes"] = attributes
        answer["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
    return answer


def _is_wanted(name: str, wanted: Iterable[str]) -> bool:
    """ReceiveMessage: names, `All`, or a prefix followed by `.*`."""
    return any(
        pattern in ("All", ".*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-2]))
        for pattern in wanted
    )


async def _delete_message(sqs: Sqs, request: Request) -> Answer:
    sqs.queue(request["QueueUrl"]).delete(request["ReceiptHandle"])
    return {}


async def _delete_message_batch(sqs: Sqs, request: Request) -> Answer:
    queue = sqs.queue(request["QueueUrl"])
    return _batch(request["Entries"], lambda entry: queue.delete(entry["ReceiptHandle"]))


async def _change_message_visibility(sqs: Sqs, request: Request) -> Answer:
    sqs.queue(request["QueueUrl"]).change_visibility(request["ReceiptHandle"], int(request["VisibilityTimeout"]))
    return {}


async def _change_message_visibility_batch(sqs: Sqs, request: Request) -> Answer:
    queue = sqs.queue(request["QueueUrl"])
    return _batch(
        request["Entries"],
        lambda entry: queue.change_visibility(entry["ReceiptHandle"], int(entry.get("VisibilityTimeout") or 0)),
    )


def _batch(entries: list[Request], act: Callable[[Request], Answer | None]) -> Answer:
    """Each entry succeeds or fails by itself; a batch is refused when empty, too long, or with an id twice."""
    ids = [entry["Id"] for entry in entries]
    if not ids:
        raise SqsError("AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(ids) > MAX_BATCH:
        raise SqsError(
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MAX_BATCH}. You have sent {len(ids)}.",
        )
    if len(set(ids)) < len(ids):
        raise SqsError("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
    answer: Answer = {"Successful": [], "Failed": []}
    for entry in entries:
        try:
            answer["Successful"].append({"Id": entry["Id"], **(act(entry) or {})})
        except SqsError as error:
            answer["Failed"].append(
                {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
            )
    return answer


async def _start_message_move_task(sqs: Sqs, request: Request) -> Answer:
    # Off the event loop: a full queue takes a while to move, and the lock is the only thing it needs.
    task = await asyncio.to_thread(
        sqs.start_message_move_task, request["SourceArn"], request.get("DestinationArn") or ""
    )
    return {"TaskHandle": task["TaskHandle"]}


async def _list_message_move_tasks(sqs: Sqs, request: Request) -> Answer:
    tasks = sqs.move_tasks(request["SourceArn"])[: int(request.get("MaxResults") or 1)]
    return {"Results": [{name: value for name, value in task.items() if name != "TaskHandle"} for task in tasks]}


_OPERATIONS: Mapping[str, Callable[[Sqs, Request], Awaitable[Answer]]] = {
    "CreateQueue": _create_queue,
    "DeleteQueue": _delete_queue,
    "GetQueueUrl": _get_queue_url,
    "ListQueues": _list_queues,
    "ListDeadLetterSourceQueues": _list_dead_letter_source_queues,
    "ListQueueTags": _list_queue_tags,
    "GetQueueAttributes": _get_queue_attributes,
    "SetQueueAttributes": _set_queue_attributes,
    "PurgeQueue": _purge_queue,
    "SendMessage": _send_message,
    "SendMessageBatch": _send_message_batch,
    "ReceiveMessage": _receive_message,
    "DeleteMessage": _delete_message,
    "DeleteMessageBatch": _delete_message_batch,
    "ChangeMessageVisibility": _change_message_visibility,
    "ChangeMessageVisibilityBatch": _change_message_visibility_batch,
    "StartMessageMoveTask": _start_message_move_task,
    "ListMessageMoveTasks": _list_message_move_tasks,
}
