"""What a scheme's data means, read plainly: slow, in the order in which the verifier looks, and of its form another.

For schemes of kind hmac and hash with the signature in headers, and with what they sign in head and body.
"""

import base64
import binascii
import hashlib
import hmac
import re

from common.headers import Headers
from common.reasons import Reason
from common.scheme import DIGEST_BYTES, Scheme


class Refused(Exception):
    """For this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def judge(scheme: Scheme, key: bytes, headers: Headers, body: bytes) -> Reason | None:
    """Why the request is not genuine; None where it is."""
    try:
        _verify(scheme, key, headers, body)
    except Refused as refused:
        return refused.reason
    return None


def _verify(scheme: Scheme, key: bytes, headers: Headers, body: bytes) -> None:
    assert scheme.signature
    values = _values(headers, scheme.signature.headers)
    if not values:
        raise Refused(Reason.MISSING_HEADER)
    separator = scheme.signature.separator
    items = [part.strip(" ") for value in values for part in value.split(separator)] if separator else values
    if len(items) > 16:
        raise Refused(Reason.MALFORMED_SIGNATURE)
    timestamp = _timestamp(scheme, headers, items)
    signatures = [item[len(scheme.signature.prefix) :] for item in items if item.startswith(scheme.signature.prefix)]
    signatures = [text for text in signatures if _is_well_formed(scheme, text)]
    if not signatures:
        raise Refused(Reason.MALFORMED_SIGNATURE)
    if scheme.timestamp and not re.fullmatch("[1-9][0-9]{0,15}", timestamp):
        raise Refused(Reason.MALFORMED_TIMESTAMP)
    material = "".join(scheme.signed).encode()
    for placeholder, text in (("{timestamp}", timestamp), ("{id}", _id(scheme, headers))):
        material = material.replace(placeholder.encode(), text.encode())
    before, _, after = material.partition(b"{body}")
    if _expected(scheme, key, before + body + after) not in signatures:
        raise Refused(Reason.SIGNATURE_MISMATCH)


def _values(headers: Headers, names: tuple[str, ...]) -> list[str]:
    found = []
    for name in names:
        values = headers.get(name.lower(), ())
        if len(values) > 1:
            raise Refused(Reason.REPEATED_HEADER)
        found += [value.strip(" \t") for value in values]
    return [value for value in found if value]


def _only(headers: Headers, names: tuple[str, ...]) -> str:
    values = set(_values(headers, names))
    if len(values) > 1:
        raise Refused(Reason.REPEATED_HEADER)
    return values.pop() if values else ""


def _timestamp(scheme: Scheme, headers: Headers, items: list[str]) -> str:
    if scheme.timestamp is None:
        return ""
    if scheme.timestamp.prefix is None:
        text = _only(headers, scheme.timestamp.headers)
        if not text:
            raise Refused(Reason.MISSING_HEADER)
        return text
    stamps = [item[len(scheme.timestamp.prefix) :] for item in items if item.startswith(scheme.timestamp.prefix)]
    if len(stamps) != 1 or not stamps[0]:
        raise Refused(Reason.MALFORMED_TIMESTAMP)
    return stamps[0]


def _id(scheme: Scheme, headers: Headers) -> str:
    text = _only(headers, scheme.id.headers) if scheme.id else ""
    if not text and scheme.signs_id:
        raise Refused(Reason.MISSING_HEADER)
    after = scheme.signed[scheme.signed.index("{id}") + 1] if scheme.signs_id else None
    if text and (not re.fullmatch(r"[!-~]{1,255}", text) or (after and after in text)):
        raise Refused(Reason.MALFORMED_ID)
    return text


def _is_well_formed(scheme: Scheme, text: str) -> bool:
    """By decoding and encoding again, but for the last character of base64, whose spare bits nobody looks at."""
    assert scheme.signature
    try:
        if scheme.signature.encoding == "hex":
            return bytes.fromhex(text).hex() == text and len(text) == 2 * DIGEST_BYTES[scheme.digest]
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        return False
    return len(decoded) == DIGEST_BYTES[scheme.digest] and len(text) == len(base64.b64encode(decoded))


def _expected(scheme: Scheme, key: bytes, material: bytes) -> str:
    if scheme.kind == "hash":
        mac = hashlib.new(scheme.digest, key + material).digest()
    else:
        mac = hmac.digest(key, material, scheme.digest)
    assert scheme.signature
    return mac.hex() if scheme.signature.encoding == "hex" else base64.b64encode(mac).decode()
