"""What a webhook is answered: a challenge with its answer, everything else once the queue has it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from common.envelope import Envelope
from common.headers import gather
from common.keyring import KeyRing
from common.keys import Key
from common.reasons import NotGenuine, Reason
from common.signature import Request, check_freshness, verify
from handshake.challenge import answer_to, challenge_in
from handshake.queue import Order, Queue, TooLarge
from handshake.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request that the authorizer let through: its message for the queue, the envelope in that, its trace, empty
    where there is none, and its order where the queue keeps one."""

    message: str
    envelope: Envelope
    trace: str
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """What replying needs beside the webhook."""

    settings: Settings
    keyring: KeyRing
    queue: Queue


@dataclass(frozen=True, slots=True)
class Reply:
    """A status with a JSON object; `answers_challenge` where it is what a challenge asked for."""

    status: int
    body: Mapping[str, str]
    answers_challenge: bool = False


def reply_to(webhook: Webhook, lane: Lane) -> Reply:
    """2xx for a kept webhook and for an answered challenge, 403 or 413 for the sender's fault, 503 for ours."""
    # Where there are two candidates for the body, both are too short for a challenge.
    challenge = challenge_in(lane.settings.handshake, webhook.envelope.bodies[0])
    return _keep(webhook, lane) if challenge is None else _answer(challenge, webhook, lane)


def _keep(webhook: Webhook, lane: Lane) -> Reply:
    try:
        lane.queue.send(webhook.message, webhook.trace, webhook.order)
    except TooLarge:
        return _refused(413, "REQUEST_TOO_LARGE", Reason.TOO_LARGE, webhook, lane)
    except (ClientError, BotoCoreError) as error:
        return _failed("queue_unavailable", error, webhook, lane)
    return Reply(lane.settings.success_status, {"id": webhook.envelope.request_id})


def _answer(challenge: str, webhook: Webhook, lane: Lane) -> Reply:
    try:
        key = _genuine_key(webhook.envelope, lane)
        return Reply(200, answer_to(lane.settings.handshake, challenge, key), answers_challenge=True)
    except NotGenuine as refusal:
        return _refused(403, "ACCESS_DENIED", refusal.reason, webhook, lane)
    except Exception as error:  # noqa: BLE001 - a secret that can't be read, in whatever way, is no fault of the sender's
        return _failed("handshake_failure", error, webhook, lane)


def _genuine_key(envelope: Envelope, lane: Lane) -> Key:
    """The key that signed the request, which is fresh; on a mismatch keys that are new since. Raises NotGenuine."""
    now = envelope.received_at_ms / 1000
    try:
        return _matching_key(lane.keyring.keys(now), envelope, lane.settings)
    except NotGenuine as refusal:
        if refusal.reason is not Reason.SIGNATURE_MISMATCH:
            raise
        return _matching_key(lane.keyring.newer_keys(now), envelope, lane.settings)


def _matching_key(keys: tuple[Key, ...], envelope: Envelope, settings: Settings) -> Key:
    request = Request(gather(envelope.headers.items()), url=envelope.url)
    head, key = verify(settings.scheme, keys, request, envelope.bodies[0])
    check_freshness(head, envelope.received_at_ms / 1000, settings.tolerance_seconds)
    if key is None:  # of an unsigned scheme: nobody vouches for the challenge
        raise NotGenuine(Reason.SIGNATURE_MISMATCH)
    return key


def _refused(status: int, error_type: str, reason: Reason, webhook: Webhook, lane: Lane) -> Reply:
    fields = {"source": lane.settings.source, "webhook_request_id": webhook.envelope.request_id, "reason": reason.value}
    logger.info("refused", extra=fields)
    return Reply(status, _error(error_type, reason.value, webhook))


def _failed(reason: str, error: Exception, webhook: Webhook, lane: Lane) -> Reply:
    # Neither message nor traceback: either could quote a body or a header.
    cause = {"error": type(error).__name__, "aws_code": _aws_code(error)}
    fields = {"source": lane.settings.source, "webhook_request_id": webhook.envelope.request_id, "reason": reason}
    logger.error("failed", extra=fields | cause)
    return Reply(503, _error("INTEGRATION_FAILURE", reason, webhook))


def _aws_code(error: Exception) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else ""


def _error(error_type: str, reason: str, webhook: Webhook) -> Mapping[str, str]:
    return {"error": error_type, "reason": reason, "request_id": webhook.envelope.request_id}
