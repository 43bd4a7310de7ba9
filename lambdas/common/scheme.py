"""How a source signs, as data. `schemes.json` holds the presets; a custom scheme is an object of the same form."""

import json
import pkgutil
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast, get_args

Kind = Literal["hmac", "hash", "token", "unsigned", "jwt", "message-signature", "ed25519", "ecdsa-p256"]
Digest = Literal["sha1", "sha256", "sha512"]
KeyEncoding = Literal["utf8", "base64", "hex", "base64-after-whsec_", "base64-after-whpk_", "basic", "jwk"]
Encoding = Literal["hex", "base64"]
Unit = Literal["seconds", "milliseconds", "iso8601"]
Algorithm = Literal["HS256", "ES256"]

DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}
KEY_ENCODINGS: tuple[str, ...] = get_args(KeyEncoding)
SEPARATORS = (",", ";", " ")

_Made = TypeVar("_Made")

_PLACEHOLDER = re.compile(r"(\{(?:id|timestamp|body|method|url|params|/[^{}]*)\})")
_UNKNOWN_PLACEHOLDER = r"\{\w*\}"
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")  # a token of RFC 9110, 5.6.2


class InvalidScheme(ValueError):
    """A scheme's data is wrong; the message says where, and what would be right."""


class SignatureField(NamedTuple):
    """Where the signatures are, headers or body. Split at `separator`, those that begin with `prefix` count."""

    headers: tuple[str, ...]
    pointer: str | None = None
    prefix: str = ""
    separator: str | None = None
    encoding: Encoding = "hex"


class TimestampField(NamedTuple):
    """When the sender signed: a header, an item of the signature header that begins with `prefix`, or in the body."""

    headers: tuple[str, ...]
    prefix: str | None
    pointer: str | None
    unit: Unit


class Location(NamedTuple):
    """Where an event's id or type is: headers, a JSON pointer (RFC 6901) into the body, or a field of a form."""

    headers: tuple[str, ...]
    pointer: str | None
    form: str | None


class Claims(NamedTuple):
    """What a JSON Web Token says of its request: names of the claims, and the issuer that must be in `iss`."""

    time: str
    body_sha256: str
    url_sha256: str | None
    issuer: str | None


class _Stated(NamedTuple):
    kind: Kind
    digest: Digest
    key_encoding: KeyEncoding
    signature: SignatureField | None
    timestamp: TimestampField | None
    signed: tuple[str, ...]
    id: Location | None
    type: Location | None
    claims: Claims | None
    algorithm: Algorithm
    digest_parameter: str | None


class Scheme:
    """How one kind of sender signs. `signed` is the signed material in parts: text, or one of the placeholders.

    `digest_parameter` names a query parameter of the signed URL that holds the body's SHA-256 (hexadecimal) when it is
    there. What follows from a scheme is worked out once, and not for each request.
    """

    def __init__(self, stated: _Stated) -> None:
        self._stated = stated
        self._made: dict[object, Any] = {}
        # Each in a place of its own: that of a named tuple takes a request twice as long to find.
        self.kind: Final = stated.kind
        self.digest: Final = stated.digest
        self.key_encoding: Final = stated.key_encoding
        self.signature: Final = stated.signature
        self.timestamp: Final = stated.timestamp
        self.signed: Final = stated.signed
        self.id: Final = stated.id
        self.type: Final = stated.type
        self.claims: Final = stated.claims
        self.algorithm: Final = stated.algorithm
        self.digest_parameter: Final = stated.digest_parameter

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scheme) and self._stated == other._stated

    def __hash__(self) -> int:
        return hash(self._stated)

    def __repr__(self) -> str:
        return f"Scheme({self._stated})"

    @cached_property
    def signs_id(self) -> bool:
        """Whether the signature covers the event's id, so that the id must be in a header."""
        return "{id}" in self.signed

    @cached_property
    def signs_fields(self) -> bool:
        """Whether a body must be parsed before its signature can be verified."""
        in_body = [field for field in (self.signature, self.timestamp) if field is not None and field.pointer]
        return bool(in_body) and ("{timestamp}" in self.signed or self.signature in in_body)

    @cached_property
    def dates_body(self) -> bool:
        """Whether the time is in a body that is signed as it is."""
        return self.timestamp is not None and self.timestamp.pointer is not None and not self.signs_fields

    @cached_property
    def signs_url(self) -> bool:
        """Whether the request's URL, as its sender had it, is needed to verify."""
        in_token = self.claims is not None and self.claims.url_sha256 is not None
        return self.kind == "message-signature" or in_token or "{url}" in self.signed

    @cached_property
    def signs_body(self) -> bool:
        """Whether nobody but the sender could have changed the body."""
        whole = "{body}" in self.signed or "{params}" in self.signed
        return self.kind in ("jwt", "message-signature") or (self.kind not in ("token", "unsigned") and whole)

    @cached_property
    def verified_at_edge(self) -> bool:
        """Whether the signature can be checked without the body, with the standard library alone."""
        shared_secret_token = self.kind == "jwt" and self.algorithm == "HS256"
        return self.kind in ("token", "message-signature") or shared_secret_token or self.digest_parameter is not None

    @cached_property
    def needs_cryptography(self) -> bool:
        """Whether a public key verifies, for which Python's standard library has nothing."""
        return self.kind in ("ed25519", "ecdsa-p256") or (self.kind == "jwt" and self.algorithm == "ES256")

    @cached_property
    def header_names(self) -> tuple[str, ...]:
        """Every header that verification or identification reads, in lower case, each once."""
        fields = (self.signature, self.timestamp, self.id, self.type)
        names = [name.lower() for field in fields if field is not None for name in field.headers]
        if self.kind == "message-signature":
            names += ["signature", "content-digest"]
        return tuple(dict.fromkeys(names))

    def once(self, make: "Callable[[Scheme], _Made]") -> _Made:
        """What `make` makes of this scheme, made when it is first asked for."""
        try:
            made: _Made = self._made[make]
        except KeyError:
            made = self._made[make] = make(self)
        return made


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
    return cast(Mapping[str, Mapping[str, Any]], json.loads(cast(bytes, pkgutil.get_data("common", "schemes.json"))))


def _parse(data: object) -> Scheme:
    fields = _Fields(data, "scheme")
    fields.ignore("title", "documentation", "note", "handshake")
    digest_parameter = fields.inner("body_digest")
    stated = _Stated(
        kind=cast(Kind, fields.choice("kind", get_args(Kind), "hmac")),
        digest=cast(Digest, fields.choice("digest", get_args(Digest), "sha256")),
        key_encoding=cast(KeyEncoding, fields.choice("key_encoding", KEY_ENCODINGS, "utf8")),
        signature=_signature(fields.inner("signature")),
        timestamp=_timestamp(fields.inner("timestamp")),
        signed=_parts(fields.text("signed", "{body}")),
        id=_location(fields.inner("id")),
        type=_location(fields.inner("type")),
        claims=_claims(fields.inner("claims")),
        algorithm=cast(Algorithm, fields.choice("algorithm", get_args(Algorithm), "HS256")),
        digest_parameter=digest_parameter.text("query", "") if digest_parameter else None,
    )
    fields.finish()
    scheme = Scheme(stated)
    _check(scheme)
    return scheme


def _parts(signed: str) -> tuple[str, ...]:
    parts = tuple(part for part in _PLACEHOLDER.split(signed) if part)
    for part in parts:
        if not _PLACEHOLDER.fullmatch(part) and (unknown := re.search(_UNKNOWN_PLACEHOLDER, part)):
            raise InvalidScheme(
                f"scheme.signed has {unknown[0]}; known are {{id}}, {{timestamp}}, {{body}}, {{method}}, {{url}}, "
                "{params} and JSON pointers such as {/token}"
            )
    return parts


def _signature(fields: "_Fields | None") -> SignatureField | None:
    if fields is None:
        return None
    field = SignatureField(
        headers=fields.headers(),
        pointer=fields.pointer(),
        prefix=fields.text("prefix", ""),
        separator=fields.choice("separator", SEPARATORS, None),
        encoding=cast(Encoding, fields.choice("encoding", get_args(Encoding), "hex")),
    )
    fields.finish()
    if bool(field.headers) == bool(field.pointer):
        raise InvalidScheme("scheme.signature needs either a header or a pointer into the body")
    return field


def _timestamp(fields: "_Fields | None") -> TimestampField | None:
    if fields is None:
        return None
    field = TimestampField(
        headers=fields.headers(),
        prefix=fields.text("prefix", "") or None,
        pointer=fields.pointer(),
        unit=cast(Unit, fields.choice("unit", get_args(Unit), "seconds")),
    )
    fields.finish()
    if [bool(field.headers), bool(field.prefix), bool(field.pointer)].count(True) != 1:
        raise InvalidScheme(
            "scheme.timestamp needs one of a header, the prefix of an item in the signature header, "
            "and a pointer into the body"
        )
    return field


def _location(fields: "_Fields | None") -> Location | None:
    if fields is None:
        return None
    location = Location(headers=fields.headers(), pointer=fields.pointer(), form=fields.text("form", "") or None)
    fields.finish()
    if [bool(location.headers), bool(location.pointer), bool(location.form)].count(True) != 1:
        raise InvalidScheme(f"{fields.where} needs one of a header, a pointer and a field of a form")
    return location


def _claims(fields: "_Fields | None") -> Claims | None:
    if fields is None:
        return None
    claims = Claims(
        time=fields.text("time", "iat"),
        body_sha256=fields.text("body_sha256", ""),
        url_sha256=fields.text("url_sha256", "") or None,
        issuer=fields.text("issuer", "") or None,
    )
    fields.finish()
    if not claims.body_sha256:
        raise InvalidScheme("scheme.claims needs body_sha256, or the body would be free for anybody to change")
    return claims


def _check(scheme: Scheme) -> None:
    if (scheme.kind == "unsigned") != (scheme.signature is None):
        raise InvalidScheme("scheme.signature must say where the signature is, except for kind unsigned")
    if (scheme.kind == "jwt") != (scheme.claims is not None):
        raise InvalidScheme("scheme.claims is for kind jwt, and needed there")
    if scheme.kind in ("token", "unsigned", "jwt", "message-signature"):
        if scheme.timestamp is not None:
            raise InvalidScheme(f"scheme.timestamp is not for kind {scheme.kind}, which signs no such time")
        if scheme.signed != ("{body}",) or scheme.digest_parameter is not None:
            raise InvalidScheme(f"scheme.signed and scheme.body_digest are not for kind {scheme.kind}: it needs none")
        return
    _check_signed(scheme)


def _check_signed(scheme: Scheme) -> None:
    signed, timestamp = scheme.signed, scheme.timestamp
    if scheme.signature and scheme.signature.pointer:
        if "{body}" in signed or not any(part.startswith("{/") or part == "{timestamp}" for part in signed):
            raise InvalidScheme("scheme.signed can't contain {body} with the signature in it: name what is signed")
    elif (signed.count("{body}") + signed.count("{params}")) != 1:
        raise InvalidScheme("scheme.signed must contain {body} once, or the body would be free for anybody to change")
    if scheme.digest_parameter is not None and "{url}" not in signed:
        raise InvalidScheme("scheme.body_digest is in the signed URL: scheme.signed must contain {url}")
    in_signed_body = timestamp is not None and timestamp.pointer is not None and "{body}" in signed
    if not in_signed_body and ("{timestamp}" in signed) != (timestamp is not None):
        raise InvalidScheme("scheme.timestamp goes with {timestamp} in scheme.signed: an unsigned time proves nothing")
    if scheme.signs_id and not _is_set_off(signed):
        raise InvalidScheme("scheme.signed must have a text after {id}, or the id could be taken for what follows it")
    if scheme.signs_id and not (scheme.id and scheme.id.headers):
        raise InvalidScheme("scheme.signed has {id}, so scheme.id must name the header it is in")
    if timestamp is not None and timestamp.prefix and not (scheme.signature and scheme.signature.separator):
        raise InvalidScheme(
            "scheme.timestamp.prefix needs scheme.signature.separator, which splits the header into items"
        )


def _is_set_off(signed: tuple[str, ...]) -> bool:
    after = signed[signed.index("{id}") + 1 :][:1]
    return bool(after) and not _PLACEHOLDER.fullmatch(after[0])


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

    def headers(self) -> tuple[str, ...]:
        one, several = self._left.pop("header", None), self._left.pop("headers", None)
        names = [one] if one else several or []
        if one and several:
            raise InvalidScheme(f"{self.where} has header and headers: name several spellings in headers alone")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InvalidScheme(f"{self.where}.headers must be a list of names")
        if not all(_HEADER_NAME.fullmatch(name) for name in names):
            raise InvalidScheme(f"{self.where}.header must be the name of a header")
        return tuple(names)

    def pointer(self) -> str | None:
        value = self.text("pointer", "")
        if value and not value.startswith("/"):
            raise InvalidScheme(f"{self.where}.pointer must begin with /, as in /event/id")
        return value or None

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
