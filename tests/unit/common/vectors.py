"""The published signature vectors, and what it takes to verify them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from common.headers import gather
from common.keys import read_keys
from common.scheme import preset
from common.signature import check_freshness, verify

DATA = Path(__file__).parents[2] / "data" / "signature_vectors.json"
TOLERANCE_SECONDS = 300


@dataclass(frozen=True)
class Vector:
    scheme: str
    origin: str
    secret: str
    headers: Mapping[str, str]
    body: bytes
    received_at: int

    def check(self) -> None:
        """Raises what the verifier raises."""
        scheme = preset(self.scheme)
        keys = read_keys([self.secret], scheme.key_encoding)
        head, _ = verify(scheme, keys, gather(self.headers.items()), self.body)
        check_freshness(head, self.received_at, TOLERANCE_SECONDS)

    def with_header(self, name: str, value: str) -> "Vector":
        return replace(self, headers={**self.headers, name: value})


def published() -> list[Vector]:
    document = json.loads(DATA.read_text(encoding="utf-8"))
    return [
        Vector(**{**fields, "body": fields["body"].encode("utf-8")})  # the published bodies are text
        for fields in document["signatures"]
    ]


# What the senders without a published vector of ours would send, made with another implementation (OpenSSL's command):
#   printf '%s' "$material" | openssl dgst -sha256 -hmac "$secret" [-binary | base64]
DERIVED = [
    Vector(
        scheme="stripe",
        origin="derived from https://docs.stripe.com/webhooks#verify-manually",
        secret="whsec_test_secret",
        headers={
            "Stripe-Signature": "t=1492774577,"
            "v1=e8c3c5cdc5a1b728ed832bf562ddba3bb3b67dadfb59f0499523b37714d34261,"
            "v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"
        },
        body=b'{"id": "evt_1", "type": "charge.failed"}',
        received_at=1492774600,
    ),
    Vector(
        scheme="shopify",
        origin="derived from https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
        secret="hush",
        headers={"X-Shopify-Hmac-Sha256": "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I="},
        body=b'{"id":820982911946154508}',
        received_at=1700000000,
    ),
]
