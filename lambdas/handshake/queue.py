"""The lane's queue."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageRequestTypeDef


class TooLarge(Exception):
    """The queue takes no message of this size."""


@dataclass(frozen=True, slots=True)
class Order:
    """A message's place in a FIFO queue: among those of its group, unless SQS has just seen its deduplication id."""

    group: str
    deduplication_id: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Where the source's webhooks wait for their processor."""

    client: "SQSClient"
    url: str

    def send(self, message: str, trace: str, order: Order | None = None) -> None:
        """Returns once SQS has stored the message. Raises TooLarge, and botocore's errors."""
        request: SendMessageRequestTypeDef = {"QueueUrl": self.url, "MessageBody": message}
        if trace:  # SQS refuses an empty value
            request["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
        if order:
            request["MessageGroupId"] = order.group
            request["MessageDeduplicationId"] = order.deduplication_id
        try:
            self.client.send_message(**request)
        except ClientError as error:
            if _is_too_large(error):
                raise TooLarge from error
            raise


def _is_too_large(error: ClientError) -> bool:
    """Above the queue's own limit it is InvalidParameterValue, as for other faults; far above it is a 413, not in JSON.

    https://github.com/getmoto/moto/issues/450, https://github.com/aws/aws-sdk-js/issues/479
    """
    answer = error.response
    if answer["ResponseMetadata"]["HTTPStatusCode"] == 413:
        return True
    described = answer["Error"]
    return "InvalidParameterValue" in described["Code"] and "must be shorter than" in described["Message"]
