"""The table and the secrets."""

import re
from collections.abc import Mapping
from typing import Any

from tests.plan.plan import Plan


def indexes(plan: Plan) -> dict[str, Mapping[str, Any]]:
    return {index["name"]: index for index in plan.one("aws_dynamodb_table")["global_secondary_index"]}


def test_the_table_is_bounded_recoverable_and_forgets(environment: Plan) -> None:
    table = environment.one("aws_dynamodb_table")
    assert table["billing_mode"] == "PAY_PER_REQUEST"
    assert table["point_in_time_recovery"][0]["enabled"]
    assert table["ttl"] == [{"attribute_name": "expires_at", "enabled": True}]
    assert min(table["on_demand_throughput"][0].values()) > 0


def test_each_index_is_bounded_as_the_table_is(environment: Plan) -> None:
    bound = environment.one("aws_dynamodb_table")["on_demand_throughput"]
    assert all(index["on_demand_throughput"] == bound for index in indexes(environment).values())


def test_the_indexes_carry_no_body(environment: Plan) -> None:
    for index in indexes(environment).values():
        assert index["projection_type"] == "INCLUDE"
        assert "body" not in index["non_key_attributes"]


def test_events_are_listed_with_what_became_of_their_effect(environment: Plan) -> None:
    listed = indexes(environment)["by_time"]["non_key_attributes"]
    assert {"effect", "attempts", "next_attempt_at_ms", "last_error"} <= set(listed)


def test_a_receipt_is_looked_up_only_where_there_are_receipts(dev: Plan, prod: Plan) -> None:
    assert indexes(dev).keys() == {"by_time", "by_receipt"}
    assert indexes(prod).keys() == {"by_time"}
    by_receipt = indexes(dev)["by_receipt"]
    assert (by_receipt["hash_key"], by_receipt["range_key"] or None) == ("request_id", None)


def test_only_what_an_index_has_for_a_key_is_declared(dev: Plan, prod: Plan) -> None:
    """DynamoDB refuses a table with an attribute that no key uses."""
    for plan in (dev, prod):
        table = plan.one("aws_dynamodb_table")
        keyed = [table, *indexes(plan).values()]
        keys = {part[key] for part in keyed for key in ("hash_key", "range_key") if part[key]}
        assert {attribute["name"] for attribute in table["attribute"]} == keys


def test_the_table_is_named_in_the_outputs(environment: Plan) -> None:
    assert environment.outputs["table_name"] == environment.one("aws_dynamodb_table")["name"]


def test_no_secret_value_is_in_terraform(environment: Plan) -> None:
    types = {resource.type for resource in environment.planned}
    assert "aws_secretsmanager_secret" in types
    assert not [kind for kind in types if re.search(r"secret_version|ssm_parameter|random_|kms_ciphertext", kind)]
