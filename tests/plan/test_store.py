"""The table and the secrets."""

import re

from tests.plan.environment import PROCESSOR, variables
from tests.plan.plan import Plan


def test_the_table_is_bounded_recoverable_and_forgets(environment: Plan) -> None:
    table = environment.one("aws_dynamodb_table")
    (index,) = table["global_secondary_index"]
    assert table["billing_mode"] == "PAY_PER_REQUEST"
    assert table["point_in_time_recovery"][0]["enabled"]
    assert table["ttl"] == [{"attribute_name": "expires_at", "enabled": True}]
    assert index["on_demand_throughput"] == table["on_demand_throughput"]
    assert min(table["on_demand_throughput"][0].values()) > 0


def test_the_index_carries_no_body(environment: Plan) -> None:
    (index,) = environment.one("aws_dynamodb_table")["global_secondary_index"]
    assert index["projection_type"] == "INCLUDE"
    assert "body" not in index["non_key_attributes"]


def test_every_function_writes_to_the_table(environment: Plan) -> None:
    table = environment.one("aws_dynamodb_table")["name"]
    lanes = environment.by_source("aws_lambda_function", module=PROCESSOR)
    assert {variables(lane)["TABLE_NAME"] for lane in lanes.values()} == {table} == {environment.outputs["table_name"]}


def test_no_secret_value_is_in_terraform(environment: Plan) -> None:
    types = {resource.type for resource in environment.planned}
    assert "aws_secretsmanager_secret" in types
    assert not [kind for kind in types if re.search(r"secret_version|ssm_parameter|random_|kms_ciphertext", kind)]
