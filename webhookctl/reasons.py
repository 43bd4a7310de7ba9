"""What usually causes each reason code: what to look at first."""

from common.reasons import Reason

MALFORMED_KEY = "malformed_key"
"""The secret can't be decoded: on AWS a fault of ours, which is retried, so no reason to refuse anything."""

MISSING_SIGNATURE = "missing_signature"
THROTTLED = "throttled"
"""API Gateway's own refusals, before any Lambda."""

HINTS: dict[str, str] = {
    Reason.UNKNOWN_SOURCE: "No source of this name is configured: look at the last part of the URL.",
    Reason.MISSING_CONTENT_TYPE: "The sender gave no Content-Type header, or a proxy removed it.",
    Reason.UNSUPPORTED_CONTENT_TYPE: "The source's content_types do not have this one; add it there if it is right.",
    Reason.TOO_LARGE: "The body is larger than what SQS takes as one message.",
    Reason.MISSING_HEADER: "A header was lost on the way, or the sender is of another scheme, or has no secret set.",
    Reason.REPEATED_HEADER: "A proxy added the header a second time; which of the two was meant can't be told.",
    Reason.MALFORMED_SIGNATURE: (
        "The signature header has another form than this scheme's: look at its prefix (sha256=, v0=), its encoding "
        "(hexadecimal or base64) and its length."
    ),
    Reason.MALFORMED_TIMESTAMP: "The timestamp must be digits only: an epoch time, not a date.",
    Reason.MALFORMED_ID: "The event id must be 1 to 255 visible ASCII characters.",
    Reason.STALE_TIMESTAMP: (
        "It was signed too long before: a replay, a late retry with the old signature, or a sender's slow clock."
    ),
    Reason.FUTURE_TIMESTAMP: (
        "It was signed after the time it is judged at: a clock that is off, or milliseconds instead of seconds."
    ),
    Reason.SIGNATURE_MISMATCH: (
        "Usual causes: the body is not byte for byte what was sent (re-serialised JSON, a line feed that an editor "
        "added at the end, another character set), the wrong secret, or a whsec_ prefix left off."
    ),
    Reason.MALFORMED_ENVELOPE: "The queue's message was not written by this API: something else sends to the queue.",
    MISSING_SIGNATURE: "The signature header was lost on the way, or the sender has no secret set.",
    THROTTLED: "More came than the source's rate_per_second and burst allow; a sender tries again later.",
    MALFORMED_KEY: (
        "The secret file must hold one key, or a JSON list of keys, in the scheme's encoding, and nothing else; for "
        "Standard Webhooks that is whsec_ and base64."
    ),
}
