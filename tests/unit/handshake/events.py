"""Events as `handshake_request.vtl` makes them, of requests that the authorizer let through."""

import base64
import hashlib
import hmac
import json
from typing import Any

from common.envelope import write_head

RECEIVED_AT = 1_700_000_000
REQUEST_ID = "ZYX+/wvuTSrqpONm="
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"

# The examples of Slack's and Zoom's documentation.
SLACK_TEXT = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
SLACK_CHALLENGE = json.dumps(
    {"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": SLACK_TEXT, "type": "url_verification"}
).encode()
ZOOM_TEXT = "qgg8vlvZRS6UYooatFL8Aw"
ZOOM_CHALLENGE = json.dumps(
    {"payload": {"plainToken": ZOOM_TEXT}, "event_ts": 1654503849680, "event": "endpoint.url_validation"}
).encode()

PREFIXES = {"slack": "x-slack", "zoom": "x-zm"}


def signature(body: bytes, key: str = SECRET, signed_at: int = RECEIVED_AT) -> str:
    """Both sign alike: https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    return "v0=" + hmac.digest(key.encode(), b"v0:%d:%b" % (signed_at, body), hashlib.sha256).hex()


def head(
    body: bytes, scheme: str = "slack", key: str = SECRET, signed_at: int = RECEIVED_AT, source: str = "crew"
) -> str:
    """What the authorizer gives along."""
    prefix = PREFIXES[scheme]
    headers = {
        "content-type": "application/json",
        f"{prefix}-signature": signature(body, key, signed_at),
        f"{prefix}-request-timestamp": str(signed_at),
    }
    return write_head(source, headers)


def event(body: bytes, given_head: str | None = None, trace: str = "", **signed: Any) -> dict[str, Any]:
    """The body is base64, and an empty one is `{}`, as API Gateway renders it."""
    envelope = {
        "version": 1,
        "received_at_ms": RECEIVED_AT * 1000,
        "request_id": REQUEST_ID,
        "head": given_head if given_head is not None else head(body, **signed),
        "body": base64.b64encode(body).decode() or "{}",
    }
    return {"envelope": envelope, "trace": trace}
