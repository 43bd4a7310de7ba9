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
