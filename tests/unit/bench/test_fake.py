"""The fake DynamoDB refuses and counts as DynamoDB's documentation says."""

import base64
from typing import Any

import pytest

from tests.bench.fake.expression import Item, NotUnderstood, holds, updated
from tests.bench.fake.table import Database, Refused
from tests.bench.fake.units import item_bytes, read_units, write_units

NEW = "attribute_not_exists(pk) OR expires_at < :now"


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def item(name: str = "a", **attributes: Any) -> Item:
    return {"pk": {"S": name}, "sk": {"S": "event"}, **attributes}


@pytest.fixture
def database() -> Database:
    database = Database()
    database.create("events", ("pk", "sk"))
    return database


def put(database: Database, put_item: Item, condition: str | None = None, **more: Any) -> None:
    request = {"TableName": "events", "Item": put_item, **more}
    database.answer("PutItem", request | ({"ConditionExpression": condition} if condition else {}))


def insert(database: Database, *items: Item) -> list[dict[str, Any]]:
    statements = [
        {
            "Statement": f"""INSERT INTO "events" VALUE {{{", ".join(f"'{name}': ?" for name in each)}}}""",
            "Parameters": list(each.values()),
        }
        for each in items
    ]
    answers: list[dict[str, Any]] = database.answer("BatchExecuteStatement", {"Statements": statements})["Responses"]
    return answers


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("attribute_exists(a)", True),
        ("attribute_not_exists(a)", False),
        ("a = :one", True),
        ("a <> :one", False),
        ("a < :ten AND a >= :one", True),
        ("missing < :ten", False),
        ("a = :ten OR NOT a = :ten AND attribute_exists(a)", True),
        ("(a = :one OR a = :one) AND a = :ten", False),
        ("#name = :one", True),
    ],
)
def test_a_condition_is_read_as_it_binds(expression: str, expected: bool) -> None:
    assert holds(expression, {"a": number(9)}, {"#name": "a"}, {":one": number(9), ":ten": number(10)}) is expected


def test_numbers_are_compared_as_numbers_and_texts_as_texts() -> None:
    values = {":number": number(10), ":text": {"S": "10"}}
    assert holds("a < :number", {"a": number(9)}, {}, values)
    assert not holds("a < :text", {"a": {"S": "9"}}, {}, values)
    assert not holds("a < :text", {"a": number(9)}, {}, values)


@pytest.mark.parametrize("expression", ["a", "a = ", "begins_with(a, :one)", "(a = :one", "a = :one a"])
def test_a_condition_that_is_not_understood_is_not_taken_for_true(expression: str) -> None:
    with pytest.raises(NotUnderstood):
        holds(expression, {"a": number(1)}, {}, {":one": number(1)})


def test_an_update_sets_and_removes() -> None:
    changed = updated("SET #a = :a, b = :b REMOVE c", {"c": number(1)}, {"#a": "a"}, {":a": number(1), ":b": number(2)})
    assert changed == {"a": number(1), "b": number(2)}


def test_a_conditional_put_is_refused_with_the_item_that_is_there(database: Database) -> None:
    now = {":now": number(100)}
    put(database, item(expires_at=number(200)), NEW, ExpressionAttributeValues=now)
    with pytest.raises(Refused) as refused:
        put(
            database,
            item(expires_at=number(300)),
            NEW,
            ExpressionAttributeValues=now,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.code == "ConditionalCheckFailedException"
    assert refused.value.fields == {"Item": item(expires_at=number(200))}
    put(database, item(expires_at=number(300)), NEW, ExpressionAttributeValues={":now": number(201)})
    assert list(database.tables["events"].items.values()) == [item(expires_at=number(300))]


def test_an_insert_of_what_is_there_fails_alone(database: Database) -> None:
    put(database, item("b", x=number(1)))
    answers = insert(database, item("a"), item("b", x=number(2)), item("c"))
    assert [answer.get("Error", {}).get("Code") for answer in answers] == [None, "DuplicateItem", None]
    assert database.tables["events"].items["b", "event"] == item("b", x=number(1))


@pytest.mark.parametrize("names", [["a", "a"], [str(number) for number in range(26)], []])
def test_a_call_with_one_key_twice_or_too_many_statements_writes_nothing(database: Database, names: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        insert(database, *map(item, names))
    assert refused.value.code == "ValidationException"
    assert database.tables["events"].items == {}


def test_a_batch_write_takes_the_place_of_what_is_there(database: Database) -> None:
    put(database, item(x=number(1)))
    request = {"RequestItems": {"events": [{"PutRequest": {"Item": item(x=number(2))}}]}}
    assert database.answer("BatchWriteItem", request) == {"UnprocessedItems": {}}
    assert database.tables["events"].items["a", "event"] == item(x=number(2))


def test_a_transaction_is_all_or_nothing_and_costs_twice(database: Database) -> None:
    put(database, item("b"))
    puts = [
        {"Put": {"TableName": "events", "Item": item(name), "ConditionExpression": "attribute_not_exists(pk)"}}
        for name in "abc"
    ]
    with pytest.raises(Refused) as refused:
        database.answer("TransactWriteItems", {"TransactItems": puts})
    codes = [reason["Code"] for reason in refused.value.fields["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed", "None"]
    assert set(database.tables["events"].items) == {("b", "event")}
    database.tables["events"].write_units = 0
    database.answer("TransactWriteItems", {"TransactItems": [puts[0], puts[2]]})
    assert database.tables["events"].write_units == 4


def test_a_batch_read_has_what_is_there_and_what_was_asked_for_of_it(database: Database) -> None:
    put(database, item("a", x=number(1), y=number(2)))
    keys = [{"pk": {"S": name}, "sk": {"S": "event"}} for name in "ab"]
    request = {"events": {"Keys": keys, "ProjectionExpression": "pk, #x", "ExpressionAttributeNames": {"#x": "x"}}}
    answer = database.answer("BatchGetItem", {"RequestItems": request})
    assert answer["Responses"] == {"events": [{"pk": {"S": "a"}, "x": number(1)}]}


def test_an_item_is_measured_with_its_names_and_its_values_as_they_are_charged_for() -> None:
    binary = {"B": base64.b64encode(bytes(100)).decode()}
    assert item_bytes({"body": binary}) == 4 + 100
    assert item_bytes({"é": {"S": "ä"}}) == 4
    assert item_bytes({"n": number(1_700_000_000)}) == 1 + 2
    assert item_bytes({"f": {"BOOL": True}}) == 2


@pytest.mark.parametrize(("size", "units"), [(1, 1), (1024, 1), (1025, 2), (2048, 2)])
def test_a_write_unit_is_a_kilobyte_or_the_beginning_of_one(size: int, units: int) -> None:
    assert write_units(size) == units


def test_a_read_unit_is_four_kilobytes_and_half_of_one_where_it_may_be_old() -> None:
    assert (read_units(0, consistent=True), read_units(4097, consistent=True)) == (1, 2)
    assert read_units(10, consistent=False) == 0.5


@pytest.mark.parametrize("operation", ["PutItem", "BatchExecuteStatement"])
def test_what_is_refused_costs_as_much_as_what_is_written(database: Database, operation: str) -> None:
    body = {"S": "x" * 3000}
    put(database, item(body=body))
    table = database.tables["events"]
    table.write_units = 0
    if operation == "PutItem":
        with pytest.raises(Refused):
            put(database, item(), "attribute_not_exists(pk)")
    else:
        insert(database, item())
    assert table.write_units == 3
