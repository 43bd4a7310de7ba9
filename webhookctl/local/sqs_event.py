"""The event that a mapping hands to a function (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Message(Protocol):
    """A received SQS message, as the queue's own API describes it."""

    @property
    def message_id(self) -> str:
        """The id that SQS gave it."""

    @property
    def receipt_handle(self) -> str:
        """What deletes this receipt of it."""

    @property
    def body(self) -> str:
        """Its text."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """System attributes: SentTimestamp, ApproximateReceiveCount and the like."""

    @property
    def message_attributes(self) -> Mapping[str, Any]:
        """The sender's attributes, in the form of the SQS API."""

    @property
    def md5_of_body(self) -> str:
        """The digest of its text, hex."""


def sqs_event(messages: Sequence[Message], queue_arn: str) -> dict[str, Any]:
    """The event of one batch."""
    return {"Records": [_record(message, queue_arn) for message in messages]}


def _record(message: Message, queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": dict(message.attributes),
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.md5_of_body,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """The names are in lower camel case here, and the two lists are always there and empty."""
    content = {}
    if "BinaryValue" in value:
        binary = value["BinaryValue"]
        content["binaryValue"] = base64.b64encode(binary).decode() if isinstance(binary, bytes) else binary
    else:
        content["stringValue"] = value["StringValue"]
    return {**content, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
