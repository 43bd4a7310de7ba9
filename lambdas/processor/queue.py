"""The lane's queue and dead-letter queue, as the processor of a lane with an effect uses them.

Receives also count while the circuit is open, so it is not SQS that tells when an event's attempts are used up: the
processor puts it into the dead-letter queue itself.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processor.fault import describe_fault

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

MAX_HIDDEN_SECONDS = 43_200 - 960
"""SQS hides a message for 12 hours at most, counted from when it was received: up to the 15 minutes that a function
runs, and one more, may have passed since (Amazon SQS Developer Guide, "Amazon SQS visibility timeout"). What comes back
too early is hidden again."""

MARGIN_SECONDS = 3_600
"""A message is not left to a queue that would forget it within this time of its coming back."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LaneQueue:
    """The two queues of one lane."""

    client: "SQSClient"
    url: str
    dead_letter_url: str
    retention_seconds: int

    def hide(self, record: Record, seconds: float) -> None:
        """Let the message come back in that time. Never raises: else it comes back with the visibility time-out."""
        try:
            self.client.change_message_visibility(
                QueueUrl=self.url,
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=max(0, min(round(seconds), MAX_HIDDEN_SECONDS)),
            )
        except Exception as error:  # noqa: BLE001 - the event knows when it is due, whenever its message comes
            fields = {"message_id": record["messageId"]}
            logger.error("visibility not changed", extra=fields | describe_fault(error))  # noqa: TRY400

    def keeps(self, record: Record, seconds: float, now: float) -> bool:
        """Whether the queue still has the message in that time."""
        age_seconds = now - int(record["attributes"]["SentTimestamp"]) / 1000
        return age_seconds + seconds + MARGIN_SECONDS < self.retention_seconds

    def dead_letter(self, record: Record) -> None:
        """Put the message into the dead-letter queue, too. Raises what boto3 raises.

        In a FIFO queue a message's own id is what a repetition is known by, as where SQS moves it: by the one that it
        was sent with, a redrive within five minutes of that would be dropped as its repetition.
        """
        attributes = record["attributes"]
        group = attributes.get("MessageGroupId")
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": record["messageId"]} if group else {}
        trace = attributes.get("AWSTraceHeader")
        system = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}} if trace else {}
        self.client.send_message(
            QueueUrl=self.dead_letter_url,
            MessageBody=record["body"],
            **({"MessageSystemAttributes": system} if system else {}),  # type: ignore[arg-type]
            **fifo,
        )
