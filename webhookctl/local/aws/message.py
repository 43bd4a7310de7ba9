"""A message of Amazon SQS: what may be in one, how large it is, its digests, and what a receiver is given.

Amazon SQS API Reference, SendMessage: allowed characters, size "of the message body and its attributes", MD5 digests.
Amazon SQS Developer Guide, "Amazon SQS message metadata": attribute names, types and values; "the size of a message
system attribute does not count towards the total size of a message"; "Calculating the MD5 message digest for message
attributes". "FIFO queue and message identifiers": MessageGroupId, MessageDeduplicationId and SequenceNumber.
"""

import base64
import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from webhookctl.local.aws.errors import SqsError

MessageAttributes = Mapping[str, Mapping[str, Any]]
"""Name to {"DataType": ..., "StringValue" | "BinaryValue": ...}; a binary value is base64, as in the JSON protocol."""

TRACE_HEADER = "AWSTraceHeader"
Place = Literal["visible", "in_flight", "delayed"]
SYSTEM_ATTRIBUTES = frozenset({TRACE_HEADER})

# Written with escapes: the characters themselves may not stand in a source file.
_FORBIDDEN = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_DATA_TYPES = ("String", "Number", "Binary")
_IDENTIFIER = re.compile(r"[!-~]{1,128}")  # letters, digits and punctuation of ASCII
# SequenceNumber is said to be large: it has twenty digits.
_FIRST_SEQUENCE_NUMBER = 10**19


class Message(NamedTuple):
    """What a receiver is given. `attributes` are the system's: SentTimestamp, ApproximateReceiveCount and so on."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: Mapping[str, str]
    message_attributes: MessageAttributes
    md5_of_body: str


@dataclass(slots=True)
class Entry:
    """A message in a queue, due at a time.

    `position` is its place in the order in which the queue got its messages. `turn` changes with every place it is put
    in, so that an older place is known to be stale; `receipt` changes with every receive, so that an older handle is.
    `deduplication_id` is empty in a standard queue, and `group_id` may be empty there.
    """

    message_id: str
    body: str
    md5_of_body: str
    message_attributes: MessageAttributes
    trace_header: str
    sent: float
    group_id: str = ""
    deduplication_id: str = ""
    position: int = 0
    due: float = 0.0
    place: Place = "visible"
    turn: int = 0
    receipt: int = 0
    receive_count: int = 0
    first_received: float = 0.0
    dead_letter_source: str = ""

    @property
    def sequence_number(self) -> str:
        """Larger than those of all messages that a FIFO queue got before; empty in a standard queue."""
        return str(_FIRST_SEQUENCE_NUMBER + self.position) if self.deduplication_id else ""

    def handed_out(self, sender_id: str) -> Message:
        """The message as the receive just counted gives it out."""
        attributes = {
            "SenderId": sender_id,
            "SentTimestamp": str(int(self.sent * 1000)),
            "ApproximateReceiveCount": str(self.receive_count),
            "ApproximateFirstReceiveTimestamp": str(int(self.first_received * 1000)),
        }
        if self.trace_header:
            attributes[TRACE_HEADER] = self.trace_header
        if self.group_id:
            attributes["MessageGroupId"] = self.group_id
        if self.deduplication_id:
            attributes["MessageDeduplicationId"] = self.deduplication_id
            attributes["SequenceNumber"] = self.sequence_number
        if self.dead_letter_source:
            attributes["DeadLetterQueueSourceArn"] = self.dead_letter_source
        handle = base64.urlsafe_b64encode(f"{self.message_id}:{self.receipt}".encode()).decode("ascii")
        return Message(self.message_id, handle, self.body, attributes, self.message_attributes, self.md5_of_body)


def parse_receipt_handle(handle: str) -> tuple[str, int]:
    """The message's id and the receive that a handle stands for. Raises SqsError(ReceiptHandleIsInvalid)."""
    try:
        message_id, _, receipt = base64.urlsafe_b64decode(handle.encode("ascii")).decode("ascii").partition(":")
        return message_id, int(receipt)
    except ValueError as error:
        raise SqsError(
            "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.'
        ) from error


def check_body(body: str) -> None:
    """Refuse what SQS refuses of a body: none at all, and characters outside those that XML 1.0 allows."""
    if not body:
        raise SqsError("MissingParameter", "The request must contain the parameter MessageBody.")
    if not (body.isascii() and body.isprintable()) and _FORBIDDEN.search(body):
        raise SqsError(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are "
            "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )


def check_identifier(name: str, value: str) -> None:
    """Refuse what is no MessageGroupId or MessageDeduplicationId: 1 to 128 letters, digits and marks of ASCII."""
    if not _IDENTIFIER.fullmatch(value):
        raise SqsError(
            "InvalidParameterValue",
            f"Value {value} for parameter {name} is invalid. Reason: {name} can only include alphanumeric and "
            "punctuation characters. 1 to 128 in length.",
        )


def check_attributes(attributes: MessageAttributes, *, kind: str = "user") -> None:
    """Refuse more than ten attributes, an empty or missing value, and a type that SQS does not know."""
    if len(attributes) > 10:
        raise SqsError(
            "InvalidParameterValue",
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10].",
        )
    for name, attribute in attributes.items():
        if not _NAME.fullmatch(name):
            raise SqsError("InvalidParameterValue", f"The message attribute name '{name}' is invalid.")
        data_type = str(attribute.get("DataType", ""))
        logical_type = data_type.partition(".")[0]
        if logical_type not in _DATA_TYPES:
            raise SqsError(
                "InvalidParameterValue",
                f"The type of message ({kind}) attribute '{name}' is invalid. "
                "You must use only the following supported type prefixes: Binary, Number, String.",
            )
        value = attribute.get("BinaryValue") if logical_type == "Binary" else attribute.get("StringValue")
        if not value:
            raise SqsError(
                "InvalidParameterValue",
                f"Message ({kind}) attribute '{name}' must contain a non-empty value of type '{data_type}'.",
            )
        if logical_type != "Binary" and _FORBIDDEN.search(str(value)):
            raise SqsError(
                "InvalidMessageContents", f"Message ({kind}) attribute '{name}' contains invalid characters."
            )


def check_system_attributes(attributes: MessageAttributes) -> None:
    """Refuse any but AWSTraceHeader, which must be a string."""
    for name, attribute in attributes.items():
        if name not in SYSTEM_ATTRIBUTES:
            raise SqsError("InvalidParameterValue", f"Message system attribute name '{name}' is invalid.")
        if attribute.get("DataType") != "String":
            raise SqsError("InvalidParameterValue", f"The type of message system attribute '{name}' must be String.")
    check_attributes(attributes, kind="system")


def size_bytes(body: str, attributes: MessageAttributes) -> int:
    """What counts against a queue's MaximumMessageSize: the body, and each attribute's name, type and value."""
    return len(body.encode()) + sum(
        len(name.encode()) + len(str(attribute["DataType"]).encode()) + len(_value(attribute))
        for name, attribute in attributes.items()
    )


def md5_of_attributes(attributes: MessageAttributes) -> str:
    """The digest that SDKs check: names in order, each part with its length, the value behind a byte for its kind."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        for part in (name.encode(), str(attribute["DataType"]).encode()):
            digest.update(struct.pack(">I", len(part)) + part)
        value = _value(attribute)
        digest.update((b"\x02" if _is_binary(attribute) else b"\x01") + struct.pack(">I", len(value)) + value)
    return digest.hexdigest()


def _is_binary(attribute: Mapping[str, Any]) -> bool:
    return str(attribute["DataType"]).startswith("Binary")


def _value(attribute: Mapping[str, Any]) -> bytes:
    if _is_binary(attribute):
        return base64.b64decode(str(attribute.get("BinaryValue", "")))
    return str(attribute.get("StringValue", "")).encode()
