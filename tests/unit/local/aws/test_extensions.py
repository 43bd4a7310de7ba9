"""Each extension of moto: what AWS does, seen to fail without it and to hold with it."""

import inspect
import io
import json
import os
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import boto3
import moto.backends
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.awslambda.models import LambdaBackend
from moto.core import responses
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler
from moto.sqs.models import Queue

from webhookctl.local.aws import extensions
from webhookctl.local.aws.extensions import (
    api_policy,
    attribute_values,
    binary_media_types,
    event_source_mapping,
    index_projection,
    item_size,
    logging_config,
    method_names,
    on_demand_throughput,
    query_candidates,
    queue_url,
    redrive_allow_policy,
    service_folders,
)
from webhookctl.local.aws.moto_service import MotoServices

REGION = "eu-west-1"
Client = Callable[[str], Any]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """boto3 clients of a moto without any extension."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    with mock_aws():

        def make(service: Any) -> Any:
            return boto3.client(service, region_name=REGION)

        yield make


def with_and_without(extension: extensions.Extension) -> list[tuple[bool, AbstractContextManager[None]]]:
    return [(False, nullcontext()), (True, extension.applied())]


def test_each_module_is_used() -> None:
    folder = os.path.dirname(extensions.__file__)  # noqa: PTH120 - a listing is all that is wanted
    modules = {name.removesuffix(".py") for name in os.listdir(folder) if name.endswith(".py")}  # noqa: PTH208

    used = {module.__name__.rpartition(".")[2] for module in (*extensions.FOR_APPLY, *extensions.FOR_DATA)}  # type: ignore[attr-defined]

    assert used == modules - {"__init__", "patch"}


def test_a_queue_keeps_its_redrive_allow_policy(client: Client) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]

    with pytest.raises(ClientError, match="InvalidAttributeName"):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedriveAllowPolicy"])
    with redrive_allow_policy.applied():
        url = sqs.create_queue(QueueName="r")["QueueUrl"]
        assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedriveAllowPolicy"])
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": '{"redrivePermission":"denyAll"}'})
        kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedriveAllowPolicy"])["Attributes"]

    assert json.loads(kept["RedriveAllowPolicy"]) == {"redrivePermission": "denyAll"}


def test_a_queue_has_the_url_that_it_has_at_aws() -> None:
    queue: Any = SimpleNamespace(name="q", region=REGION, account_id="111122223333")
    urls = {}
    for mended, patches in with_and_without(queue_url):
        with patches:
            urls[mended] = Queue.url(queue, urlparse("http://127.0.0.1:5000/"))

    assert urls == {
        False: "http://127.0.0.1:5000/111122223333/q",
        True: f"https://sqs.{REGION}.amazonaws.com/111122223333/q",
    }


def test_an_api_keeps_the_binary_media_types_it_is_created_with(client: Client) -> None:
    apigateway = client("apigateway")
    kept = {}
    for mended, patches in with_and_without(binary_media_types):
        with patches:
            created = apigateway.create_rest_api(name="api", binaryMediaTypes=["application/json", "a/b"])
            kept[mended] = apigateway.get_rest_api(restApiId=created["id"])["binaryMediaTypes"]

    assert kept == {False: [], True: ["application/json", "a/b"]}


def test_an_api_without_binary_media_types_still_has_none(client: Client) -> None:
    with binary_media_types.applied():
        assert client("apigateway").create_rest_api(name="api")["binaryMediaTypes"] == []


def test_the_policy_of_an_api_is_described_with_escaped_quotes(client: Client) -> None:
    apigateway = client("apigateway")
    policy = '{"Statement": [{"Sid": "a\\\\b"}]}'
    described = {}
    for mended, patches in with_and_without(api_policy):
        with patches:
            created = apigateway.create_rest_api(name="api", policy=policy)
            described[mended] = apigateway.get_rest_api(restApiId=created["id"])["policy"]
            assert "policy" not in apigateway.create_rest_api(name="none")

    assert described[False] == policy
    assert json.loads(f'"{described[True]}"') == policy


def create_function(client: Client, name: str, **options: Any) -> str:
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "def handle(event, context): ...")
    created = client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Handler="handler.handle",
        Runtime="python3.13",
        Code={"ZipFile": package.getvalue()},
        **options,
    )
    return str(created["FunctionArn"])


def test_a_function_keeps_its_logging_configuration(client: Client) -> None:
    create_function(client, "before", LoggingConfig={"LogFormat": "JSON"})
    with logging_config.applied():
        create_function(client, "set", LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"})
        create_function(client, "unset")
        functions = client("lambda")
        kept = functions.get_function_configuration(FunctionName="set")["LoggingConfig"]
        default = functions.get_function(FunctionName="unset")["Configuration"]["LoggingConfig"]

    assert "LoggingConfig" not in client("lambda").get_function_configuration(FunctionName="before")
    assert kept == {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "LogGroup": "/aws/lambda/set"}
    assert default == {"LogFormat": "Text", "LogGroup": "/aws/lambda/unset"}


def test_a_message_stays_in_a_queue_that_has_an_enabled_mapping(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoked: list[str] = []

    def invoke(_: LambdaBackend, function_arn: str, *__: object) -> bool:
        invoked.append(function_arn)
        return True

    monkeypatch.setattr(LambdaBackend, "send_sqs_batch", invoke)
    sqs = client("sqs")
    waiting = {}
    for mended, patches in with_and_without(event_source_mapping):
        with patches:
            name = f"lane-{mended}"
            url = sqs.create_queue(QueueName=name)["QueueUrl"]
            client("lambda").create_event_source_mapping(
                EventSourceArn=f"arn:aws:sqs:{REGION}:123456789012:{name}",
                FunctionName=create_function(client, name),
                Enabled=True,
            )
            sqs.send_message(QueueUrl=url, MessageBody="x")
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            waiting[mended] = attributes["ApproximateNumberOfMessages"]

    assert waiting == {False: "0", True: "1"}
    assert [arn.rpartition(":")[2] for arn in invoked] == ["lane-False"]
    (_, mapping) = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["State"] == "Enabled"


def test_an_on_demand_table_keeps_its_ceilings(client: Client) -> None:
    dynamodb = client("dynamodb")
    ceiling = {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 20}
    key = [{"AttributeName": "pk", "KeyType": "HASH"}]
    described = {}
    for mended, patches in with_and_without(on_demand_throughput):
        with patches:
            name = f"table-{mended}"
            dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                KeySchema=key,
                OnDemandThroughput=ceiling,
                GlobalSecondaryIndexes=[
                    {
                        "IndexName": "index",
                        "KeySchema": key,
                        "Projection": {"ProjectionType": "ALL"},
                        "OnDemandThroughput": ceiling,
                    }
                ],
            )
            table = dynamodb.describe_table(TableName=name)["Table"]
            described[mended] = [t.get("OnDemandThroughput") for t in (table, *table["GlobalSecondaryIndexes"])]

    assert described == {False: [None, None], True: [ceiling, ceiling]}


def test_an_item_is_measured_by_its_bytes(client: Client) -> None:
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )

    def put(size_bytes: int) -> None:
        dynamodb.put_item(TableName="table", Item={"pk": {"S": "k"}, "body": {"B": b"\xff" * size_bytes}})

    room = 400 * 1024 - len("pkkbody")
    with pytest.raises(ClientError, match="Item size"):
        put(room)
    with item_size.applied():
        put(room)
        for size_bytes in (room + 1, room + 2, room + 3):
            with pytest.raises(ClientError, match="Item size"):
                put(size_bytes)
        with pytest.raises(ClientError, match="Item size"):
            dynamodb.update_item(
                TableName="table",
                Key={"pk": {"S": "k"}},
                UpdateExpression="SET extra = :extra",
                ExpressionAttributeValues={":extra": {"S": "x"}},
            )


def test_a_query_looks_at_the_items_with_its_key_alone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    equals = DynamoType.__eq__

    def note(self: DynamoType, other: DynamoType) -> bool:
        nonlocal compared
        compared += 1
        return equals(self, other)

    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "lane", "at")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "index",
                "KeySchema": [
                    {"AttributeName": "lane", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for number in range(200):
        item = {"pk": f"p{number // 2}", "sk": str(number % 2), "lane": f"l{number % 50}", "at": str(number)}
        dynamodb.put_item(TableName="table", Item={name: {"S": value} for name, value in item.items()})

    def query(key: str, value: str, **options: str) -> tuple[int, list[Any]]:
        nonlocal compared
        compared = 0
        found = dynamodb.query(
            TableName="table",
            KeyConditionExpression=f"{key} = :value",
            ExpressionAttributeValues={":value": {"S": value}},
            **options,
        )
        return compared, found["Items"]

    monkeypatch.setattr(DynamoType, "__eq__", note)
    for index in ({"key": "lane", "value": "l7", "IndexName": "index"}, {"key": "pk", "value": "p7"}):
        all_compared, expected = query(**index)
        with query_candidates.applied():
            few_compared, found = query(**index)

        assert found == expected
        assert len(found) in (2, 4)
        assert few_compared < all_compared / 5


BY_LANE: dict[str, Any] = {
    "TableName": "table",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "lane")],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "index",
            "KeySchema": [{"AttributeName": "lane", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


@pytest.mark.parametrize("seed", range(5))
def test_an_index_follows_every_kind_of_write(client: Client, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same course each time
    dynamodb = client("dynamodb")
    dynamodb.create_table(**BY_LANE)

    def lanes() -> dict[str, list[Any]]:
        values = {lane: {":lane": {"S": lane}} for lane in "abc"}
        asked = {"TableName": "table", "IndexName": "index", "KeyConditionExpression": "lane = :lane"}
        found = {lane: dynamodb.query(**asked, ExpressionAttributeValues=values[lane])["Items"] for lane in "abc"}
        return {lane: sorted(items, key=str) for lane, items in found.items()}

    with query_candidates.applied():
        lanes()  # so that there is an index to follow
        for number in range(60):
            key = {"pk": {"S": str(chance.randint(0, 5))}, "sk": {"S": str(chance.randint(0, 2))}}
            lane = {"lane": {"S": chance.choice("abc")}} if chance.random() < 0.8 else {}
            match chance.randint(0, 3):
                case 0:
                    dynamodb.delete_item(TableName="table", Key=key)
                case 1 if lane:
                    values = {":lane": lane["lane"]}
                    update = {"UpdateExpression": "SET lane = :lane", "ExpressionAttributeValues": values}
                    dynamodb.update_item(TableName="table", Key=key, **update)
                case 1:
                    dynamodb.update_item(TableName="table", Key=key, UpdateExpression="REMOVE lane")
                case _:
                    dynamodb.put_item(TableName="table", Item={**key, **lane, "number": {"N": str(number)}})
        indexed = lanes()
    assert indexed == lanes()


def test_a_query_of_an_index_costs_as_much_in_a_large_table_as_in_a_small_one() -> None:
    """Counted, not timed: the lines that the interpreter runs for a query."""
    services = MotoServices("123456789012", "eu-west-1")

    def call(operation: str, request: dict[str, Any]) -> Any:
        return json.loads(services.call(f"DynamoDB_20120810.{operation}", json.dumps(request).encode()).body)

    call("CreateTable", BY_LANE)
    value = {":lane": {"S": "l1"}}
    asked = {"TableName": "table", "IndexName": "index", "KeyConditionExpression": "lane = :lane"}

    def lines() -> int:
        count = 0

        def count_line(*_: object) -> Any:
            nonlocal count
            count += 1
            return count_line

        before = sys.gettrace()
        sys.settrace(count_line)
        try:
            answer = call("Query", {**asked, "ExpressionAttributeValues": value})
        finally:
            sys.settrace(before)
        assert answer["Count"] == 1
        return count

    def put(first: int, last: int) -> None:
        for number in range(first, last):
            item = {"pk": f"p{number}", "sk": "s", "lane": f"l{number}"}
            call("PutItem", {"TableName": "table", "Item": {name: {"S": text} for name, text in item.items()}})

    put(0, 10)
    lines()
    few = lines()
    put(10, 1000)
    assert lines() <= few * 1.1


ITEM: dict[str, Any] = {
    "pk": {"S": "k"},
    "lane": {"S": "l"},
    "kept": {
        "M": {
            "list": {"L": [{"B": b"\x00\xff"}, {"N": "1.50"}, {"BOOL": False}, {"NULL": True}]},
            "sets": {"M": {"ss": {"SS": ["a"]}, "ns": {"NS": ["1"]}, "bs": {"BS": [b"\xff"]}}},
            "S": {"S": "a member with the name of a type"},
        }
    },
    "left out": {"B": b"\x00" * 9},
}


@pytest.mark.parametrize("extension", [attribute_values, index_projection])
@pytest.mark.parametrize("type_", ["ALL", "KEYS_ONLY", "INCLUDE"])
def test_items_are_answered_as_without_it(client: Client, extension: extensions.Extension, type_: str) -> None:
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "lane")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "index",
                "KeySchema": [{"AttributeName": "lane", "KeyType": "HASH"}],
                "Projection": {
                    "ProjectionType": type_,
                    **({"NonKeyAttributes": ["kept", "nowhere"]} if type_ == "INCLUDE" else {}),
                },
            }
        ],
    )
    dynamodb.put_item(TableName="table", Item=ITEM)

    def query(**options: Any) -> Any:
        values = {":value": {"S": "l"}}
        return dynamodb.query(
            TableName="table",
            IndexName="index",
            KeyConditionExpression="lane = :value",
            ExpressionAttributeValues=values,
            **options,
        )["Items"]

    for _, patches in with_and_without(extension):
        with patches:
            [found] = query()
            names = {"ALL": set(ITEM), "KEYS_ONLY": {"pk", "lane"}, "INCLUDE": {"pk", "lane", "kept"}}[type_]
            assert found == {name: ITEM[name] for name in names}
            assert query(ProjectionExpression="lane") == [{"lane": {"S": "l"}}]
            assert dynamodb.get_item(TableName="table", Key={"pk": ITEM["pk"]})["Item"] == ITEM
            assert dynamodb.scan(TableName="table")["Items"] == [ITEM]
            with pytest.raises(ClientError) as refusal:
                dynamodb.put_item(
                    TableName="table",
                    Item=ITEM,
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            assert refusal.value.response["Item"] == ITEM  # type: ignore[typeddict-item]


def test_attribute_values_are_not_picked_apart(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    picked = 0
    get_value = BaseJSONSerializer.get_value

    def note(*arguments: Any) -> Any:
        nonlocal picked
        picked += 1
        return get_value(*arguments)

    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    dynamodb.put_item(TableName="table", Item=ITEM)
    monkeypatch.setattr(BaseJSONSerializer, "get_value", note)

    counts = {}
    for mended, patches in with_and_without(attribute_values):
        with patches:
            picked = 0
            dynamodb.scan(TableName="table")
            counts[mended] = picked

    assert counts[True] < 10 < counts[False]


def test_the_folders_of_moto_are_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[object] = []
    listdir = os.listdir

    def note(path: str) -> list[str]:
        listed.append(path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", note)

    counts = {}
    for mended, patches in with_and_without(service_folders):
        with patches:
            listed.clear()
            folders = [tuple(moto.backends.list_of_moto_modules()) for _ in range(3)]
            counts[mended] = len(listed)
            assert folders[0] == folders[2]
            assert "sqs" in folders[0]

    assert counts == {False: 3, True: 0}


def test_the_operations_of_a_service_are_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inspected: list[object] = []
    getmembers = inspect.getmembers

    def note(*arguments: Any, **options: Any) -> Any:
        inspected.append(arguments)
        return getmembers(*arguments, **options)

    monkeypatch.setattr(inspect, "getmembers", note)

    counts = {}
    for mended, patches in with_and_without(method_names):
        with patches:
            names = [responses.method_names_from_class(DynamoHandler) for _ in range(2)]  # type: ignore[attr-defined]
            inspected.clear()
            names.append(responses.method_names_from_class(DynamoHandler))  # type: ignore[attr-defined]
            counts[mended] = len(inspected)
            assert names[0] == names[2]
            assert "put_item" in names[0]

    assert counts == {False: 1, True: 0}


def test_moto_is_as_it_was_when_an_extension_ends() -> None:
    before = dict(vars(Queue))
    with extensions.applied(extensions.FOR_APPLY):
        assert dict(vars(Queue)) != before

    assert dict(vars(Queue)) == before
