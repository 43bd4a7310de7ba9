"""How a source signs, as data. `schemes.json` holds the presets; a custom scheme is an object of the same form."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

Kind = Literal["hmac", "token", "unsigned"]
Digest = Literal["sha1", "sha256", "sha512"]
KeyEncoding = Literal["utf8", "base64", "hex", "base64-after-whsec_"]
Encoding = Literal["hex", "base64"]

KINDS = ("hmac", "token", "unsigned")
DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}
KEY_ENCODINGS = ("utf8", "base64", "hex", "base64-after-whsec_")
ENCODINGS = ("hex", "base64")
SEPARATORS = (",", ";", " ")
TIMESTAMP_UNITS = {"seconds": 1, "milliseconds": 1000}

_UNKNOWN_PLACEHOLDER = re.compile(r"\{(?!id\}|timestamp\}|body\})\w*\}")
_PLACEHOLDER = re.compile(r"(\{id\}|\{timestamp\}|\{body\})")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")  # a token of RFC 9110, 5.6.2


class InvalidScheme(ValueError):
    """A scheme's data is wrong; the message says where, and what would be right."""


@dataclass(frozen=True, slots=True)
class SignatureField:
    """The header that carries the signatures: split at `separator`, those that begin with `prefix` count."""

    header: str
    prefix: str = ""
    separator: str | None = None
    encoding: Encoding = "hex"


@dataclass(frozen=True, slots=True)
class TimestampField:
    """When the sender signed: in a header of its own, or an item of the signature header that begins with `prefix`."""

    header: str | None
    prefix: str | None
    per_second: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where an event's id or type is: a header, or a JSON pointer (RFC 6901) into the body."""

    header: str | None
    pointer: str | None


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one kind of sender signs. `signed` is the signed material in parts: text, or one of the placeholders."""

    kind: Kind
    digest: Digest
    key_encoding: KeyEncoding
    signature: SignatureField | None
    timestamp: TimestampField | None
    signed: tuple[str, ...]
    id: Location | None
    type: Location | None

    @property
    def signs_id(self) -> bool:
        """Whether the signature covers the event's id, so that the id must be in a header."""
        return "{id}" in self.signed

    @property
    def header_names(self) -> tuple[str, ...]:
        """Every header that verification or identification reads, in lower case, each once."""
        fields = (self.signature, self.timestamp, self.id, self.type)
        return tuple(dict.fromkeys(field.header.lower() for field in fields if field is not None and field.header))


def load(description: object) -> Scheme:
    """A scheme from a preset's name or from a custom scheme's data. Raises InvalidScheme."""
    if isinstance(description, str):
        return preset(description)
    return _parse(description)


@cache
def preset(name: str) -> Scheme:
    """The scheme of that name in `schemes.json`. Raises InvalidScheme."""
    if name not in presets():
        raise InvalidScheme(f"there is no scheme {name!r}; known are {', '.join(sorted(presets()))}")
    return _parse(presets()[name])


@cache
def presets() -> Mapping[str, Mapping[str, Any]]:
    """The data of `schemes.json`, by name."""
    text = (Path(__file__).parent / "schemes.json").read_text(encoding="utf-8")
    return cast(Mapping[str, Mapping[str, Any]], json.loads(text))


def _parse(data: object) -> Scheme:
    fields = _Fields(data, "scheme")
    fields.ignore("title", "documentation")
    kind = cast(Kind, fields.choice("kind", KINDS, "hmac"))
    scheme = Scheme(
        kind=kind,
        digest=cast(Digest, fields.choice("digest", tuple(DIGEST_BYTES), "sha256")),
        key_encoding=cast(KeyEncoding, fields.choice("key_encoding", KEY_ENCODINGS, "utf8")),
        signature=_signature(fields.inner("signature")),
        timestamp=_timestamp(fields.inner("timestamp")),
        signed=tuple(part for part in _PLACEHOLDER.split(fields.text("signed", "{body}")) if part),
        id=_location(fields.inner("id")),
        type=_location(fields.inner("type")),
    )
    fields.finish()
    _check(scheme)
    return scheme


def _signature(fields: "_Fields | None") -> SignatureField | None:
    if fields is None:
        return None
    field = SignatureField(
        header=fields.header("header", required=True) or "",
        prefix=fields.text("prefix", ""),
        separator=fields.choice("separator", SEPARATORS, None),
        encoding=cast(Encoding, fields.choice("encoding", ENCODINGS, "hex")),
    )
    fields.finish()
    return field


def _timestamp(fields: "_Fields | None") -> TimestampField | None:
    if fields is None:
        return None
    field = TimestampField(
        header=fields.header("header"),
        prefix=fields.text("prefix", "") or None,
        per_second=TIMESTAMP_UNITS[fields.choice("unit", tuple(TIMESTAMP_UNITS), "seconds") or "seconds"],
    )
    fields.finish()
    if (field.header is None) == (field.prefix is None):
        raise InvalidScheme("scheme.timestamp needs either a header or the prefix of an item in the signature header")
    return field


def _location(fields: "_Fields | None") -> Location | None:
    if fields is None:
        return None
    location = Location(header=fields.header("header"), pointer=fields.text("pointer", "") or None)
    fields.finish()
    if (location.header is None) == (location.pointer is None):
        raise InvalidScheme(f"{fields.where} needs either a header or a pointer")
    if location.pointer is not None and not location.pointer.startswith("/"):
        raise InvalidScheme(f"{fields.where}.pointer must begin with /, as in /event/id")
    return location


def _check(scheme: Scheme) -> None:
    if (scheme.kind == "unsigned") != (scheme.signature is None):
        raise InvalidScheme("scheme.signature must name the header with the signature, except for kind unsigned")
    if scheme.kind != "hmac":
        if scheme.timestamp is not None:
            raise InvalidScheme("scheme.timestamp is for kind hmac: an unsigned time proves nothing")
        return
    if unknown := _UNKNOWN_PLACEHOLDER.search("".join(scheme.signed)):
        raise InvalidScheme(f"scheme.signed has {unknown[0]}; known are {{id}}, {{timestamp}} and {{body}}")
    if scheme.signed.count("{body}") != 1:
        raise InvalidScheme("scheme.signed must contain {body} once, or the body would be free for anybody to change")
    if ("{timestamp}" in scheme.signed) != (scheme.timestamp is not None):
        raise InvalidScheme("scheme.timestamp goes with {timestamp} in scheme.signed: an unsigned time proves nothing")
    if scheme.signs_id and (scheme.id is None or scheme.id.header is None):
        raise InvalidScheme("scheme.signed has {id}, so scheme.id must name the header it is in")
    if (
        scheme.timestamp is not None
        and scheme.timestamp.prefix
        and not (scheme.signature and scheme.signature.separator)
    ):
        raise InvalidScheme(
            "scheme.timestamp.prefix needs scheme.signature.separator, which splits the header into items"
        )


class _Fields:
    """One JSON object being read: every field taken once, none left over."""

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise InvalidScheme(f"{where} must be a JSON object")
        self.where = where
        self._left = {key: value for key, value in data.items() if value is not None}

    def ignore(self, *names: str) -> None:
        for name in names:
            self._left.pop(name, None)

    def text(self, name: str, default: str) -> str:
        value = self._left.pop(name, default)
        if not isinstance(value, str):
            raise InvalidScheme(f"{self.where}.{name} must be a text")
        return value

    def header(self, name: str, *, required: bool = False) -> str | None:
        value = self.text(name, "")
        if not value and not required:
            return None
        if not _HEADER_NAME.fullmatch(value):
            raise InvalidScheme(f"{self.where}.{name} must be the name of a header")
        return value

    def choice(self, name: str, known: tuple[str, ...], default: str | None) -> str | None:
        value = self._left.pop(name, default)
        if value not in (*known, default):
            raise InvalidScheme(f"{self.where}.{name} must be one of {', '.join(map(repr, known))}")
        return cast(str | None, value)

    def inner(self, name: str) -> "_Fields | None":
        value = self._left.pop(name, None)
        return None if value is None else _Fields(value, f"{self.where}.{name}")

    def finish(self) -> None:
        if self._left:
            raise InvalidScheme(f"{self.where} has unknown fields: {', '.join(sorted(self._left))}")
