"""The ordinary case of an input: a test states what differs."""

import json
from typing import Any

# A source of modules/ingestion.
SOURCE: dict[str, Any] = {
    "scheme_json": json.dumps("github"),
    "signature_header": "X-Hub-Signature-256",
    "content_types": ["application/json"],
    "tolerance_seconds": 300,
    "success_status": 200,
    "rate_per_second": 100,
    "burst": 200,
    "allowed_cidrs": [],
    "timeout_seconds": 30,
    "batch_window_seconds": 0,
    "max_receive_count": 5,
    "retention_days": 4,
    "dead_letter_retention_days": 14,
}

# Sources of modules/webhook: senders that want an answer, sign a URL or the head, sign with a private key, spell twice.
SENDERS: dict[str, Any] = {
    "meta": {"scheme": "meta", "verify_token": "verify_me-0123456789", "rate_per_second": 7, "burst": 9},
    "intercom": {"scheme": "intercom"},
    "okta": {"scheme": "okta"},
    "zoom": {"scheme": "zoom", "handshake": True, "deduplicate_by": "body", "success_status": 202},
    "slack": {"scheme": "slack"},
    "discord": {"scheme": "discord"},
    "twilio": {"scheme": "twilio", "signed_url": "https://hooks.example.com/twilio?env=dev"},
    "intern": {"scheme": "rfc9421"},
    "shopify": {"scheme": "shopify"},
}
