"""The handshake's entry point: event to webhook, reply to answer, one metric line for each answered challenge."""

# ruff: noqa: E402 - garbage is not looked for while modules are loaded, which leave hardly any
import gc

gc.disable()

import json
import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.session import Session, get_session  # boto3 would load what writes to S3, threads and processes too

from common.envelope import read_envelope
from common.keyring import KeyRing
from common.metrics import metric_line
from common.secret import live_versions
from handshake.queue import Order, Queue
from handshake.reply import Lane, Webhook, reply_to
from handshake.settings import Settings, read_settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# A call may take 1 + 1 s to fail, and is tried twice at once: a sender waits some 3 s, and then sends again by itself.
_AWS = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})

logging.getLogger().setLevel(logging.INFO)
logging.getLogger("botocore").setLevel(logging.WARNING)


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The status and the JSON text that the sender is answered with. Raises for an event that its template didn't make.

    `handshake_request.vtl` writes the event and `handshake_reply.vtl` reads the answer; an error is a 503 there.
    """
    webhook = _webhook(event)
    reply = reply_to(webhook, lane)
    if reply.answers_challenge:
        _measure(webhook)
    return {"status": reply.status, "body": _text(reply.body)}


def _webhook(event: dict[str, Any]) -> Webhook:
    message = _text(event["envelope"])
    order = Order(event["group"], event["deduplication_id"]) if "group" in event else None
    return Webhook(message=message, envelope=read_envelope(message), trace=event["trace"], order=order)


def _text(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def _measure(webhook: Webhook) -> None:
    dimensions, properties = {"source": settings.source}, {"request_id": webhook.envelope.request_id}
    at_ms = webhook.envelope.received_at_ms
    print(metric_line(settings.metrics_namespace, at_ms, dimensions, {"Handshakes": 1}, properties))  # noqa: T201


def _lane(settings: Settings) -> Lane:
    session = get_session()
    return Lane(
        settings=settings,
        keyring=_keyring(session, settings),
        queue=Queue(cast("SQSClient", session.create_client("sqs", config=_AWS)), settings.queue_url),
    )


def _keyring(session: Session, settings: Settings) -> KeyRing:
    client = cast("SecretsManagerClient", session.create_client("secretsmanager", config=_AWS))
    fetch = partial(live_versions, client, settings.secret_name)
    return KeyRing(fetch, settings.scheme.key_encoding)


settings = read_settings(os.environ)
lane = _lane(settings)

gc.freeze()  # what is loaded stays; without this it would all be looked at once, in the first call
gc.enable()
