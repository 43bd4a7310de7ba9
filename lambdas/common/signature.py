"""The one verifier: interprets a scheme's data over a request. Pure; malformed input of any kind is NotGenuine.

Expected and given signatures are compared as texts, not decoded: hexadecimal and base64 both have several spellings for
the same bytes, and a sender uses one.
"""

import base64
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from common.headers import Headers, the_only, the_only_if_any
from common.keys import Key
from common.reasons import NotGenuine, Reason
from common.scheme import DIGEST_BYTES, Scheme, SignatureField

MAX_SIGNATURES = 16
"""More in one header than any sender has keys; a bound on the work that a forger can ask for."""

_TIMESTAMP = re.compile(r"[1-9][0-9]{0,15}")  # a leading zero could have been the end of what is signed before it
_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TOKEN = re.compile(r"[\x20-\x7e]{1,4096}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_HEX = re.compile(r"[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Head:
    """What a request's head says about its origin, well formed but not yet believed.

    `signatures` are without their prefix. `timestamp` is the text that is signed, `signed_at` the same in epoch
    seconds.
    """

    signatures: tuple[str, ...] = ()
    timestamp: str = ""
    signed_at: float | None = None
    id: str | None = None


def verify(scheme: Scheme, keys: Iterable[Key], headers: Headers, body: bytes) -> tuple[Head, Key | None]:
    """The head, and the key that signed exactly these bytes (None for an unsigned scheme). Raises NotGenuine.

    Freshness is `check_freshness`, apart: it depends on a clock, this does not.
    """
    head = read_head(scheme, headers)
    if scheme.kind == "unsigned":
        return head, None
    return head, matching_key(scheme, keys, head, body)


def read_head(scheme: Scheme, headers: Headers) -> Head:
    """Reads all that the scheme wants from the head. Raises NotGenuine for what is missing, repeated or malformed."""
    if scheme.signature is None:
        return Head(id=_id(scheme, headers))
    items = _items(scheme.signature, the_only(headers, scheme.signature.header))
    timestamp = _timestamp(scheme, headers, items)
    return Head(
        signatures=_signatures(scheme, scheme.signature, items),
        timestamp=timestamp,
        signed_at=int(timestamp) / scheme.timestamp.per_second if scheme.timestamp else None,
        id=_id(scheme, headers),
    )


def check_freshness(head: Head, received_at: float, tolerance_seconds: float) -> None:
    """Raises NotGenuine when it was signed more than the tolerance before or after `received_at` (epoch seconds)."""
    if head.signed_at is None:
        return
    if head.signed_at < received_at - tolerance_seconds:
        raise NotGenuine(Reason.STALE_TIMESTAMP)
    if head.signed_at > received_at + tolerance_seconds:
        raise NotGenuine(Reason.FUTURE_TIMESTAMP)


def matching_key(scheme: Scheme, keys: Iterable[Key], head: Head, body: bytes) -> Key:
    """The first key of which one of the head's signatures is right. Raises NotGenuine."""
    given = [signature.encode("ascii") for signature in head.signatures]
    material = signed_material(scheme, head, body)
    for key in keys:
        expected = _expected(scheme, key, material)
        if any(hmac.compare_digest(expected, signature) for signature in given):
            return key
    raise NotGenuine(Reason.SIGNATURE_MISMATCH)


def sign(scheme: Scheme, key: Key, *, timestamp: str, event_id: str, body: bytes) -> dict[str, str]:
    """The headers that a sender with this key would send with this body: the verifier's other side."""
    headers = {scheme.id.header: event_id} if scheme.id and scheme.id.header and event_id else {}
    if scheme.signature is None:
        return headers
    material = signed_material(scheme, Head(timestamp=timestamp, id=event_id), body)
    items = [scheme.signature.prefix + _expected(scheme, key, material).decode("utf-8")]
    if scheme.timestamp and scheme.timestamp.prefix:
        items.insert(0, scheme.timestamp.prefix + timestamp)
    elif scheme.timestamp and scheme.timestamp.header:
        headers[scheme.timestamp.header] = timestamp
    headers[scheme.signature.header] = (scheme.signature.separator or "").join(items)
    return headers


def signed_material(scheme: Scheme, head: Head, body: bytes) -> bytes:
    """The bytes that the signature covers; the body alone where nothing is signed."""
    if scheme.kind != "hmac":
        return body
    values = {"{id}": (head.id or "").encode("ascii"), "{timestamp}": head.timestamp.encode("ascii"), "{body}": body}
    parts = [values[part] if part in values else part.encode("utf-8") for part in scheme.signed]
    return b"".join(parts)  # of one part, this is the part itself: no copy of the body


def _expected(scheme: Scheme, key: Key, material: bytes) -> bytes:
    if scheme.kind == "token":
        return key.value
    mac = hmac.digest(key.value, material, scheme.digest)
    if scheme.signature and scheme.signature.encoding == "base64":
        return base64.b64encode(mac)
    return mac.hex().encode("ascii")


def _items(field: SignatureField, value: str) -> list[str]:
    items = (
        [item.strip(" ") for item in value.split(field.separator, MAX_SIGNATURES + 1)] if field.separator else [value]
    )
    if len(items) > MAX_SIGNATURES:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return items


def _signatures(scheme: Scheme, field: SignatureField, items: list[str]) -> tuple[str, ...]:
    found = [item.removeprefix(field.prefix) for item in items if item.startswith(field.prefix)]
    well_formed = tuple(text for text in found if _is_well_formed(scheme, field, text))
    if not well_formed:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return well_formed


def _is_well_formed(scheme: Scheme, field: SignatureField, text: str) -> bool:
    if scheme.kind == "token":
        return _TOKEN.fullmatch(text) is not None
    size = DIGEST_BYTES[scheme.digest]
    if field.encoding == "base64":
        return len(text) == (size + 2) // 3 * 4 and _BASE64.fullmatch(text) is not None
    return len(text) == 2 * size and _HEX.fullmatch(text) is not None


def _timestamp(scheme: Scheme, headers: Headers, items: list[str]) -> str:
    if scheme.timestamp is None:
        return ""
    if scheme.timestamp.header:
        text = the_only(headers, scheme.timestamp.header)
    else:
        prefix = scheme.timestamp.prefix or ""
        found = [item.removeprefix(prefix) for item in items if item.startswith(prefix)]
        text = found[0] if len(found) == 1 else ""
    if not _TIMESTAMP.fullmatch(text):
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
    return text


def _id(scheme: Scheme, headers: Headers) -> str | None:
    if scheme.id is None or scheme.id.header is None:
        return None
    text = the_only(headers, scheme.id.header) if scheme.signs_id else the_only_if_any(headers, scheme.id.header)
    if text is not None and not _ID.fullmatch(text):
        raise NotGenuine(Reason.MALFORMED_ID)
    return text
