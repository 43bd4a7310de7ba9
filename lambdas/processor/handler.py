"""The processor's entry point: settings and clients once, then a batch at a time."""

# ruff: noqa: E402 - garbage is not looked for while modules are loaded, which leave hardly any
import gc

gc.disable()

import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session, get_session  # boto3 would load what writes to S3, threads and processes too

from common.keyring import KeyRing
from common.secret import live_versions
from processor.attempt import Effect
from processor.batch import process_batch
from processor.circuit import Circuit
from processor.effects import load_effect
from processor.handling import AttemptFailed
from processor.insert import serialise_whole
from processor.key_usage import KeyUsage
from processor.process import Lane
from processor.queue import LaneQueue
from processor.report import metric_lines
from processor.settings import Settings, read_settings
from processor.store import INLINE_BYTES, INLINE_BYTES_WITH_EFFECT, EventStore
from processor.tracing import trace_aws_calls

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# A call may take 1 + 1 s to fail, and is tried twice at once: a message that still fails comes back by itself. Whether
# its parameters are of the right types is left to the service to say: they are this package's own, and to look at them
# here would be a sixth of what a batch costs. botocore's own user agent, put together anew twice a call, would be a
# twentieth of a PutItem. A handler makes clients of its own.
_AWS = Config(
    connect_timeout=1,
    read_timeout=1,
    retries={"mode": "standard", "total_max_attempts": 2},
    parameter_validation=False,
    user_agent="scalable-webhook",
)

logging.getLogger().setLevel(logging.INFO)
logging.getLogger("botocore").setLevel(logging.WARNING)


class Context(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Until the function's time-out."""


def handle(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Processes an SQS batch and answers which messages come back (ReportBatchItemFailures).

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    batch = process_batch(event["Records"], lane, context.get_remaining_time_in_millis)
    circuit_open = None if lane.effect is None else not lane.effect.circuit.is_closed
    for line in metric_lines(
        settings.metrics_namespace, settings.source, batch.results, batch.faults, circuit_open, lane.clock()
    ):
        print(line)  # noqa: T201
    key_usage.note(batch.results, context.get_remaining_time_in_millis)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in batch.returned]}


def _lane(settings: Settings) -> Lane:
    session = get_session()
    client = cast("DynamoDBClient", session.create_client("dynamodb", config=_AWS))
    serialise_whole(client)
    store = EventStore(
        client,
        settings.table_name,
        settings.event_retention_days,
        settings.receipts,
        INLINE_BYTES if settings.effect is None else INLINE_BYTES_WITH_EFFECT,
    )
    return Lane(
        settings=settings,
        keyring=_keyring(session, settings) if settings.secret_name else None,
        store=store,
        clock=time.time,
        effect=_effect(session, settings, store),
    )


def _keyring(session: Session, settings: Settings) -> KeyRing:
    fetch = partial(live_versions, _secrets_manager(session), settings.secret_name)
    return KeyRing(fetch, settings.scheme.key_encoding)


def _effect(session: Session, settings: Settings, store: EventStore) -> Effect | None:
    if settings.effect is None or settings.retry is None:
        return None
    read_secret = partial(_secret_texts, _secrets_manager(session))
    queue = LaneQueue(
        cast("SQSClient", session.create_client("sqs", config=_AWS)),
        settings.queue_url,
        settings.dead_letter_queue_url,
        settings.queue_retention_seconds,
    )
    return Effect(load_effect(settings.effect, read_secret), settings.retry, Circuit(store, settings.source), queue)


def _secrets_manager(session: Session) -> "SecretsManagerClient":
    return cast("SecretsManagerClient", session.create_client("secretsmanager", config=_AWS))


def _secret_texts(client: "SecretsManagerClient", name: str) -> list[str]:
    """The texts of an effect's secret. Raises AttemptFailed: whoever looks at the event must see what is missing."""
    try:
        return live_versions(client, name)
    except ClientError as error:
        raise AttemptFailed(f"the secret {name} can't be read: {error.response['Error']['Code']}") from None


settings = read_settings(os.environ)
trace_aws_calls()
lane = _lane(settings)
key_usage = KeyUsage(lane.store, settings.source)

gc.freeze()  # what is loaded stays; without this it would all be looked at once, in the first call
gc.enable()
