"""The extension that runs batches of PartiQL INSERTs: each rule of the API, seen to fail without it."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from webhookctl.local.aws import extensions
from webhookctl.local.aws.extensions import batch_execute_statement
from webhookctl.local.aws.moto_service import MotoServices

TABLE = "events"
KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
INDEX = [{"AttributeName": "lane", "KeyType": "HASH"}, {"AttributeName": "received_at_ms", "KeyType": "RANGE"}]
TYPES = {"pk": "S", "sk": "S", "lane": "S", "received_at_ms": "N"}
SELECT: Any = {"Statement": "SELECT * FROM \"events\" WHERE pk = 'p' AND sk = 's'"}

Attributes = Mapping[str, Mapping[str, Any]]
Run = Callable[..., Any]


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a moto without any extension, which has the table."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        client.create_table(**table(TABLE))
        yield client


@pytest.fixture
def run(dynamodb: Any) -> Iterator[Run]:
    """Runs statements with the extension in force, and answers each one's error code, empty for none."""
    with batch_execute_statement.applied():
        yield lambda *statements: codes(dynamodb, *statements)


def table(name: str) -> Any:
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": KEYS,
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in TYPES.items()],
        "GlobalSecondaryIndexes": [
            {"IndexName": "by_time", "KeySchema": INDEX, "Projection": {"ProjectionType": "ALL"}}
        ],
    }


def item(pk: str = "p", **attributes: Mapping[str, Any]) -> Attributes:
    return {"pk": {"S": pk}, "sk": {"S": "s"}, "body": {"B": b"\x00\xff"}, **attributes}


def insert(attributes: Attributes, table_name: str = TABLE) -> Any:
    members = ", ".join(f"'{name}': ?" for name in attributes)
    statement = f'INSERT INTO "{table_name}" VALUE {{{members}}}'
    return {"Statement": statement, "Parameters": list(attributes.values())}


def codes(client: Any, *statements: Any) -> list[str]:
    answers = client.batch_execute_statement(Statements=list(statements))["Responses"]
    return [answer.get("Error", {}).get("Code", "") for answer in answers]


def stored(client: Any) -> list[Any]:
    return sorted(client.scan(TableName=TABLE)["Items"], key=str)


def test_moto_alone_cannot_run_it(dynamodb: Any) -> None:
    with pytest.raises((TypeError, ClientError)):
        codes(dynamodb, insert(item()))


def test_each_new_item_is_written_as_it_is(dynamodb: Any, run: Run) -> None:
    items = [item("p", size={"N": "12"}), item("q", text={"S": "été"}, tags={"SS": ["a"]}, flag={"BOOL": True})]

    assert run(*map(insert, items)) == ["", ""]

    assert stored(dynamodb) == sorted(items, key=str)


def test_a_key_that_is_taken_fails_its_statement_alone_and_answers_keep_their_order(dynamodb: Any, run: Run) -> None:
    run(insert(item("q", body={"B": b"first"})))

    assert run(*(insert(item(pk)) for pk in "pqr")) == ["", "DuplicateItem", ""]

    assert [found["body"]["B"] for found in stored(dynamodb)] == [b"\x00\xff", b"first", b"\x00\xff"]


def test_the_item_that_is_there_does_not_come_back(dynamodb: Any, run: Run) -> None:
    run(insert(item()))

    again = insert(item()) | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    (answer,) = dynamodb.batch_execute_statement(Statements=[again])["Responses"]

    assert answer["Error"].keys() == {"Code", "Message"}
    assert "Item" not in answer


def test_one_key_twice_refuses_the_whole_call(dynamodb: Any, run: Run) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*duplicates"):
        run(insert(item("p")), insert(item("q")), insert(item("p", other={"S": "x"})))

    assert stored(dynamodb) == []


def test_twenty_five_statements_are_run_and_one_more_is_refused(dynamodb: Any, run: Run) -> None:
    assert run(*(insert(item(str(number))) for number in range(25))) == [""] * 25

    with pytest.raises(ClientError, match="ValidationException"):
        run(*(insert(item(f"q{number}")) for number in range(26)))
    assert len(stored(dynamodb)) == 25


def test_a_statement_may_have_8192_characters(run: Run) -> None:
    room = 8192 - len(insert(item())["Statement"]) - len(", '': ?")
    names = "n" * room, "n" * (room + 1)
    at_most, more = (insert({**item(), name: {"S": "x"}}) for name in names)

    assert run(at_most) == [""]
    with pytest.raises(ClientError, match="ValidationException"):
        run(more)


def test_reads_beside_writes_are_refused(dynamodb: Any, run: Run) -> None:
    with pytest.raises(ClientError, match="Read and write"):
        run(insert(item()), SELECT)

    assert stored(dynamodb) == []


def test_a_table_that_is_not_there_fails_its_statement_alone(run: Run) -> None:
    assert run(insert(item()), insert(item(), "none")) == ["", "ResourceNotFound"]


@pytest.mark.parametrize(
    "wrong",
    [
        insert(item("")),
        insert(item("q", sk={"S": ""})),
        insert(item("q", sk={"N": "1"})),
        insert({"pk": {"S": "q"}}),
        insert(item("q" * 2049)),
        insert(item("q", lane={"S": ""}, received_at_ms={"N": "1"})),
        insert(item("q", received_at_ms={"N": "many"})),
        insert(item("q")) | {"Parameters": [{"S": "q"}]},
        insert(item("q")) | {"Statement": f"INSERT INTO {TABLE} VALUE {{'pk': ?, 'sk': ?, 'body': ?}}"},
        insert(item("q")) | {"Statement": f"INSERT INTO \"{TABLE}\" VALUE {{pk: ?, 'sk': ?, 'body': ?}}"},
        insert(item("q")) | {"Statement": f"INSERT INTO \"{TABLE}\" VALUE {{'pk': ?, 'pk': ?, 'sk': ?}}"},
        insert(item("q")) | {"Statement": f'INSERT INTO "{TABLE}"'},
    ],
    ids=[
        "empty hash key",
        "empty range key",
        "key of another type",
        "no range key",
        "key too long",
        "empty key of an index",
        "no number",
        "parameter missing",
        "table not quoted",
        "name not quoted",
        "name twice",
        "no item",
    ],
)
def test_what_is_not_valid_fails_its_statement_alone(dynamodb: Any, run: Run, wrong: Any) -> None:
    assert run(insert(item("p")), wrong, insert(item("r"))) == ["", "ValidationError", ""]

    assert [found["pk"]["S"] for found in stored(dynamodb)] == ["p", "r"]


def test_reserved_words_may_be_names(dynamodb: Any, run: Run) -> None:
    assert run(insert(item(source={"S": "x"}, outcome={"S": "y"}, value={"S": "z"}))) == [""]

    assert stored(dynamodb)[0]["value"] == {"S": "z"}


def test_an_item_of_400_kilobytes_is_kept_and_one_byte_more_is_not(dynamodb: Any) -> None:
    room = 400 * 1024 - len("pkpsksbody")

    with extensions.applied(extensions.FOR_DATA):
        at_most = codes(dynamodb, insert(item("p", body={"B": b"\xff" * room})))
        more = codes(dynamodb, insert(item("q", body={"B": b"\xff" * (room + 1)})))

    assert (at_most, more) == ([""], ["ValidationError"])


def test_an_index_has_what_was_inserted_before_and_after_it_was_first_read(dynamodb: Any) -> None:
    def read() -> list[str]:
        found = dynamodb.query(
            TableName=TABLE,
            IndexName="by_time",
            KeyConditionExpression="lane = :lane",
            ExpressionAttributeValues={":lane": {"S": "lane"}},
        )
        return [one["pk"]["S"] for one in found["Items"]]

    def numbered(number: int) -> Attributes:
        return item(str(number), lane={"S": "lane"}, received_at_ms={"N": str(number)})

    with extensions.applied(extensions.FOR_DATA):
        codes(dynamodb, insert(numbered(2)))
        before = read()
        codes(dynamodb, insert(numbered(1)), insert(numbered(3)), insert(numbered(2)))
        after = read()

    assert (before, after) == (["2"], ["1", "2", "3"])


def test_other_batches_are_run_as_without_it(dynamodb: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item=item())
    without = dynamodb.batch_execute_statement(Statements=[SELECT])["Responses"]
    with batch_execute_statement.applied():
        applied = dynamodb.batch_execute_statement(Statements=[SELECT])["Responses"]

    assert applied == without
    assert len(applied) == 1


def test_the_local_stack_runs_batches() -> None:
    services = MotoServices("000000000000", "eu-west-1")

    def call(operation: str, **request: Any) -> Any:
        return json.loads(services.call(f"DynamoDB_20120810.{operation}", json.dumps(request).encode()).body)

    call("CreateTable", **table(TABLE))
    statements = [insert(item(body={"B": "AP8="}))]

    assert call("BatchExecuteStatement", Statements=statements) == {"Responses": [{"TableName": TABLE}]}
    assert call("Scan", TableName=TABLE)["Items"][0]["body"] == {"B": "AP8="}
