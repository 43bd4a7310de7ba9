"""What usually causes each reason code: what to look at first."""

from common.reasons import Reason
from common.scheme import Scheme

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
        "(hexadecimal in lower case, or base64) and its length."
    ),
    Reason.MALFORMED_TIMESTAMP: "The time is not in the scheme's form: an epoch time in digits, or a date of ISO 8601.",
    Reason.MALFORMED_DIGEST: "The digest of the body is missing, or no SHA-256 (or SHA-512) in the scheme's encoding.",
    Reason.MALFORMED_BODY: (
        "The body lacks what the scheme needs of it: signature or time at their place in the JSON, or a form's fields."
    ),
    Reason.UNCOVERED_COMPONENT: (
        "The signature must cover @method, @path (or @target-uri) and content-digest: the sender must sign these, too."
    ),
    Reason.UNSUPPORTED_COMPONENT: (
        "The signature covers the query, or a component with parameters, which can't be checked behind API Gateway."
    ),
    Reason.MALFORMED_ID: "The event id must be 1 to 255 visible ASCII characters.",
    Reason.STALE_TIMESTAMP: (
        "It was signed too long before: a replay, a late retry with the old signature, or a sender's slow clock."
    ),
    Reason.FUTURE_TIMESTAMP: (
        "It was signed after the time it is judged at: a clock that is off, or milliseconds instead of seconds."
    ),
    Reason.EXPIRED_SIGNATURE: "It came after the time that the sender itself had set: a replay, or a late retry.",
    Reason.URL_MISMATCH: (
        "It was signed for another URL: a proxy in front, a stage name, a query. Set the source's signed_url to the "
        "one that the sender was given."
    ),
    Reason.DIGEST_MISMATCH: "The signature is right, but for another body: something changed it on the way.",
    Reason.SIGNATURE_MISMATCH: (
        "Usual causes: the body is not byte for byte what was sent (re-serialised JSON, a line feed that an editor "
        "added at the end, another character set), the wrong secret, or a whsec_ prefix left off."
    ),
    Reason.MALFORMED_ENVELOPE: "The queue's message was not written by this API: something else sends to the queue.",
    MISSING_SIGNATURE: "The signature header was lost on the way, or the sender has no secret set.",
    THROTTLED: "More came than the source's rate_per_second and burst allow; a sender tries again later.",
}

EFFECT_HINTS: dict[str, str] = {
    "rejected": (
        "The handler or the backend said that no attempt can succeed, so there is no other; the last error says why. "
        "The event is kept, for somebody to act on."
    ),
    "exhausted": (
        "It ran out of attempts, or of time in its queue, and is in the dead-letter queue; the last error says why. "
        "Once that is put right, redrive the queue, and its attempts begin anew."
    ),
}
"""What to do about an event whose effect ended so."""

_OF_URL = (
    "Usual causes: the URL is not, to the letter, the one that the sender was given (a stage name, a proxy, a query, a "
    "slash at its end), or the wrong secret."
)
_OF_BODY_TOO = " Or the body is not byte for byte what was sent."
_OF_MESSAGE = (
    "Signature-Input and Signature must have a label in common, with created and without an alg but hmac-sha256; and "
    "just one such signature may be there."
)
_OF_PARAMETERS = "The body is no form, and the URL has no parameter with the body's digest: give it whole."


def hint(reason: str, scheme: Scheme) -> str:
    """What usually causes this reason in a request of this scheme."""
    is_message = scheme.kind == "message-signature"
    if reason == Reason.SIGNATURE_MISMATCH and scheme.signs_url:
        return _OF_URL + ("" if is_message else _OF_BODY_TOO)
    if reason == Reason.MALFORMED_SIGNATURE and is_message:
        return _OF_MESSAGE
    if reason == Reason.MALFORMED_BODY and "{params}" in scheme.signed:
        return _OF_PARAMETERS
    return HINTS[reason]
