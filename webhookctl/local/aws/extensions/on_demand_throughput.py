"""DynamoDB keeps the ceilings of an on-demand table and of its indexes.

Amazon DynamoDB API Reference, CreateTable, TableDescription and GlobalSecondaryIndexDescription: `OnDemandThroughput`
is returned as it was set. moto drops it, and the applied state has no ceiling.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from moto.dynamodb.models.table import GlobalSecondaryIndex, Table
from moto.dynamodb.responses import DynamoHandler, DynamoResult

from webhookctl.local.aws.extensions.patch import patched

ATTRIBUTE = "on_demand_throughput"


@contextmanager
def applied() -> Iterator[None]:
    """Store OnDemandThroughput with each table created while the block runs, and describe it."""
    create_table, describe_table, describe_index = (
        DynamoHandler.create_table,
        Table.describe,
        GlobalSecondaryIndex.describe,
    )

    def create_with_ceilings(self: DynamoHandler) -> Any:
        create_table(self)
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        _keep(table, self.body)
        for index in table.global_indexes:
            _keep(index, next(i for i in self.body["GlobalSecondaryIndexes"] if i["IndexName"] == index.name))
        return DynamoResult(table.describe())

    def describe_table_with_ceiling(self: Table, base_key: str = "TableDescription") -> dict[str, Any]:
        description = describe_table(self, base_key)
        description[base_key] |= _kept(self)
        return description

    def describe_index_with_ceiling(self: GlobalSecondaryIndex) -> dict[str, Any]:
        return describe_index(self) | _kept(self)

    with ExitStack() as patches:
        patches.enter_context(patched(DynamoHandler, "create_table", create_with_ceilings))
        patches.enter_context(patched(Table, "describe", describe_table_with_ceiling))
        patches.enter_context(patched(GlobalSecondaryIndex, "describe", describe_index_with_ceiling))
        yield


def _keep(owner: Any, request: dict[str, Any]) -> None:
    setattr(owner, ATTRIBUTE, request.get("OnDemandThroughput"))


def _kept(owner: Any) -> dict[str, Any]:
    ceiling = getattr(owner, ATTRIBUTE, None)
    return {"OnDemandThroughput": ceiling} if ceiling else {}
