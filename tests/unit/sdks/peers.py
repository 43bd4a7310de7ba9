"""The senders' own SDKs: how each signs and what each accepts, one entry in `PEERS` for every way of signing.

SDKs are heavy, so each is imported when its peer is first used. An SDK without a function that signs is signed for
through the helper that its verifier uses, or with a private key of our own.

Left out: `standard-webhooks-v1a`. Neither `standardwebhooks` nor `svix` verifies Ed25519 in Python.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import strategies as st

from common.keys import Key
from common.scheme import preset
from webhookctl.sender import Signed, with_query

URL = "https://hooks.example.com/dev/webhooks/x"
URL_WITH_PORT = "https://hooks.example.com:443/dev/webhooks/x"
EVENT_ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
SECRET = "a secret of more than thirty-two bytes"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

_ed25519 = Ed25519PrivateKey.generate()
_p256 = generate_private_key(SECP256R1())
DISCORD_KEY = _ed25519.public_key().public_bytes_raw().hex()
SENDGRID_KEY = base64.b64encode(
    _p256.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()

texts = st.text(max_size=20) | st.just("https://example.com/?a=b&c=d")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
json_bodies = st.builds(
    lambda document, ascii_only: json.dumps(document, ensure_ascii=ascii_only).encode("utf-8"),
    st.dictionaries(texts, values, max_size=4),
    st.booleans(),
)
form_bodies = st.lists(st.tuples(st.text(min_size=1, max_size=10), st.text(max_size=20)), min_size=1, max_size=6).map(
    lambda fields: urlencode(fields).encode("ascii")
)


Signs = Callable[[str, str, bytes, int], Signed]
Accepts = Callable[[str, str, Signed], bool]


@dataclass(frozen=True)
class Peer:
    """One way in which an SDK signs and verifies: `sign` takes secret, URL, body and the time (epoch seconds),
    `accepts` secret, URL and request. `url` is what the sender signs, `seen_url` what the receiver takes it for.
    """

    sdk: str
    scheme: str
    sign: Signs
    accepts: Accepts
    bodies: st.SearchStrategy[bytes] = json_bodies
    secret: str = SECRET
    url: str = URL
    seen_url: str = URL
    variant: str = ""

    @property
    def name(self) -> str:
        """As a test's id has it."""
        return f"{self.sdk} {self.scheme} {self.variant}".strip()

    @property
    def shares_its_secret(self) -> bool:
        """Whether we, too, can sign."""
        return not preset(self.scheme).needs_cryptography


def _discord_signs(_secret: str, _url: str, body: bytes, now: int) -> Signed:
    signature = _ed25519.sign(str(now).encode() + body).hex()
    return Signed({"X-Signature-Ed25519": signature, "X-Signature-Timestamp": str(now)}, body=body)


def _discord_accepts(secret: str, _url: str, sent: Signed) -> bool:
    from discord_interactions import verify_key  # type: ignore[import-untyped]

    signature, timestamp = sent.headers["X-Signature-Ed25519"], sent.headers["X-Signature-Timestamp"]
    return bool(verify_key(sent.body, signature, timestamp, secret))


def _rfc9421_signs(secret: str, url: str, body: bytes, now: int) -> Signed:
    from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
    from http_message_signatures.algorithms import HMAC_SHA256

    message = SimpleNamespace(method="POST", url=url, headers={"Idempotency-Key": EVENT_ID})
    keys = MappingKeyResolver(public_keys={}, private_keys={"ours": secret.encode()})
    HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=keys).sign(
        message,
        key_id="ours",
        created=datetime.fromtimestamp(now, UTC),
        covered_component_ids=("@method", "@target-uri", "idempotency-key"),
        body=body,
    )
    return Signed(message.headers, body=body)


def _rfc9421_accepts(secret: str, url: str, sent: Signed) -> bool:
    from http_message_signatures import HTTPMessageVerifier, InvalidSignature, MappingKeyResolver
    from http_message_signatures.algorithms import HMAC_SHA256

    ids = {"ours", Key(secret.encode()).id}  # the verifier must be told, although there is but one
    keys = MappingKeyResolver(public_keys=dict.fromkeys(ids, secret.encode()), private_keys={})
    message = SimpleNamespace(method="POST", url=url, headers=sent.headers)
    verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=keys)
    try:
        verifier.verify(message, max_age=timedelta(minutes=5), body=sent.body)
    except InvalidSignature:
        return False
    return True


def _hubspot(version: str) -> Peer:
    header, time_header = "X-HubSpot-Signature", "X-HubSpot-Request-Timestamp"
    if version == "v3":
        header = "X-HubSpot-Signature-v3"

    def signs(secret: str, url: str, body: bytes, now: int) -> Signed:
        from hubspot.utils.signature import Signature  # type: ignore[import-untyped]

        times = {time_header: f"{now}000"} if version == "v3" else {}
        signature = Signature.get_signature(secret, body.decode(), version, url, timestamp=times.get(time_header))
        return Signed({header: signature} | times, body=body)

    def accepts(secret: str, url: str, sent: Signed) -> bool:
        from hubspot.utils.signature import Signature

        text, timestamp = sent.body.decode(), sent.headers.get(time_header)
        return bool(Signature.is_valid(sent.headers[header], secret, text, url, "POST", version, timestamp))

    scheme = "hubspot" if version == "v3" else f"hubspot-{version}"
    return Peer("hubspot-api-client", scheme, signs, accepts)


def _messagebird_signs(secret: str, url: str, body: bytes, now: int) -> Signed:
    import jwt

    claims = {"iss": "MessageBird", "nbf": now, "exp": now + 60, "jti": EVENT_ID}
    claims["url_hash"] = hashlib.sha256(url.encode()).hexdigest()
    if body:
        claims["payload_hash"] = hashlib.sha256(body).hexdigest()
    return Signed({"MessageBird-Signature-JWT": jwt.encode(claims, secret, "HS256")}, body=body)


def _messagebird_accepts(secret: str, url: str, sent: Signed) -> bool:
    from messagebird.error import ValidationError  # type: ignore[import-untyped]
    from messagebird.request_validator import RequestValidator  # type: ignore[import-untyped]

    try:
        RequestValidator(secret).validate_signature(sent.headers["MessageBird-Signature-JWT"], url, sent.body)
    except ValidationError:
        return False
    return True


def _paddle_signs(secret: str, _url: str, body: bytes, now: int) -> Signed:
    from paddle_billing.Notifications import PaddleSignature  # type: ignore[import-untyped]

    signature = PaddleSignature.calculate_hmac(secret, f"{now}:".encode() + body).hexdigest()
    return Signed({"Paddle-Signature": f"ts={now};h1={signature}"}, body=body)


def _paddle_accepts(secret: str, _url: str, sent: Signed) -> bool:
    from paddle_billing.Notifications import Secret, Verifier

    request = SimpleNamespace(headers=sent.headers, body=sent.body)
    return bool(Verifier(maximum_variance=300).verify(request, Secret(secret)))


def _sendgrid_signs(_secret: str, _url: str, body: bytes, now: int) -> Signed:
    signature = base64.b64encode(_p256.sign(str(now).encode() + body, ECDSA(hashes.SHA256()))).decode()
    names = ("X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp")
    return Signed(dict(zip(names, (signature, str(now)), strict=True)), body=body)


def _sendgrid_accepts(secret: str, _url: str, sent: Signed) -> bool:
    from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader  # type: ignore[import-untyped]

    signature, timestamp = sent.headers[EventWebhookHeader.SIGNATURE], sent.headers[EventWebhookHeader.TIMESTAMP]
    return bool(EventWebhook(secret).verify_signature(sent.body.decode(), signature, timestamp))


def _slack_signs(secret: str, _url: str, body: bytes, now: int) -> Signed:
    from slack_sdk.signature import SignatureVerifier

    signature = SignatureVerifier(secret).generate_signature(timestamp=str(now), body=body)
    return Signed({"X-Slack-Signature": str(signature), "X-Slack-Request-Timestamp": str(now)}, body=body)


def _slack_accepts(secret: str, _url: str, sent: Signed) -> bool:
    from slack_sdk.signature import SignatureVerifier

    return SignatureVerifier(secret).is_valid_request(sent.body, sent.headers)


def _square_signs(secret: str, url: str, body: bytes, _now: int) -> Signed:
    mac = base64.b64encode(hmac.digest(secret.encode(), url.encode() + body, "sha256")).decode()
    return Signed({"x-square-hmacsha256-signature": mac}, body=body)


def _square_accepts(secret: str, url: str, sent: Signed) -> bool:
    from square.utils.webhooks_helper import verify_signature

    return verify_signature(
        request_body=sent.body.decode(),
        signature_header=sent.headers["x-square-hmacsha256-signature"],
        signature_key=secret,
        notification_url=url,
    )


def _standard_signs(secret: str, _url: str, body: bytes, now: int) -> Signed:
    from standardwebhooks import Webhook

    signature = Webhook(secret).sign(EVENT_ID, datetime.fromtimestamp(now, UTC), body.decode())
    return Signed(_standard_headers("webhook", signature, now), body=body)


def _standard_accepts(secret: str, _url: str, sent: Signed) -> bool:
    from standardwebhooks import Webhook, WebhookVerificationError

    try:
        Webhook(secret).verify(sent.body, sent.headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def _standard_headers(prefix: str, signature: str, now: int) -> dict[str, str]:
    return {f"{prefix}-id": EVENT_ID, f"{prefix}-timestamp": str(now), f"{prefix}-signature": signature}


def _stripe_signs(secret: str, _url: str, body: bytes, now: int) -> Signed:
    from stripe import WebhookSignature

    return Signed(
        {"Stripe-Signature": WebhookSignature.generate_signature_header(body.decode(), secret, now)}, body=body
    )


def _stripe_accepts(secret: str, _url: str, sent: Signed) -> bool:
    from stripe import SignatureVerificationError, Webhook, WebhookSignature

    header = sent.headers["Stripe-Signature"]
    try:
        WebhookSignature.verify_header(sent.body, header, secret, Webhook.DEFAULT_TOLERANCE)
    except SignatureVerificationError:
        return False
    return True


def _svix_signs(secret: str, _url: str, body: bytes, now: int) -> Signed:
    from svix import Webhook

    signature = Webhook(secret).sign(EVENT_ID, datetime.fromtimestamp(now, UTC), body.decode())
    return Signed(_standard_headers("svix", signature, now), body=body)


def _svix_accepts(secret: str, _url: str, sent: Signed) -> bool:
    from svix import Webhook, WebhookVerificationError

    try:
        Webhook(secret).verify(sent.body, sent.headers)
    except WebhookVerificationError:
        return False
    return True


def _twilio_signs_form(secret: str, url: str, body: bytes, _now: int) -> Signed:
    from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

    return Signed({"X-Twilio-Signature": RequestValidator(secret).compute_signature(url, _multi_dict(body))}, body=body)


def _twilio_accepts_form(secret: str, url: str, sent: Signed) -> bool:
    from twilio.request_validator import RequestValidator

    return bool(RequestValidator(secret).validate(url, _multi_dict(sent.body), sent.headers["X-Twilio-Signature"]))


def _multi_dict(body: bytes) -> Any:
    """A form as Flask gives it to whoever calls the validator."""
    from werkzeug.datastructures import MultiDict

    return MultiDict(parse_qsl(body.decode("ascii"), keep_blank_values=True))


def _twilio_signs_json(secret: str, url: str, body: bytes, _now: int) -> Signed:
    from twilio.request_validator import RequestValidator

    validator = RequestValidator(secret)
    query = f"bodySHA256={validator.compute_hash(body.decode())}"
    return Signed({"X-Twilio-Signature": validator.compute_signature(with_query(url, query), {})}, query, body)


def _twilio_accepts_json(secret: str, url: str, sent: Signed) -> bool:
    from twilio.request_validator import RequestValidator

    return bool(RequestValidator(secret).validate(url, sent.body.decode(), sent.headers["X-Twilio-Signature"]))


def _twilio(variant: str, signs: Signs, accepts: Accepts, bodies: st.SearchStrategy[bytes]) -> list[Peer]:
    """With the port in the URL that is signed, in the one that is seen, in both and in neither."""
    ports = {URL: "without port", URL_WITH_PORT: "with port"}
    return [
        Peer(
            "twilio",
            "twilio",
            signs,
            accepts,
            bodies,
            url=url,
            seen_url=seen_url,
            variant=f"{variant} signed {ports[url]} seen {ports[seen_url]}",
        )
        for url in ports
        for seen_url in ports
    ]


PEERS = [
    Peer("discord-interactions", "discord", _discord_signs, _discord_accepts, secret=DISCORD_KEY),
    Peer("http-message-signatures", "rfc9421", _rfc9421_signs, _rfc9421_accepts),
    *map(_hubspot, ("v1", "v2", "v3")),
    Peer("messagebird", "messagebird", _messagebird_signs, _messagebird_accepts, st.just(b"") | json_bodies),
    Peer("paddle-python-sdk", "paddle", _paddle_signs, _paddle_accepts),
    Peer("sendgrid", "sendgrid", _sendgrid_signs, _sendgrid_accepts, secret=SENDGRID_KEY),
    Peer("slack-sdk", "slack", _slack_signs, _slack_accepts, form_bodies | json_bodies),
    Peer("squareup", "square", _square_signs, _square_accepts),
    Peer("standardwebhooks", "standard-webhooks", _standard_signs, _standard_accepts, secret=STANDARD_SECRET),
    Peer("standardwebhooks", "gitlab-signing-token", _standard_signs, _standard_accepts, secret=STANDARD_SECRET),
    Peer("stripe", "stripe", _stripe_signs, _stripe_accepts),
    Peer("svix", "standard-webhooks", _svix_signs, _svix_accepts, secret=STANDARD_SECRET),
    *_twilio("form", _twilio_signs_form, _twilio_accepts_form, form_bodies),
    *_twilio("json", _twilio_signs_json, _twilio_accepts_json, json_bodies),
]
