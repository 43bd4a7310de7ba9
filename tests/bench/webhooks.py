"""The webhooks that are measured: signed requests as an authorizer's events, and batches as the processor's."""

import base64
import gzip
import hmac
import itertools
import json
import random
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.envelope import write_head
from common.keys import Key, read_keys
from common.scheme import preset
from tests.bench.fake.server import SECRET
from webhookctl.sender import sign

HOST = "hooks.example.com"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET_NAME = "webhook-bench/github"

AUTHORIZER_VARIABLES = {"SECRET_PREFIX": "webhook-bench/", "METRICS_NAMESPACE": "webhook-bench"}
PROCESSOR_VARIABLES = {
    "SOURCE": "github",
    "SCHEME": '"github"',
    "TOLERANCE_SECONDS": "300",
    "SECRET_NAME": SECRET_NAME,
    "EVENT_RETENTION_DAYS": "30",
    "METRICS_NAMESPACE": "webhook-bench",
    "DEDUPLICATE_BY": "id",
    "EFFECT": "null",
    "RETRY": "null",
    "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/webhook-bench-github",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/webhook-bench-github-dead-letter",
    "QUEUE_RETENTION_SECONDS": "345600",
    "RECEIPTS": "false",
}
SOURCES = ("github", "rfc9421", "token")


def authorizer_variables() -> dict[str, str]:
    """The authorizer's environment, with a source for each of three ways to decide."""
    sources = json.dumps({name: {"scheme": name} for name in SOURCES}).encode()
    return {**AUTHORIZER_VARIABLES, "SOURCES": base64.b64encode(gzip.compress(sources)).decode()}


def secret_of(scheme: str) -> str:
    """The text of the secret that webhooks of that scheme are signed with."""
    return STANDARD_SECRET if scheme == "standard-webhooks" else SECRET


def url_of(source: str) -> str:
    """Where its webhooks are sent to."""
    return f"https://{HOST}/v1/webhooks/{source}"


def headers_of(scheme: str, body: bytes, event_id: str = "72d3162e-cc78-11e3-81ab-4c9367dc0958") -> dict[str, str]:
    """The headers of a genuine request, signed now, as its sender spells them."""
    key = read_keys([secret_of(scheme)], preset(scheme).key_encoding)[0]
    url = url_of(scheme)
    signed = sign(preset(scheme), key, body, at=time.time(), event_id=event_id, event_type="issues", url=url)
    return {"Content-Type": "application/json", "Host": HOST, "User-Agent": "Sender/1.0", **signed.headers}


def authorizer_event(source: str, body: bytes) -> dict[str, Any]:
    """The REQUEST event of a genuine request; it has no body. The usual authorizer of the baselines allows it, too.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
    """
    headers = headers_of(source, body)
    digest = headers.setdefault("Content-Digest", "sha-256=:AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX+GI=:")
    headers["X-Signature"] = hmac.digest(SECRET.encode(), digest.encode(), "sha256").hex()
    headers["Content-Length"] = str(len(body))
    return {
        "type": "REQUEST",
        "methodArn": f"arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/v1/POST/webhooks/{source}",
        "resource": f"/webhooks/{source}",
        "path": f"/webhooks/{source}",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": f"/webhooks/{source}",
            "httpMethod": "POST",
            "path": f"/v1/webhooks/{source}",
            "domainName": HOST,
            "accountId": "123456789012",
            "stage": "v1",
            "apiId": "abcdef1234",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "extendedRequestId": "ZYXwvuTSrqpONm=",
            "requestTimeEpoch": int(time.time() * 1000),
            "identity": {"sourceIp": "192.0.2.1"},
        },
    }


def json_body(size: int, seed: int = 0) -> bytes:
    """A JSON document of exactly so many bytes, as compressible as such documents are: words, ids and numbers."""
    choice = random.Random(seed)  # noqa: S311 - the same body for the same seed
    parts = [f'{{"id":"{choice.getrandbits(64):016x}"']
    length = len(parts[0]) + 1
    for number in itertools.count():
        part = f',"{choice.choice(_WORDS)}_{number}":' + choice.choice(
            [
                f'"{choice.choice(_WORDS)} {choice.choice(_WORDS)} {choice.choice(_WORDS)}"',
                f'"{choice.getrandbits(80):020x}"',
                str(choice.randrange(10**6)),
                "true",
                f'"https://example.com/{choice.choice(_WORDS)}/{choice.randrange(10**5)}"',
            ]
        )
        if length + len(part) + len(',"":""') > size:
            break
        parts.append(part)
        length += len(part)
    rest = size - length - len(',"":""')
    return ("".join(parts) + f',"":"{"." * max(0, rest)}"}}').encode() if rest >= 0 else b"{}".ljust(size)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook on its way through the queue."""

    event_id: str
    body: bytes


def deliveries(count: int, body_bytes: int, prefix: str) -> list[Delivery]:
    """So many, of an id and a body each."""
    return [
        Delivery(f"{prefix}-{number}", json_body(body_bytes, zlib.crc32(f"{prefix}-{number}".encode())))
        for number in range(count)
    ]


def batch(sent: Sequence[Delivery], occasion: str = "first") -> Mapping[str, Any]:
    """The SQS event with these deliveries, of the scheme `github`, as the request template wrote them.

    Another occasion is another request, of the same event.
    """
    return {"Records": [_record(each, occasion) for each in sent]}


def _record(delivery: Delivery, occasion: str) -> dict[str, Any]:
    now_ms = int(time.time() * 1000)
    signed = sign(_GITHUB, _KEY, delivery.body, at=now_ms / 1000, event_id=delivery.event_id, event_type="issues")
    headers = {name.lower(): value for name, value in signed.headers.items()} | {"content-type": "application/json"}
    envelope = {
        "version": 1,
        "received_at_ms": now_ms,
        "request_id": f"{delivery.event_id}-{occasion}=",
        "head": write_head("github", headers),
        "body": base64.b64encode(delivery.body).decode(),
    }
    return {
        "messageId": f"message-{delivery.event_id}-{occasion}",
        "receiptHandle": "handle",
        "body": json.dumps(envelope),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(now_ms)},
        "messageAttributes": {},
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:webhook-bench-github",
        "awsRegion": "eu-central-1",
    }


_GITHUB = preset("github")
_KEY = Key(SECRET.encode())
_TEXT = (
    "account action amount assignee branch comment commit created currency customer data default description discount "
    "email enabled event issue label language login message metadata milestone name number object order owner paid "
    "payment period plan price private product public quantity reason repository sender shipping state status "
    "subscription title total type updated url user visibility"
)
_WORDS = _TEXT.split(" ")
