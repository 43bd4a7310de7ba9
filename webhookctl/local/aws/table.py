"""The DynamoDB CreateTable request that makes the table of an `aws_dynamodb_table`."""

from collections.abc import Mapping
from typing import Any

KeySchema = list[dict[str, str]]


def create_table_request(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys, attributes, indexes and billing from the attributes that Terraform keeps of a table."""
    request: dict[str, Any] = {
        "TableName": values["name"],
        "BillingMode": values.get("billing_mode") or "PROVISIONED",
        "KeySchema": _key_schema(values),
        "AttributeDefinitions": [
            {"AttributeName": attribute["name"], "AttributeType": attribute["type"]}
            for attribute in values["attribute"]
        ],
        "DeletionProtectionEnabled": bool(values.get("deletion_protection_enabled")),
    }
    if request["BillingMode"] == "PROVISIONED":
        request["ProvisionedThroughput"] = _throughput(values)
    for name, key in (
        ("global_secondary_index", "GlobalSecondaryIndexes"),
        ("local_secondary_index", "LocalSecondaryIndexes"),
    ):
        indexes = [_index(index, values) for index in values.get(name) or []]
        if indexes:
            request[key] = indexes
    return request


def _index(index: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    keys = index if index.get("hash_key") else {**index, "hash_key": table["hash_key"]}
    projection: dict[str, Any] = {"ProjectionType": index["projection_type"]}
    if index.get("non_key_attributes"):
        projection["NonKeyAttributes"] = list(index["non_key_attributes"])
    request: dict[str, Any] = {"IndexName": index["name"], "KeySchema": _key_schema(keys), "Projection": projection}
    if table.get("billing_mode") == "PROVISIONED" and index.get("hash_key"):
        request["ProvisionedThroughput"] = _throughput(index)
    return request


def _key_schema(keys: Mapping[str, Any]) -> KeySchema:
    schema = [{"AttributeName": str(keys["hash_key"]), "KeyType": "HASH"}]
    if keys.get("range_key"):
        schema.append({"AttributeName": str(keys["range_key"]), "KeyType": "RANGE"})
    return schema


def _throughput(values: Mapping[str, Any]) -> dict[str, int]:
    return {
        "ReadCapacityUnits": int(values.get("read_capacity") or 1),
        "WriteCapacityUnits": int(values.get("write_capacity") or 1),
    }
