"""The message in the queue. The request-mapping template writes it, around a head that the authorizer wrote.

Version 1 is a JSON object with exactly the members of `_MEMBERS`, in any order, none twice: a body that broke out of
its string would have to add or repeat one. The queue outlives a deployment, so a reader must know every version that is
still in use.
"""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

_MEMBERS = {"version", "received_at_ms", "request_id", "head", "body"}
_EMPTY_BODY = "{}"

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_quoted = encode_basestring_ascii  # what `json.dumps` makes of a text, without an encoder for each


class MalformedEnvelope(ValueError):
    """The message is not one that the template writes."""


class Envelope(NamedTuple):
    """An accepted request. `headers` are the few that the scheme needs, by lower-case name; `url` as its sender had it,
    empty for a scheme that does not sign it.

    `bodies` holds the body's exact bytes. There are two candidates where API Gateway does not tell an empty body from
    `{}`: the signature decides.
    """

    source: str
    received_at_ms: int
    request_id: str
    headers: Mapping[str, str]
    url: str
    bodies: tuple[bytes, ...]


def write_head(source: str, headers: Mapping[str, str], url: str = "") -> str:
    """The authorizer's part, in an alphabet that a template, JSON and a form take as it is (RFC 4648, section 5)."""
    members = ",".join([f"{_quoted(name)}:{_quoted(value)}" for name, value in headers.items()])
    rest = f',"url":{_quoted(url)}' if url else ""
    text = f'{{"source":{_quoted(source)},"headers":{{{members}}}{rest}}}'
    return b2a_base64(text.encode("ascii"), newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def read_envelope(message: str) -> Envelope:
    """The envelope in a message's body. Raises MalformedEnvelope, and nothing else, whatever the text."""
    fields = _object(message)
    if fields.keys() != _MEMBERS or fields["version"] != 1:
        raise MalformedEnvelope("not a version 1 envelope")
    head = _object(_ascii(_base64(_text(fields, "head").replace("-", "+").replace("_", "/"))))
    if head.keys() - {"url"} != {"source", "headers"}:
        raise MalformedEnvelope("not a head")
    return Envelope(
        source=_text(head, "source"),
        received_at_ms=_milliseconds(fields["received_at_ms"]),
        request_id=_text(fields, "request_id"),
        headers=_headers(head["headers"]),
        url=_text({"url": "", **head}, "url"),
        bodies=_bodies(_text(fields, "body")),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        value = _decode(text)
    except (ValueError, RecursionError):
        raise MalformedEnvelope("not JSON") from None
    if not isinstance(value, dict):
        raise MalformedEnvelope("not a JSON object")
    return value


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


_decode = json.JSONDecoder(object_pairs_hook=_unrepeated).decode


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise MalformedEnvelope(f"{name} is not a text")
    return value


def _milliseconds(value: object) -> int:
    if type(value) is not int or not 0 < value < 10**14:
        raise MalformedEnvelope("received_at_ms is not a time")
    return value


def _headers(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise MalformedEnvelope("headers are not texts by name")
    return value


def _bodies(text: str) -> tuple[bytes, ...]:
    if text == _EMPTY_BODY:
        return b"", b"{}"
    return (_base64(text),)


def _base64(text: str) -> bytes:
    try:
        return a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        raise MalformedEnvelope("not base64") from None


def _ascii(text: bytes) -> str:
    try:
        return text.decode("ascii")
    except ValueError:
        raise MalformedEnvelope("not ASCII") from None
