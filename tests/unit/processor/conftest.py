from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from common.keyring import KeyRing
from common.scheme import Scheme, preset
from processor.attempt import Effect
from processor.circuit import Circuit
from processor.event import Result
from processor.handling import Handle, HandlerEvent
from processor.process import Lane, process
from processor.queue import LaneQueue
from processor.schedule import Schedule
from processor.settings import DeduplicateBy, Settings
from processor.store import INLINE_BYTES, INLINE_BYTES_WITH_EFFECT, EventStore
from webhookctl.local.aws.extensions import batch_execute_statement

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

NOW = 1_700_000_100.0
TABLE = "webhook-test-events"
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/webhook-test-github"
DEAD_LETTER_QUEUE_URL = f"{QUEUE_URL}-dead-letter"
RETENTION_SECONDS = 4 * 86_400


def plenty() -> int:
    return 60_000


def processed(record: Mapping[str, Any], lane: Lane) -> Result:
    return process(record, lane, plenty)


@dataclass
class Queues:
    """What a lane did with its two queues: how long messages were hidden for, and what was dead-lettered."""

    hidden: list[int] = field(default_factory=list)
    dead_lettered: list[dict[str, Any]] = field(default_factory=list)
    fails: bool = False

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        assert (QueueUrl, ReceiptHandle) == (QUEUE_URL, "handle")
        if self.fails:
            raise ConnectionError
        self.hidden.append(VisibilityTimeout)

    def send_message(self, *, QueueUrl: str, **message: Any) -> None:  # noqa: N803
        assert QueueUrl == DEAD_LETTER_QUEUE_URL
        if self.fails:
            raise ConnectionError
        self.dead_lettered.append(message)


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
    handle: Handle | None = None
    schedule: Schedule = field(default_factory=lambda: Schedule((30, 60), jitter=False))
    queues: Queues = field(default_factory=Queues)
    receipts: bool = False

    def lane(self) -> Lane:
        """A lane as one more execution environment has it."""
        inline_bytes = INLINE_BYTES if self.handle is None else INLINE_BYTES_WITH_EFFECT
        store = EventStore(self.client, TABLE, 30, self.receipts, inline_bytes)
        return Lane(
            settings=self._settings(),
            keyring=None if self.scheme.kind == "unsigned" else KeyRing(self._fetch, self.scheme.key_encoding),
            store=store,
            clock=lambda: self.now,
            effect=self._effect(store),
        )

    def items(self) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("scan").paginate(TableName=TABLE)
        return [item for page in pages for item in page["Items"]]

    def event(self) -> dict[str, Any]:
        """The only event's item, values without their types."""
        (item,) = [item for item in self.items() if item["sk"]["S"] == "event"]
        return {name: next(iter(value.values())) for name, value in item.items()}

    def _effect(self, store: EventStore) -> Effect | None:
        if self.handle is None:
            return None

        def handle(event: HandlerEvent) -> str | None:
            assert self.handle is not None
            return self.handle(event)

        queue = LaneQueue(cast("SQSClient", self.queues), QUEUE_URL, DEAD_LETTER_QUEUE_URL, RETENTION_SECONDS)
        return Effect(handle, self.schedule, Circuit(store, self.source, lambda: self.now), queue)

    def _settings(self) -> Settings:
        return Settings(
            source=self.source,
            scheme=self.scheme,
            tolerance_seconds=300,
            secret_name="webhook-test/github",
            table_name=TABLE,
            event_retention_days=30,
            metrics_namespace="webhook-test",
            deduplicate_by=self.deduplicate_by,
            effect=None,
            retry=None,
            queue_url=QUEUE_URL,
            dead_letter_queue_url=DEAD_LETTER_QUEUE_URL,
            queue_retention_seconds=RETENTION_SECONDS,
            receipts=self.receipts,
        )

    def _fetch(self) -> list[str]:
        self.reads += 1
        return list(self.secrets)


def create_table(client: "DynamoDBClient") -> None:
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def bench(aws: None) -> Iterator[Bench]:
    client = boto3.client("dynamodb")
    create_table(client)
    with batch_execute_statement.applied():
        yield Bench(client)
