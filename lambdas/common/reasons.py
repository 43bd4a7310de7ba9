"""Why a request or a message is not genuine: a fixed set, so that every refusal can be counted."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason code, as it appears in answers, logs, metrics and the table."""

    UNKNOWN_SOURCE = "unknown_source"
    MISSING_CONTENT_TYPE = "missing_content_type"
    UNSUPPORTED_CONTENT_TYPE = "unsupported_content_type"
    TOO_LARGE = "too_large"
    MISSING_HEADER = "missing_header"
    REPEATED_HEADER = "repeated_header"
    MALFORMED_SIGNATURE = "malformed_signature"
    MALFORMED_TIMESTAMP = "malformed_timestamp"
    MALFORMED_ID = "malformed_id"
    MALFORMED_DIGEST = "malformed_digest"
    MALFORMED_BODY = "malformed_body"
    UNCOVERED_COMPONENT = "uncovered_component"
    UNSUPPORTED_COMPONENT = "unsupported_component"
    STALE_TIMESTAMP = "stale_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    EXPIRED_SIGNATURE = "expired_signature"
    URL_MISMATCH = "url_mismatch"
    DIGEST_MISMATCH = "digest_mismatch"
    SIGNATURE_MISMATCH = "signature_mismatch"
    MALFORMED_ENVELOPE = "malformed_envelope"


class NotGenuine(Exception):
    """The sender could not have sent this, or it can't be shown that it did."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
