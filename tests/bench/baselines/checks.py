"""How others verify a webhook: as GitHub documents it, and with the senders' own libraries.

Each takes the secret, the headers and the body, and returns or raises as its library does.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace

from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import HMAC_SHA256
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook
from stripe import WebhookSignature

TOLERANCE_SECONDS = 300


def github(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    given = headers["X-Hub-Signature-256"]
    mac = hmac.new(secret.encode("utf-8"), msg=body, digestmod=hashlib.sha256)
    return hmac.compare_digest("sha256=" + mac.hexdigest(), given)


def stripe(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """stripe's library, without making an object of the event."""
    return bool(WebhookSignature.verify_header(body, headers["Stripe-Signature"], secret, TOLERANCE_SECONDS))


def standard_webhooks(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """The standardwebhooks library, without parsing the body."""
    Webhook(secret).verify(body, dict(headers), json_parse=False)
    return True


def slack(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """slack-sdk's verifier."""
    return SignatureVerifier(secret).is_valid_request(body, dict(headers))


def rfc9421(secret: str, headers: Mapping[str, str], body: bytes, url: str) -> bool:
    """http-message-signatures, with its check of the body's digest."""
    key_id = headers["Signature-Input"].partition('keyid="')[2].partition('"')[0]
    keys = MappingKeyResolver(public_keys={key_id: secret.encode()}, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=keys)
    message = SimpleNamespace(method="POST", url=url, headers=dict(headers))
    return bool(verifier.verify(message, max_age=timedelta(seconds=TOLERANCE_SECONDS), body=body))
