"""The processor's entry point: settings and clients once, then a batch at a time."""

import logging
import os
import time
from typing import Any, Protocol

import boto3
from botocore.config import Config

from common.keyring import KeyRing
from processor.batch import process_batch
from processor.process import Lane
from processor.report import metric_lines
from processor.settings import Settings, read_settings
from processor.store import EventStore
from processor.tracing import trace_aws_calls

# A call may take 1 + 1 s to fail, and is tried twice at once: a message that still fails comes back by itself.
_AWS = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})

logging.getLogger().setLevel(logging.INFO)
logging.getLogger("botocore").setLevel(logging.WARNING)


class Context(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Until the function's time-out."""


def handle(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Processes an SQS batch and answers which messages failed (ReportBatchItemFailures).

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    batch = process_batch(event["Records"], lane, context.get_remaining_time_in_millis)
    for line in metric_lines(
        settings.metrics_namespace, settings.source, batch.results, len(batch.failed), lane.clock()
    ):
        print(line)  # noqa: T201
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in batch.failed]}


def _lane(settings: Settings) -> Lane:
    session = boto3.Session()
    dynamodb = session.client("dynamodb", config=_AWS)
    return Lane(
        settings=settings,
        keyring=_keyring(session, settings) if settings.secret_name else None,
        store=EventStore(dynamodb, settings.table_name, settings.event_retention_days),
        clock=time.time,
    )


def _keyring(session: boto3.Session, settings: Settings) -> KeyRing:
    client = session.client("secretsmanager", config=_AWS)

    def live_versions() -> list[str]:
        current = client.get_secret_value(SecretId=settings.secret_name, VersionStage="AWSCURRENT")["SecretString"]
        try:
            previous = client.get_secret_value(SecretId=settings.secret_name, VersionStage="AWSPREVIOUS")
        except client.exceptions.ResourceNotFoundException:
            return [current]
        return [current, previous.get("SecretString", "")]  # a binary one is no key, and must not stop the current one

    return KeyRing(live_versions, settings.scheme.key_encoding)


settings = read_settings(os.environ)
trace_aws_calls()
lane = _lane(settings)
