"""What a request's head says about its origin. Pure; malformed input of any kind is NotGenuine.

A scheme's data is turned into functions once, so that no request asks again what only its scheme can answer.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, cast
from urllib.parse import unquote_plus

from common.headers import Headers, each, lowered, required, the_only, value_of, value_reader
from common.reasons import NotGenuine, Reason
from common.scheme import DIGEST_BYTES, Claims, Digest, Encoding, Scheme, SignatureField, TimestampField, Unit

MAX_SIGNATURES = 16
"""More in one header than any sender has keys; a bound on the work that a forger can ask for."""

_TIMESTAMP = re.compile(r"[1-9][0-9]{0,15}")  # a leading zero could have been the end of what is signed before it
_ISO8601 = r"(?a)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
_ID = re.compile(r"[\x21-\x7e]{1,255}")
_SHA256 = f"[0-9a-f]{{{2 * DIGEST_BYTES['sha256']}}}"

Material = Sequence[bytes]
"""What is signed, in parts: a body is hashed where it is, and never copied to stand beside the rest."""


class Request(NamedTuple):
    """A request's head: `url` as its sender had it, needed where the scheme signs it."""

    headers: Headers
    method: str = "POST"
    url: str = ""


class Head(NamedTuple):
    """What a request says about its origin, well formed but not yet believed.

    `signatures` are without their prefix. `timestamp` is the text that is signed, `signed_at` the same in epoch
    seconds. `materials` is what is signed where the head alone tells: more than one where a URL has several spellings.
    `digests` are the body's, by algorithm, that the signature vouches for; `covered` the further headers it covers.

    A named tuple, as are others that are made for each request: a frozen dataclass of this size takes half an HMAC.
    """

    signatures: tuple[str, ...] = ()
    timestamp: str = ""
    signed_at: float | None = None
    expires_at: float | None = None
    id: str | None = None
    method: str = ""
    urls: tuple[str, ...] = ()
    materials: tuple[Material, ...] = ()
    digests: tuple[tuple[Digest, bytes], ...] = ()
    covered: tuple[str, ...] = ()


def head_reader(scheme: Scheme) -> Callable[[Request], Head]:
    """The function that reads all that the scheme wants from a head.

    It raises NotGenuine for what is missing, repeated or malformed.
    """
    if scheme.kind == "message-signature":
        return partial(_message, scheme, _id_reader(scheme))
    if scheme.claims:
        return partial(_token, scheme, scheme.claims, _id_reader(scheme))
    signatures_of, id_of, moment_of = _signatures_reader(scheme), _id_reader(scheme), moment_reader(scheme.timestamp)
    signs_url, digest_parameter = scheme.signs_url, scheme.digest_parameter
    materials: tuple[Material, ...] = ((),) if scheme.kind == "token" else ()

    def read(request: Request) -> Head:
        headers = request.headers
        signatures, timestamp = signatures_of(headers)
        return Head(
            signatures,
            timestamp,
            moment_of(timestamp) if timestamp else None,
            None,
            id_of(headers),
            request.method,
            _spellings(request.url) if signs_url else (),
            materials,
            _digests_in(request.url, digest_parameter) if digest_parameter else (),
        )

    return read


def signature_form(scheme: Scheme) -> re.Pattern[str]:
    """What an item looks like that is a signature; its group is what follows the prefix."""
    field = scheme.signature or SignatureField(())
    if scheme.kind == "token":
        form = r"[\x20-\x7e]{1,4096}"
    elif scheme.kind == "ecdsa-p256":  # in DER, of two numbers
        form = _form_between(8, 72, field.encoding)
    else:
        form = _form_of(64 if scheme.kind == "ed25519" else DIGEST_BYTES[scheme.digest], field.encoding)
    return re.compile(f"{re.escape(field.prefix)}({form})")


def moment_reader(field: TimestampField | None) -> Callable[[str], float]:
    """The function that makes epoch seconds of a timestamp's text. It raises NotGenuine."""
    return _MOMENTS[field.unit if field else "seconds"]


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


def _form_of(count: int, encoding: Encoding) -> str:
    """Bytes in hexadecimal or in base64 with its padding (RFC 4648, section 4)."""
    if encoding == "hex":
        return f"[0-9a-f]{{{2 * count}}}"
    return f"[A-Za-z0-9+/]{{{_base64_characters(count)}}}={{{-count % 3}}}"


def _form_between(least: int, most: int, encoding: Encoding) -> str:
    if encoding == "hex":
        return f"(?:[0-9a-f]{{2}}){{{least},{most}}}"
    count = f"(?=[A-Za-z0-9+/]{{{_base64_characters(least)},{_base64_characters(most)}}}=*\\Z)"
    return count + "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"


def _base64_characters(count: int) -> int:
    """Without the padding."""
    return -(-4 * count // 3)


def _signatures_reader(scheme: Scheme) -> Callable[[Headers], tuple[tuple[str, ...], str]]:
    """Of the signatures, and of the text of the time; either is empty where the scheme has it in the body, or none."""
    field, timestamp_of = scheme.signature, _timestamp_reader(scheme.timestamp)
    if field is None or not field.headers:
        return lambda headers: ((), timestamp_of(headers, ()))
    names, separator, form = lowered(field.headers), field.separator, signature_form(scheme).fullmatch

    def read_one(headers: Headers) -> tuple[tuple[str, ...], str]:
        match, timestamp = form(required(value_of(names[0], headers))), timestamp_of(headers, ())
        if match is None:
            raise NotGenuine(Reason.MALFORMED_SIGNATURE)
        return (match[1],), timestamp

    def read_several(headers: Headers) -> tuple[tuple[str, ...], str]:
        items = each(headers, names)
        if not items:
            raise NotGenuine(Reason.MISSING_HEADER)
        if separator:
            text = separator.join(items)
            items = text.split(separator, MAX_SIGNATURES + 1)
            if " " in text:
                items = [item.strip(" ") for item in items]
        if len(items) > MAX_SIGNATURES:
            raise NotGenuine(Reason.MALFORMED_SIGNATURE)
        timestamp = timestamp_of(headers, items)
        signatures = []
        for item in items:
            if match := form(item):
                signatures.append(match[1])  # noqa: PERF401 - a comprehension takes longer for one or two
        if not signatures:
            raise NotGenuine(Reason.MALFORMED_SIGNATURE)
        return tuple(signatures), timestamp

    return read_several if separator or len(names) > 1 else read_one


def _timestamp_reader(field: TimestampField | None) -> Callable[[Headers, Sequence[str]], str]:
    if field is None or field.pointer:
        return lambda _, __: ""
    if field.headers:
        value_of = value_reader(field.headers)
        return lambda headers, _: required(value_of(headers))
    prefix = field.prefix or ""

    def read(_: Headers, items: Sequence[str]) -> str:
        found = None
        for item in items:
            if item.startswith(prefix):
                if found is not None:
                    raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
                found = item.removeprefix(prefix)
        if not found:
            raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
        return found

    return read


def _id_reader(scheme: Scheme) -> Callable[[Headers], str | None]:
    if scheme.id is None or not scheme.id.headers:
        return lambda _: None
    value_of = value_reader(scheme.id.headers)
    # With what follows the id in what is signed in it, its end could be taken for the rest of the material.
    following = scheme.signed[scheme.signed.index("{id}") + 1] if scheme.signs_id else None

    def read(headers: Headers) -> str | None:
        text = value_of(headers)
        if text is None:
            return None if following is None else required(text)
        if not _ID.fullmatch(text) or (following is not None and following in text):
            raise NotGenuine(Reason.MALFORMED_ID)
        return text

    return read


def _seconds(timestamp: str) -> float:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
    return int(timestamp)


def _moment_of_iso8601(timestamp: str) -> float:
    if not re.fullmatch(_ISO8601, timestamp):
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
    try:
        return datetime.fromisoformat(timestamp).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP) from None


_MOMENTS: Mapping[Unit, Callable[[str], float]] = {
    "seconds": _seconds,
    "milliseconds": lambda timestamp: _seconds(timestamp) / 1000,
    "iso8601": _moment_of_iso8601,
}


def _spellings(url: str) -> tuple[str, ...]:
    """A URL with and without the port that it has anyway (RFC 3986, 6.2.3): senders sign either."""
    protocol, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if protocol != "https" or not separator:
        return (url,)
    if authority.endswith(":443"):
        return (url, f"https://{authority.removesuffix(':443')}{slash}{path}")
    return (url,) if ":" in authority else (url, f"https://{authority}:443{slash}{path}")


def _digests_in(url: str, parameter: str) -> tuple[tuple[Digest, bytes], ...]:
    """The body's SHA-256 that a parameter of the URL holds; none where the URL has no such parameter."""
    fields = [field.partition("=") for field in url.partition("#")[0].partition("?")[2].split("&")]
    values = [unquote_plus(value) for name, _, value in fields if unquote_plus(name) == parameter]
    if not values:
        return ()
    if len(values) > 1 or not re.fullmatch(_SHA256, values[0]):
        raise NotGenuine(Reason.MALFORMED_DIGEST)
    return (("sha256", bytes.fromhex(values[0])),)


def _message(scheme: Scheme, id_of: Callable[[Headers], str | None], request: Request) -> Head:
    from common.message_signature import read_content_digest, read_message_signature

    message = read_message_signature(request.headers, request.method, request.url)
    digest = the_only(request.headers, "content-digest")
    event_id = None
    if scheme.id and any(name.lower() in message.covered for name in scheme.id.headers):
        event_id = id_of(request.headers)
    return Head(
        signatures=(message.mac,),
        timestamp=str(message.created),
        signed_at=message.created,
        expires_at=message.expires,
        id=event_id or message.nonce,
        method=request.method,
        urls=(request.url,),
        materials=((message.base,),),
        digests=tuple((cast(Digest, name), base64.b64decode(text)) for name, text in read_content_digest(digest)),
        covered=message.covered,
    )


def _token(scheme: Scheme, claims: Claims, id_of: Callable[[Headers], str | None], request: Request) -> Head:
    from common.json_web_token import read_token

    names = scheme.signature.headers if scheme.signature else ()
    urls = _spellings(request.url)
    token = read_token(the_only(request.headers, *names), scheme.algorithm, claims, urls)
    return Head(
        signatures=(token.signature,),
        signed_at=token.signed_at,
        expires_at=token.expires_at,
        id=id_of(request.headers),
        urls=urls,
        materials=((token.signed,),),
        digests=(("sha256", token.body_sha256),),
    )
