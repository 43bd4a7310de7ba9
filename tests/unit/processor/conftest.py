from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from common.keyring import KeyRing
from common.scheme import Scheme, preset
from processor.process import Lane
from processor.settings import DeduplicateBy, Settings
from processor.store import EventStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_700_000_100.0
TABLE = "webhook-test-events"


@dataclass
class Bench:
    """A lane on a table of its own, and a hand on its clock and its secret."""

    client: "DynamoDBClient"
    source: str = "github"
    scheme: Scheme = field(default_factory=lambda: preset("github"))
    secrets: list[str] = field(default_factory=lambda: ["s3cret"])
    deduplicate_by: DeduplicateBy = "id"
    now: float = NOW
    reads: int = 0

    def lane(self) -> Lane:
        return Lane(
            settings=Settings(
                self.source, self.scheme, 300, "webhook-test/github", TABLE, 30, "webhook-test", self.deduplicate_by
            ),
            keyring=None if self.scheme.kind == "unsigned" else KeyRing(self._fetch, self.scheme.key_encoding),
            store=EventStore(self.client, TABLE, 30),
            clock=lambda: self.now,
        )

    def items(self) -> list[dict[str, Any]]:
        return self.client.scan(TableName=TABLE)["Items"]

    def _fetch(self) -> list[str]:
        self.reads += 1
        return list(self.secrets)


@pytest.fixture
def bench(aws: None) -> Bench:
    client = boto3.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return Bench(client)
