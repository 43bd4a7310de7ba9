import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import ContainerProvider
from botocore.exceptions import ClientError
from moto.core.base_backend import BackendDict

from webhookctl.local.aws.backend import Backend
from webhookctl.local.aws.errors import AwsError
from webhookctl.local.credentials import answer, at_url, in_variables
from webhookctl.local.state import Resource, State

Serve = Callable[[Backend], str]
ACCOUNT, REGION = "000000000000", "eu-west-1"
TABLE = "webhook-dev-events"


def resource(type_: str, name: str, **values: Any) -> Resource:
    return Resource(f"{type_}.{name}", type_, name, None, "", {"name": name, **values})


STATE = State(
    outputs={},
    managed=(
        resource(
            "aws_sqs_queue",
            "webhook-dev-github-dead-letter",
            arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:webhook-dev-github-dead-letter",
            message_retention_seconds=1_209_600,
            redrive_allow_policy='{"redrivePermission":"byQueue"}',
        ),
        resource(
            "aws_sqs_queue",
            "webhook-dev-github",
            arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:webhook-dev-github",
            visibility_timeout_seconds=60,
            max_message_size=2048,
            delay_seconds=0,
            policy="",
            kms_master_key_id=None,
            sqs_managed_sse_enabled=True,
            redrive_policy=(
                f'{{"deadLetterTargetArn":"arn:aws:sqs:{REGION}:{ACCOUNT}:webhook-dev-github-dead-letter",'
                '"maxReceiveCount":5}'
            ),
        ),
        resource(
            "aws_dynamodb_table",
            TABLE,
            arn=f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}",
            billing_mode="PAY_PER_REQUEST",
            hash_key="pk",
            range_key="sk",
            deletion_protection_enabled=True,
            attribute=[
                {"name": "pk", "type": "S"},
                {"name": "sk", "type": "S"},
                {"name": "lane", "type": "S"},
                {"name": "received_at_ms", "type": "N"},
            ],
            global_secondary_index=[
                {
                    "name": "by_time",
                    "hash_key": "lane",
                    "range_key": "received_at_ms",
                    "projection_type": "INCLUDE",
                    "non_key_attributes": ["source"],
                }
            ],
        ),
        resource(
            "aws_secretsmanager_secret",
            "webhook-dev/github",
            arn=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:webhook-dev/github-AbCdEf",
        ),
    ),
)


@pytest.fixture
def backend() -> Backend:
    return Backend.from_state(STATE)


@pytest.fixture
def client(serve: Serve, backend: Backend) -> Iterator[Callable[[str], Any]]:
    """boto3 clients of the backend, over HTTP."""
    url = serve(backend)
    clients = []

    def make(service: Any) -> Any:
        made = boto3.client(
            service,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}),
        )
        clients.append(made)
        return made

    yield make
    for made in clients:
        made.close()


def item(number: int, **attributes: Any) -> dict[str, Any]:
    return {
        "pk": {"S": f"event#github#{number}"},
        "sk": {"S": "event"},
        "lane": {"S": f"github#stored#{number % 2}"},
        "received_at_ms": {"N": str(1_700_000_000_000 + number)},
        "source": {"S": "github"},
        "body": {"B": b"\x00\xff"},
        **attributes,
    }


def first_writer_wins(dynamodb: Any, **values: Any) -> None:
    dynamodb.put_item(
        TableName=TABLE,
        ConditionExpression="attribute_not_exists(pk)",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
        **values,
    )


def test_queues_are_as_they_were_applied(backend: Backend) -> None:
    queue = backend.queues["webhook-dev-github"]

    assert (backend.account_id, backend.region) == (ACCOUNT, REGION)
    assert queue.settings.visibility_timeout_seconds == 60
    assert queue.settings.max_message_bytes == 2048
    assert queue.settings.max_receive_count == 5
    assert queue.settings.dead_letter_arn == backend.queues["webhook-dev-github-dead-letter"].arn
    assert queue.attributes()["SqsManagedSseEnabled"] == "true"
    assert backend.queues["webhook-dev-github-dead-letter"].attributes()["RedriveAllowPolicy"]


def test_an_attribute_that_a_resource_of_its_own_sets_is_set() -> None:
    dead_letter, queue, *_ = STATE.resources("aws_sqs_queue")
    bare = {name: value for name, value in queue.values.items() if name != "redrive_policy"}
    values = {"queue_url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{bare['name']}"}
    redrive = resource("aws_sqs_queue_redrive_policy", "r", **values, redrive_policy=queue.values["redrive_policy"])
    policy = resource("aws_sqs_queue_policy", "p", **values, policy='{"Statement":[]}')

    backend = Backend.from_state(State({}, (dead_letter, replace(queue, values=bare), redrive, policy)))

    lane = backend.queues[bare["name"]]
    assert lane.settings.max_receive_count == 5
    assert lane.attributes()["Policy"] == '{"Statement":[]}'


def test_an_sdk_sends_receives_and_deletes(client: Callable[[str], Any], backend: Backend) -> None:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName="webhook-dev-github")["QueueUrl"]
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="body",
        MessageAttributes={"b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
    )

    (message,) = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"], WaitTimeSeconds=1
    )["Messages"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=30)
    in_flight = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    assert url == f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/webhook-dev-github"
    assert message["MessageId"] == sent["MessageId"]
    assert message["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\xff"
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1"
    assert in_flight["Attributes"] == {"ApproximateNumberOfMessagesNotVisible": "1"}
    assert backend.queues["webhook-dev-github"].counts() == (0, 0, 0)


def test_an_sdk_works_in_batches_in_which_entries_fail_alone(client: Callable[[str], Any]) -> None:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName="webhook-dev-github")["QueueUrl"]

    sent = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[{"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": "\x00"}],
    )
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handles = [{"Id": str(number), "ReceiptHandle": m["ReceiptHandle"]} for number, m in enumerate(messages)]
    hidden = sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[{**handle, "VisibilityTimeout": 10} for handle in handles]
    )
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[*handles, {"Id": "x", "ReceiptHandle": "none"}])

    assert [entry["Id"] for entry in sent["Successful"]] == ["good"]
    assert [(entry["Id"], entry["Code"]) for entry in sent["Failed"]] == [("bad", "InvalidMessageContents")]
    assert [entry["Id"] for entry in hidden["Successful"]] == ["0"]
    assert [entry["Id"] for entry in deleted["Successful"]] == ["0"]
    assert [entry["Code"] for entry in deleted["Failed"]] == ["ReceiptHandleIsInvalid"]


def test_an_sdk_sees_the_error_that_it_knows(client: Callable[[str], Any]) -> None:
    sqs = client("sqs")

    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as refused:
        sqs.get_queue_url(QueueName="none")
    assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.send_message_batch(QueueUrl="webhook-dev-github", Entries=[])


def test_an_sdk_redrives_a_dead_letter_queue(client: Callable[[str], Any], backend: Backend) -> None:
    sqs = client("sqs")
    dead = backend.queues["webhook-dev-github-dead-letter"]
    dead.send("body")

    sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=backend.queues["webhook-dev-github"].arn)

    (task,) = sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert backend.queues["webhook-dev-github"].counts().visible == 1
    sources = sqs.list_dead_letter_source_queues(QueueUrl=dead.url)["queueUrls"]
    assert sources == [backend.queues["webhook-dev-github"].url]


def test_the_first_writer_wins_and_the_second_is_shown_its_item(client: Callable[[str], Any]) -> None:
    dynamodb = client("dynamodb")
    first_writer_wins(dynamodb, Item=item(1, body={"B": b"first\xff"}))

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as refused:
        first_writer_wins(dynamodb, Item=item(1, body={"B": b"second"}))

    assert refused.value.response["Item"] == item(1, body={"B": b"first\xff"})
    kept = dynamodb.get_item(TableName=TABLE, Key={"pk": item(1)["pk"], "sk": item(1)["sk"]}, ConsistentRead=True)
    assert kept["Item"]["body"]["B"] == b"first\xff"


def test_one_key_has_one_winner_among_threads(backend: Backend) -> None:
    wins: list[int] = []
    refusals: list[str] = []
    request = {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(pk)"}

    def put() -> None:
        for key in range(25):
            try:
                backend.call("DynamoDB_20120810.PutItem", {**request, "Item": item(key, body={"S": "x"})})
                wins.append(key)
            except AwsError as error:
                refusals.append(error.code)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refusals == ["ConditionalCheckFailedException"] * 75
    assert sorted(wins) == list(range(25))


def test_an_index_is_read_newest_first_page_by_page(client: Callable[[str], Any]) -> None:
    dynamodb = client("dynamodb")
    for number in range(12):
        dynamodb.put_item(TableName=TABLE, Item=item(number))

    pages = dynamodb.get_paginator("query").paginate(
        TableName=TABLE,
        IndexName="by_time",
        KeyConditionExpression="lane = :lane AND received_at_ms >= :since",
        ExpressionAttributeValues={":lane": {"S": "github#stored#0"}, ":since": {"N": "1700000000002"}},
        ScanIndexForward=False,
        PaginationConfig={"PageSize": 2},
    )
    read = [page["Items"] for page in pages]

    assert [int(i["received_at_ms"]["N"]) % 100 for page in read for i in page] == [10, 8, 6, 4, 2]
    assert max(len(page) for page in read) == 2
    assert read[0][0].keys() == {"pk", "sk", "lane", "received_at_ms", "source"}


def test_items_of_one_instant_are_each_on_one_page(client: Callable[[str], Any]) -> None:
    dynamodb = client("dynamodb")
    for number in range(9):
        dynamodb.put_item(TableName=TABLE, Item=item(number, lane={"S": "lane"}, received_at_ms={"N": "1"}))

    pages = dynamodb.get_paginator("query").paginate(
        TableName=TABLE,
        IndexName="by_time",
        KeyConditionExpression="lane = :lane",
        ExpressionAttributeValues={":lane": {"S": "lane"}},
        ScanIndexForward=False,
        PaginationConfig={"PageSize": 2},
    )

    assert sorted(i["pk"]["S"] for page in pages for i in page["Items"]) == [item(n)["pk"]["S"] for n in range(9)]


def test_an_item_of_400_kilobytes_is_kept_and_one_byte_more_is_not(client: Callable[[str], Any]) -> None:
    dynamodb = client("dynamodb")
    key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    room = 400 * 1024 - len("pkp") - len("sks") - len("body")

    dynamodb.put_item(TableName=TABLE, Item={**key, "body": {"B": b"\xff" * room}})

    with pytest.raises(ClientError, match="Item size has exceeded the maximum allowed size"):
        dynamodb.put_item(TableName=TABLE, Item={**key, "body": {"B": b"\xff" * (room + 1)}})


def test_a_secret_has_no_value_until_it_is_set(client: Callable[[str], Any]) -> None:
    secrets = client("secretsmanager")

    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId="webhook-dev/github")

    secrets.put_secret_value(SecretId="webhook-dev/github", SecretString="one")
    value = secrets.get_secret_value(SecretId="webhook-dev/github", VersionStage="AWSCURRENT")
    assert (value["SecretString"], value["ARN"]) == (
        "one",
        STATE.resources("aws_secretsmanager_secret")[0].values["arn"],
    )
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId="webhook-dev/github", VersionStage="AWSPREVIOUS")


def test_the_value_before_stays_readable_as_the_previous_one(client: Callable[[str], Any]) -> None:
    secrets = client("secretsmanager")
    for value in ("one", "two", "three"):
        secrets.put_secret_value(SecretId="webhook-dev/github", SecretString=value)

    def read(stage: str) -> str:
        return str(secrets.get_secret_value(SecretId="webhook-dev/github", VersionStage=stage)["SecretString"])

    assert (read("AWSCURRENT"), read("AWSPREVIOUS")) == ("three", "two")
    assert secrets.get_secret_value(SecretId="webhook-dev/github")["SecretString"] == "three"


def test_who_one_is_can_be_asked(client: Callable[[str], Any]) -> None:
    assert client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_an_sdk_finds_the_credentials_of_a_function_that_starts_from_snapshots(serve: Serve, backend: Backend) -> None:
    variables = at_url(serve(backend))
    found = ContainerProvider(variables).load()
    assert found is not None
    assert found.get_frozen_credentials().access_key == in_variables()["AWS_ACCESS_KEY_ID"]
    assert answer("guessed", datetime.now(UTC))[0] == 403


def test_what_the_local_stack_lacks_is_refused_by_name(client: Callable[[str], Any], backend: Backend) -> None:
    with pytest.raises(ClientError, match="The local stack serves no /2015-03-31/functions"):
        client("lambda").list_functions()
    with pytest.raises(AwsError) as refused:
        backend.call("DynamoDB_20120810.Sing", {})

    assert (refused.value.code, refused.value.status) == ("UnknownOperationException", 400)


def test_two_backends_share_nothing() -> None:
    one, other = Backend.from_state(STATE), Backend.from_state(STATE)
    one.queues["webhook-dev-github"].send("body")
    one.call("DynamoDB_20120810.PutItem", {"TableName": TABLE, "Item": item(1, body={"S": "x"})})
    one.call(
        "secretsmanager.PutSecretValue",
        {"SecretId": "webhook-dev/github", "SecretString": "one", "ClientRequestToken": "t" * 32},
    )

    assert other.queues["webhook-dev-github"].counts().visible == 0
    assert other.call("DynamoDB_20120810.Scan", {"TableName": TABLE})["Count"] == 0
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        other.call("secretsmanager.GetSecretValue", {"SecretId": "webhook-dev/github"})


def test_moto_keeps_nothing_in_the_registries_of_the_process() -> None:
    backend = Backend.from_state(STATE)
    backend.call("DynamoDB_20120810.PutItem", {"TableName": TABLE, "Item": item(1, body={"S": "x"})})

    registries: list[Any] = BackendDict._instances  # type: ignore[misc]
    assert not [registry for registry in registries if ACCOUNT in registry]


def test_a_table_is_made_as_it_was_applied(client: Callable[[str], Any]) -> None:
    with closing(client("dynamodb")) as dynamodb:
        table = dynamodb.describe_table(TableName=TABLE)["Table"]

    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["source"]}
