"""How many messages a queue holds, about: the counts settle a minute after the last was sent, or later.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Depth:
    """The messages that can be received, and those that can't now: received, and neither deleted nor due again."""

    waiting: int
    in_flight: int

    @property
    def total(self) -> int:
        """All there are."""
        return self.waiting + self.in_flight


def read_depth(client: "SQSClient", queue_url: str) -> Depth:
    """Asks the queue. Raises what boto3 raises."""
    counts = client.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]
    in_flight = int(counts["ApproximateNumberOfMessagesNotVisible"])
    return Depth(sum(map(int, counts.values())) - in_flight, in_flight)
