"""The one verifier: interprets a scheme's data over a request. Pure; malformed input of any kind is NotGenuine.

Expected and given signatures are compared as texts, not decoded: hexadecimal and base64 both have several spellings for
the same bytes, and a sender uses one.
"""

import base64
import hashlib
import hmac
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from common.body import document_of, form_of, pointed
from common.headers import Headers, each, the_only, the_only_if_any
from common.json_web_token import decode, encode, read_token
from common.keys import InvalidKey, Key
from common.reasons import NotGenuine, Reason
from common.scheme import DIGEST_BYTES, Claims, Digest, Scheme, SignatureField, Unit

MAX_SIGNATURES = 16
"""More in one header than any sender has keys; a bound on the work that a forger can ask for."""

_TIMESTAMP = re.compile(r"[1-9][0-9]{0,15}")  # a leading zero could have been the end of what is signed before it
_ISO8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TOKEN = re.compile(r"[\x20-\x7e]{1,4096}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{1,684}={0,2}")
_HEX = re.compile(r"[0-9a-f]{1,1024}")
_PUBLIC_KEY_SIGNATURE_BYTES = {"ed25519": (64, 64), "ecdsa-p256": (8, 72)}  # the second in DER, of two numbers


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head: `url` as its sender had it, needed where the scheme signs it."""

    headers: Headers
    method: str = "POST"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What a request says about its origin, well formed but not yet believed.

    `signatures` are without their prefix. `timestamp` is the text that is signed, `signed_at` the same in epoch
    seconds. `materials` is what is signed where the head alone tells: more than one where a URL has several spellings.
    `digests` are the body's, by algorithm, that the signature vouches for; `covered` the further headers it covers.
    """

    signatures: tuple[str, ...] = ()
    timestamp: str = ""
    signed_at: float | None = None
    expires_at: float | None = None
    id: str | None = None
    method: str = ""
    urls: tuple[str, ...] = ()
    materials: tuple[bytes, ...] = ()
    digests: tuple[tuple[Digest, bytes], ...] = ()
    covered: tuple[str, ...] = ()


def verify(scheme: Scheme, keys: Iterable[Key], request: Request, body: bytes) -> tuple[Head, Key | None]:
    """The head, and the key that signed exactly these bytes (None for an unsigned scheme). Raises NotGenuine.

    Freshness is `check_freshness`, apart: it depends on a clock, this does not.
    """
    head = read_head(scheme, request)
    if scheme.kind == "unsigned":
        return head, None
    head = _with_fields_of(body, scheme, head)
    key = matching_key(scheme, keys, head, body)
    for algorithm, digest in head.digests:
        if not hmac.compare_digest(digest, hashlib.new(algorithm, body).digest()):
            raise NotGenuine(Reason.DIGEST_MISMATCH)
    return head, key


def read_head(scheme: Scheme, request: Request) -> Head:
    """Reads all that the scheme wants from the head. Raises NotGenuine for what is missing, repeated or malformed."""
    if scheme.kind == "message-signature":
        return _message(scheme, request)
    field = scheme.signature
    if scheme.claims and field:
        return _token(scheme, scheme.claims, the_only(request.headers, *field.headers), request)
    items = _items(field, request.headers) if field and field.headers else []
    timestamp = _timestamp(scheme, request.headers, items)
    head = Head(
        signatures=_signatures(scheme, field, items) if field and field.headers else (),
        timestamp=timestamp,
        signed_at=_moment(timestamp, scheme.timestamp.unit) if scheme.timestamp and timestamp else None,
        id=_id(scheme, request.headers),
        method=request.method,
        urls=_spellings(request.url),
        materials=(b"",) if scheme.kind == "token" else (),
    )
    digest = _digest_in(request.url, scheme.digest_parameter) if scheme.digest_parameter else None
    if digest is None:
        return head
    return replace(head, digests=(("sha256", digest),), materials=tuple(_materials(scheme, head, b"")))


def check_freshness(head: Head, received_at: float, tolerance_seconds: float) -> None:
    """Raises NotGenuine when it was signed more than the tolerance before or after `received_at` (epoch seconds)."""
    if head.expires_at is not None and received_at > head.expires_at:
        raise NotGenuine(Reason.EXPIRED_SIGNATURE)
    if head.signed_at is None:
        return
    if head.signed_at < received_at - tolerance_seconds:
        raise NotGenuine(Reason.STALE_TIMESTAMP)
    if head.signed_at > received_at + tolerance_seconds:
        raise NotGenuine(Reason.FUTURE_TIMESTAMP)


def matching_key(scheme: Scheme, keys: Iterable[Key], head: Head, body: bytes) -> Key:
    """The first key of which one of the head's signatures is right. Raises NotGenuine."""
    live = tuple(keys)
    for material in head.materials or _materials(scheme, head, body):
        for key in live:
            try:
                if _fits(scheme, key, material, head.signatures):
                    return key
            except InvalidKey:
                if key is live[0]:  # an older one that is no public key counts for nothing, as in `read_keys`
                    raise
    raise NotGenuine(Reason.SIGNATURE_MISMATCH)


def signed_material(scheme: Scheme, head: Head, body: bytes) -> bytes:
    """The bytes that the signature covers; the body alone where nothing is signed. Raises NotGenuine."""
    if scheme.kind in ("token", "unsigned"):
        return body
    return next(iter(head.materials or _materials(scheme, head, body)))


def expected_signature(scheme: Scheme, key: Key, material: bytes) -> bytes:
    """The text of the right signature, without its prefix: what only who has the key can write."""
    if scheme.kind == "token":
        return key.value
    if scheme.kind == "hash":
        mac = hashlib.new(scheme.digest, key.value + material).digest()
    else:
        mac = hmac.digest(key.value, material, scheme.digest)
    if scheme.kind == "jwt":
        return encode(mac).encode("ascii")
    if scheme.kind == "message-signature" or (scheme.signature and scheme.signature.encoding == "base64"):
        return base64.b64encode(mac)
    return mac.hex().encode("ascii")


def _fits(scheme: Scheme, key: Key, material: bytes, signatures: tuple[str, ...]) -> bool:
    if scheme.needs_cryptography:
        from common.public_key import Curve, fits  # only in the zip that brings the package along

        kind = cast(Curve, scheme.kind)
        return any(fits(kind, key.value, material, _bytes(scheme, signature)) for signature in signatures)
    expected = expected_signature(scheme, key, material)
    return any(hmac.compare_digest(expected, signature.encode("ascii")) for signature in signatures)


def _bytes(scheme: Scheme, signature: str) -> bytes:
    """A signature that a public key is to verify, from the one text that stands for it."""
    if scheme.signature and scheme.signature.encoding == "hex" and scheme.kind != "jwt":
        return bytes.fromhex(signature)
    try:
        value = decode(signature) if scheme.kind == "jwt" else base64.b64decode(signature)
    except ValueError:  # a token's signature has any length, some that no bytes have
        raise NotGenuine(Reason.MALFORMED_SIGNATURE) from None
    if signature not in (encode(value), base64.b64encode(value).decode("ascii")):
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return value


def _materials(scheme: Scheme, head: Head, body: bytes) -> Iterator[bytes]:
    parameters = _parameters(scheme, body) if "{params}" in scheme.signed and not head.digests else b""
    urls = head.urls if "{url}" in scheme.signed else ("",)
    for url in urls:
        parts = [parameters if part == "{params}" else _part(part, head, url, body) for part in scheme.signed]
        yield b"".join(parts)  # of one part, this is the part itself: no copy of the body


def _part(part: str, head: Head, url: str, body: bytes) -> bytes:
    match part:
        case "{body}":
            return body
        case "{timestamp}":
            return head.timestamp.encode("ascii")
        case "{id}":
            return (head.id or "").encode("ascii")
        case "{method}":
            return head.method.encode("utf-8", "surrogatepass")
        case "{url}":
            return url.encode("utf-8", "surrogatepass")
    if part.startswith("{/"):
        return _required(document_of(body), part[1:-1]).encode("utf-8", "surrogatepass")
    return part.encode("utf-8")


def _parameters(scheme: Scheme, body: bytes) -> bytes:
    """A form's parameters by name, each with its values, each of these once: https://www.twilio.com/docs/usage/security

    They follow the URL without a separator: a form that could pass for the digest at its end is refused, or the
    signature of a body by its digest would be good for that form.
    """
    form = form_of(body)
    if form is None:
        raise NotGenuine(Reason.MALFORMED_BODY)
    text = "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    if scheme.digest_parameter and text.startswith((f"?{scheme.digest_parameter}=", f"&{scheme.digest_parameter}=")):
        raise NotGenuine(Reason.MALFORMED_BODY)
    return text.encode("utf-8")


def _with_fields_of(body: bytes, scheme: Scheme, head: Head) -> Head:
    """The head with the signature and the time that are in the body, where the scheme has them there."""
    in_body = [field for field in (scheme.signature, scheme.timestamp) if field is not None and field.pointer]
    if not in_body:
        return head
    document = document_of(body)
    if scheme.signature and scheme.signature.pointer:
        items = [_required(document, scheme.signature.pointer)]
        head = replace(head, signatures=_signatures(scheme, scheme.signature, items))
    if scheme.timestamp and scheme.timestamp.pointer:
        timestamp = _required(document, scheme.timestamp.pointer)
        head = replace(head, timestamp=timestamp, signed_at=_moment(timestamp, scheme.timestamp.unit))
    return head


def _required(document: Any, pointer: str) -> str:
    value = pointed(document, pointer)
    if value is None:
        raise NotGenuine(Reason.MALFORMED_BODY)
    return value


def _message(scheme: Scheme, request: Request) -> Head:
    from common.message_signature import read_content_digest, read_message_signature

    message = read_message_signature(request.headers, request.method, request.url)
    digest = the_only(request.headers, "content-digest")
    event_id = None
    if scheme.id and any(name.lower() in message.covered for name in scheme.id.headers):
        event_id = _id(scheme, request.headers)
    return Head(
        signatures=(message.mac,),
        timestamp=str(message.created),
        signed_at=message.created,
        expires_at=message.expires,
        id=event_id or message.nonce,
        method=request.method,
        urls=(request.url,),
        materials=(message.base,),
        digests=tuple((cast(Digest, name), base64.b64decode(text)) for name, text in read_content_digest(digest)),
        covered=message.covered,
    )


def _token(scheme: Scheme, claims: Claims, text: str, request: Request) -> Head:
    urls = _spellings(request.url)
    token = read_token(text, scheme.algorithm, claims, urls)
    return Head(
        signatures=(token.signature,),
        signed_at=token.signed_at,
        expires_at=token.expires_at,
        id=_id(scheme, request.headers),
        urls=urls,
        materials=(token.signed,),
        digests=(("sha256", token.body_sha256),),
    )


def _items(field: SignatureField, headers: Headers) -> list[str]:
    values = each(headers, *field.headers)
    if not values:
        raise NotGenuine(Reason.MISSING_HEADER)
    if field.separator:
        values = [item.strip(" ") for value in values for item in value.split(field.separator, MAX_SIGNATURES + 1)]
    if len(values) > MAX_SIGNATURES:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return values


def _signatures(scheme: Scheme, field: SignatureField, items: list[str]) -> tuple[str, ...]:
    found = [item.removeprefix(field.prefix) for item in items if item.startswith(field.prefix)]
    well_formed = tuple(text for text in found if _is_well_formed(scheme, field, text))
    if not well_formed:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return well_formed


def _is_well_formed(scheme: Scheme, field: SignatureField, text: str) -> bool:
    if scheme.kind == "token":
        return _TOKEN.fullmatch(text) is not None
    digest_bytes = DIGEST_BYTES[scheme.digest]
    least, most = _PUBLIC_KEY_SIGNATURE_BYTES.get(scheme.kind, (digest_bytes, digest_bytes))
    if field.encoding == "base64":
        quads, rest = divmod(len(text), 4)
        return rest == 0 and least <= 3 * quads - text.count("=") <= most and _BASE64.fullmatch(text) is not None
    return 2 * least <= len(text) <= 2 * most and len(text) % 2 == 0 and _HEX.fullmatch(text) is not None


def _timestamp(scheme: Scheme, headers: Headers, items: list[str]) -> str:
    """The text of the time that the head has; empty where the scheme has it in the body, or none."""
    field = scheme.timestamp
    if field is None or field.pointer:
        return ""
    if field.headers:
        return the_only(headers, *field.headers)
    prefix = field.prefix or ""
    found = [item.removeprefix(prefix) for item in items if item.startswith(prefix)]
    if len(found) != 1 or not found[0]:
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
    return found[0]


def _moment(timestamp: str, unit: Unit) -> float:
    """Epoch seconds."""
    if unit == "iso8601":
        return _moment_of_iso8601(timestamp)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
    return int(timestamp) / (1000 if unit == "milliseconds" else 1)


def _moment_of_iso8601(timestamp: str) -> float:
    if not _ISO8601.fullmatch(timestamp):
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
    try:
        return datetime.fromisoformat(timestamp).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP) from None


def _id(scheme: Scheme, headers: Headers) -> str | None:
    if scheme.id is None or not scheme.id.headers:
        return None
    find = the_only if scheme.signs_id else the_only_if_any
    text = find(headers, *scheme.id.headers)
    if text is not None and (not _ID.fullmatch(text) or _after_id(scheme) in text):
        raise NotGenuine(Reason.MALFORMED_ID)
    return text


def _after_id(scheme: Scheme) -> str:
    """What follows the id in what is signed: with it in the id, its end could be taken for the rest of the material."""
    return scheme.signed[scheme.signed.index("{id}") + 1] if scheme.signs_id else "\0"


def _spellings(url: str) -> tuple[str, ...]:
    """A URL with and without the port that it has anyway (RFC 3986, 6.2.3): senders sign either."""
    protocol, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if protocol != "https" or not separator:
        return (url,)
    if authority.endswith(":443"):
        return (url, f"https://{authority.removesuffix(':443')}{slash}{path}")
    return (url,) if ":" in authority else (url, f"https://{authority}:443{slash}{path}")


def _digest_in(url: str, parameter: str) -> bytes | None:
    """The body's SHA-256 that a parameter of the URL holds; None where the URL has no such parameter."""
    query = url.partition("#")[0].partition("?")[2]
    values = [value for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True) if name == parameter]
    if not values:
        return None
    if len(values) > 1 or len(values[0]) != 2 * DIGEST_BYTES["sha256"] or not _HEX.fullmatch(values[0]):
        raise NotGenuine(Reason.MALFORMED_DIGEST)
    return bytes.fromhex(values[0])
