"""A fuzzer's input, as bytes and as what it stands for: a request, the secret of its source and the scheme it is for.

The bytes are fields with a separator between, so that a mutation of one leaves the others alone. What is repeated in a
text is written once, so that a megabyte takes few bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.headers import Headers
from common.scheme import Scheme, load, presets

MAX_FIELD_BYTES = 1 << 20
MAX_LIVE_VERSIONS = 2  # AWSCURRENT and AWSPREVIOUS

CUSTOM_SCHEMES: Mapping[str, Mapping[str, Any]] = {
    "everything-in-the-head": {
        "digest": "sha512",
        "signature": {"header": "X-Signature", "prefix": "s=", "separator": ";", "encoding": "base64"},
        "timestamp": {"prefix": "t=", "unit": "milliseconds"},
        "signed": "{id}|{timestamp}|{method}|{url}|{body}",
        "id": {"headers": ["X-Id", "X-Event-Id"]},
        "type": {"form": "type"},
    },
    "everything-in-the-body": {
        "digest": "sha1",
        "signature": {"pointer": "/meta/0/signature", "separator": " "},
        "timestamp": {"pointer": "/meta/0/time~1~0", "unit": "iso8601"},
        "signed": "{timestamp}{/meta/0/token}",
        "id": {"pointer": "/meta/0/token"},
    },
    "hash-of-a-form": {
        "kind": "hash",
        "key_encoding": "hex",
        "signature": {"headers": ["X-Hash", "X-Old-Hash"]},
        "signed": "{method}{url}{params}",
        "id": {"form": "id"},
    },
    "ed25519-with-a-date": {
        "kind": "ed25519",
        "key_encoding": "hex",
        "signature": {"headers": ["X-Signature-1", "X-Signature-2"], "encoding": "base64"},
        "timestamp": {"header": "X-Date", "unit": "iso8601"},
        "signed": "{timestamp}{body}",
    },
    "token-of-a-public-key": {
        "kind": "jwt",
        "algorithm": "ES256",
        "key_encoding": "jwk",
        "signature": {"header": "X-Token"},
        "claims": {"body_sha256": "body", "url_sha256": "url"},
    },
    "token-of-anybody": {
        "kind": "jwt",
        "signature": {"header": "X-Token"},
        "claims": {"body_sha256": "body", "time": "nbf"},
    },
}
DESCRIPTIONS: Mapping[str, Mapping[str, Any]] = {**presets(), **CUSTOM_SCHEMES}
SCHEMES: Mapping[str, Scheme] = {name: load(description) for name, description in DESCRIPTIONS.items()}

_FIELDS, _VALUES, _REPEATED = b"\x1e", "\x1f", b"\x1d"
_SIGNED = b"signed"
_OTHER_HEADERS = ("content-type", "content-length", "date")
_NAMES = tuple(SCHEMES)


@dataclass(frozen=True)
class Case:
    """A request to a source. `signed`: its headers are laid over those of a genuine request."""

    scheme: str
    signed: bool = True
    received_at: int = 1_700_000_000
    secrets: Sequence[str] = ("secret",)
    url: str = "https://hooks.example.com/dev/webhooks/x"
    body: bytes = b'{"id":"evt-1","type":"created"}'
    headers: Headers = field(default_factory=dict)


def write_case(case: Case) -> bytes:
    """The bytes of a case that has none of the separators in it."""
    values = [_VALUES.join(case.headers.get(name, ())) for name in _header_names(case.scheme)]
    head = (_SIGNED if case.signed else b"", str(case.received_at).encode(), _encoded(_VALUES.join(case.secrets)))
    return _FIELDS.join((case.scheme.encode(), *head, _encoded(case.url), case.body, *map(_encoded, values)))


def read_case(data: bytes) -> Case:
    """The case that any bytes stand for."""
    name, signed, received_at, secrets, url, body, *values = [
        _repeated(field) for field in (data + 6 * _FIELDS).split(_FIELDS)
    ]
    scheme = name.decode("latin-1") if name.decode("latin-1") in SCHEMES else _NAMES[sum(name) % len(_NAMES)]
    headers = zip(_header_names(scheme), values, strict=False)
    return Case(
        scheme=scheme,
        signed=signed == _SIGNED,
        received_at=int(received_at[:10]) if received_at.isdigit() else Case.received_at,
        secrets=_decoded(secrets).split(_VALUES)[:MAX_LIVE_VERSIONS],
        url=_decoded(url),
        body=body,
        headers={header: _decoded(value).split(_VALUES) for header, value in headers if value},
    )


def _header_names(scheme: str) -> Sequence[str]:
    return tuple(dict.fromkeys((*SCHEMES[scheme].header_names, *_OTHER_HEADERS)))


def _repeated(field: bytes) -> bytes:
    """Of `before, mark, letter, unit, mark, after` the unit many times: a power of two that the letter stands for."""
    before, *middle = field.split(_REPEATED, 2)
    if len(middle) < 2 or len(middle[0]) < 2:
        return field
    unit, after = middle[0][1:], middle[1]
    times = min(1 << middle[0][0] % 21, MAX_FIELD_BYTES // len(unit))
    return before + unit * times + after


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoded(field: bytes) -> str:
    return field.decode("utf-8", "surrogateescape")
