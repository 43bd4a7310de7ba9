"""The conditional updates of DynamoDB that a lane's leases rest on, as the local stack carries them out."""

import json
import sys
import threading
from typing import Any

import pytest

from webhookctl.local.aws.backend import Backend
from webhookctl.local.aws.errors import AwsError

KEY = {"pk": {"S": "event#github#1"}, "sk": {"S": "event"}}
TAKE = {
    "TableName": "events",
    "Key": KEY,
    "UpdateExpression": "SET effect = :running, attempts = if_not_exists(attempts, :none) + :one, lease_owner = :owner",
    "ConditionExpression": "attribute_not_exists(effect) OR effect = :waiting",
    "ExpressionAttributeValues": {
        ":running": {"S": "running"},
        ":waiting": {"S": "waiting"},
        ":owner": {"S": "me"},
        ":none": {"N": "0"},
        ":one": {"N": "1"},
    },
    "ReturnValues": "ALL_NEW",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


@pytest.fixture
def backend() -> Backend:
    made = Backend()
    table = {
        "TableName": "events",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    }
    made.call("DynamoDB_20120810.CreateTable", table)
    return made


def put(backend: Backend, **attributes: Any) -> None:
    request = {"TableName": "events", "Item": {**KEY, **attributes}}
    backend.call("DynamoDB_20120810.PutItem", request)


def take(backend: Backend, **changes: Any) -> dict[str, Any]:
    return backend.call("DynamoDB_20120810.UpdateItem", {**TAKE, **changes})


def test_an_update_whose_condition_holds_answers_with_the_whole_new_item(backend: Backend) -> None:
    put(backend, body={"B": "eHg="}, effect={"S": "waiting"}, attempts={"N": "2"})
    assert take(backend)["Attributes"] == {
        **KEY,
        "body": {"B": "eHg="},
        "effect": {"S": "running"},
        "attempts": {"N": "3"},
        "lease_owner": {"S": "me"},
    }


def test_what_is_not_there_yet_counts_as_the_value_that_is_given_for_it(backend: Backend) -> None:
    put(backend)
    assert take(backend)["Attributes"]["attempts"] == {"N": "1"}


async def test_an_update_whose_condition_fails_says_what_the_item_is(backend: Backend) -> None:
    put(backend, effect={"S": "done"}, attempts={"N": "1"})
    status, body = await backend.ask("UpdateItem", json.dumps(TAKE).encode())
    answer = json.loads(body)
    assert (status, answer["__type"].rpartition("#")[2]) == (400, "ConditionalCheckFailedException")
    assert answer["Item"] == {**KEY, "effect": {"S": "done"}, "attempts": {"N": "1"}}


def test_a_failed_condition_changes_nothing(backend: Backend) -> None:
    put(backend, effect={"S": "done"})
    with pytest.raises(AwsError, match="ConditionalCheckFailed"):
        take(backend)
    stored = backend.call("DynamoDB_20120810.GetItem", {"TableName": "events", "Key": KEY, "ConsistentRead": True})
    assert stored["Item"] == {**KEY, "effect": {"S": "done"}}


def test_of_many_who_take_a_lease_at_once_one_gets_it(backend: Backend) -> None:
    put(backend)
    outcomes: list[bool] = []

    def attempt() -> None:
        try:
            take(backend)
        except AwsError:
            outcomes.append(False)
        else:
            outcomes.append(True)

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 15 + [True]


def test_an_update_and_a_read_cost_as_much_in_a_large_table_as_in_a_small_one(backend: Backend) -> None:
    """Counted, not timed: the lines that the interpreter runs. A table that was copied would be a line an item."""

    def lines() -> int:
        count = 0

        def count_line(*_: object) -> Any:
            nonlocal count
            count += 1
            return count_line

        put(backend)
        before = sys.gettrace()
        sys.settrace(count_line)
        try:
            take(backend)
            backend.call("DynamoDB_20120810.GetItem", {"TableName": "events", "Key": KEY})
        finally:
            sys.settrace(before)
        return count

    lines()
    few = lines()
    for number in range(2000):
        item = {"pk": {"S": f"event#github#other-{number}"}, "sk": {"S": "event"}}
        backend.call("DynamoDB_20120810.PutItem", {"TableName": "events", "Item": item})
    assert lines() <= few * 1.1
