"""What Powertools for AWS Lambda offers for this: batch and idempotency, with its logger, tracer and metrics."""

import base64
import hashlib
import hmac
import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

logger, tracer = Logger(service="webhook"), Tracer(service="webhook")
metrics = Metrics(namespace="webhook-bench", service="webhook")
dynamodb, secrets_manager = boto3.client("dynamodb"), boto3.client("secretsmanager")
table_name = os.environ["TABLE_NAME"]
config = IdempotencyConfig(event_key_jmespath="event_id")
persistence = DynamoDBPersistenceLayer(f"{table_name}-idempotency")
batch = BatchProcessor(event_type=EventType.SQS)
keys: list[bytes] = []


@tracer.capture_method(capture_response=False)
def handle_record(record: SQSRecord) -> None:
    """Verifies, then stores once."""
    envelope = json.loads(record.body)
    headers = json.loads(base64.urlsafe_b64decode(envelope["head"] + "=="))["headers"]
    body = base64.b64decode(envelope["body"])
    if not keys:
        keys.append(secrets_manager.get_secret_value(SecretId=os.environ["SECRET_NAME"])["SecretString"].encode())
    expected = "sha256=" + hmac.new(keys[0], body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, headers["x-hub-signature-256"]):
        raise ValueError("the signature does not fit")
    store(delivery={"event_id": headers["x-github-delivery"], "body": envelope["body"]})
    metrics.add_metric(name="Stored", unit=MetricUnit.Count, value=1)
    logger.info("stored", extra={"event_id": headers["x-github-delivery"], "message_id": record.message_id})


@idempotent_function(  # type: ignore[untyped-decorator]
    data_keyword_argument="delivery", persistence_store=persistence, config=config
)
def store(delivery: dict[str, str]) -> dict[str, str]:
    """Once for each event, as Powertools' own record of it says."""
    item: dict[str, Any] = {
        "pk": {"S": f"event#{delivery['event_id']}"},
        "sk": {"S": "event"},
        "body": {"B": base64.b64decode(delivery["body"])},
    }
    dynamodb.put_item(TableName=table_name, Item=item)
    return {"event_id": delivery["event_id"]}


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A batch, of which what failed comes back."""
    config.register_lambda_context(context)
    return dict(process_partial_response(event=event, record_handler=handle_record, processor=batch, context=context))
