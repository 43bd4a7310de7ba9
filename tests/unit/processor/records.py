"""SQS records as the event source mapping hands them over, holding envelopes as the template writes them."""

import base64
import json
from typing import Any

from common.envelope import write_head
from common.keys import Key
from common.scheme import preset
from webhookctl.sender import sign

RECEIVED_AT = 1_700_000_000


def record(
    body: bytes = b'{"a": 1}',
    *,
    source: str = "github",
    scheme: str = "github",
    key: str = "s3cret",
    event_id: str = "evt-1",
    signed_at: int = RECEIVED_AT,
    message_id: str = "message-1",
    received_at: int = RECEIVED_AT,
    headers: dict[str, str] | None = None,
    rendered_body: str | None = None,
) -> dict[str, Any]:
    signed = sign(preset(scheme), Key(key.encode()), body, at=signed_at, event_id=event_id)
    lower = {name.lower(): value for name, value in {**signed.headers, "content-type": "application/json"}.items()}
    envelope = {
        "version": 1,
        "received_at_ms": received_at * 1000,
        "request_id": "request=",
        "head": write_head(source, lower | (headers or {})),
        "body": base64.b64encode(body).decode() if rendered_body is None else rendered_body,
    }
    return sqs_record(json.dumps(envelope), message_id)


def sqs_record(text: str, message_id: str = "message-1") -> dict[str, Any]:
    return {
        "messageId": message_id,
        "receiptHandle": "handle",
        "body": text,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(RECEIVED_AT * 1000)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:webhook-test-github",
        "awsRegion": "eu-central-1",
    }
