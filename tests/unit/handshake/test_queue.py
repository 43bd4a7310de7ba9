from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from handshake.queue import Order, Queue, TooLarge

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/webhook-test-crew"


@pytest.fixture
def client(aws: None) -> "SQSClient":
    return boto3.client("sqs")


@pytest.fixture
def stubber(client: "SQSClient") -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_message_above_the_queues_limit_is_too_large(client: "SQSClient") -> None:
    url = client.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    Queue(client, url).send("a" * 1024, "")
    with pytest.raises(TooLarge):
        Queue(client, url).send("a" * 1025, "")


def test_a_message_that_sqs_does_not_even_read_is_too_large(client: "SQSClient", stubber: Stubber) -> None:
    # The answer is not in JSON: botocore makes the status its code.
    stubber.add_client_error("send_message", "413", "HTTP content length exceeded 1662976 bytes.", 413)
    with pytest.raises(TooLarge):
        Queue(client, URL).send("a", "")


@pytest.mark.parametrize(
    ("code", "message", "status"),
    [
        ("InvalidParameterValue", "Value for parameter MessageSystemAttribute is invalid.", 400),
        ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", 400),
        ("KMS.ThrottlingException", "must be shorter than", 400),
        ("AccessDenied", "", 403),
        ("ServiceUnavailable", "", 503),
    ],
)
def test_any_other_refusal_is_not_the_senders_fault(
    client: "SQSClient", stubber: Stubber, code: str, message: str, status: int
) -> None:
    stubber.add_client_error("send_message", code, message, status)
    with pytest.raises(ClientError):
        Queue(client, URL).send("a", "")


def test_a_trace_goes_along_as_a_system_attribute_and_none_is_left_out(client: "SQSClient", stubber: Stubber) -> None:
    attributes = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988"}}
    request = {"QueueUrl": URL, "MessageBody": "a"}
    stubber.add_response("send_message", {}, request | {"MessageSystemAttributes": attributes})
    stubber.add_response("send_message", {}, request)
    Queue(client, URL).send("a", "Root=1-5759e988")
    Queue(client, URL).send("a", "")


def test_a_message_has_its_place_in_a_queue_that_keeps_an_order(client: "SQSClient", stubber: Stubber) -> None:
    place = {"MessageGroupId": "ticket-5", "MessageDeduplicationId": "5f5f"}
    stubber.add_response("send_message", {}, {"QueueUrl": URL, "MessageBody": "a"} | place)
    Queue(client, URL).send("a", "", Order("ticket-5", "5f5f"))
