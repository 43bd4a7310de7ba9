"""A source's live keys: read from the secret's text, compared in constant time, named by an opaque id."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Final

from common.scheme import Digest, KeyEncoding

_P256_COORDINATE_BYTES = 32


class InvalidKey(ValueError):
    """The secret's text holds no usable key: a fault of ours, never of the request."""


class Key:
    """One key. `id` names it in logs and events without telling anything of use about it."""

    def __init__(self, value: bytes) -> None:
        self.value: Final = value
        # By digest the inner and the outer hash that have taken the padded key, to be copied.
        self._pads: dict[Digest, tuple[hashlib._Hash, hashlib._Hash]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return "Key()"

    @cached_property
    def id(self) -> str:
        """Eight hexadecimal digits that stay the same for the same key."""
        return hmac.digest(self.value, b"scalable-webhook key id", hashlib.sha256).hex()[:8]

    def mac(self, digest: Digest, parts: Iterable[bytes]) -> bytes:
        """The HMAC (RFC 2104) of what these parts are together.

        `hmac.digest` gives the same, and looks for the algorithm and hashes the padded key anew each time: that takes
        as long as a kilobyte of a body.
        """
        pads = self._pads.get(digest) or self._padded(digest)
        inner, outer = pads[0].copy(), pads[1].copy()
        for part in parts:
            inner.update(part)
        outer.update(inner.digest())
        return outer.digest()

    def hash(self, digest: Digest, parts: Iterable[bytes]) -> bytes:
        """The plain hash of the key and what these parts are together."""
        hashed = hashlib.new(digest, self.value)
        for part in parts:
            hashed.update(part)
        return hashed.digest()

    def _padded(self, digest: Digest) -> "tuple[hashlib._Hash, hashlib._Hash]":
        block_bytes = hashlib.new(digest).block_size
        key = self.value if len(self.value) <= block_bytes else hashlib.new(digest, self.value).digest()
        inner, outer = (bytes(octet ^ pad for octet in key.ljust(block_bytes, b"\0")) for pad in (0x36, 0x5C))
        self._pads[digest] = hashlib.new(digest, inner), hashlib.new(digest, outer)
        return self._pads[digest]


def read_keys(versions: Sequence[str], encoding: KeyEncoding) -> tuple[Key, ...]:
    """The keys in a secret's live versions, newest first, each once. A version is one key, or a JSON list of keys.

    Raises InvalidKey when the newest has none, or one not in the scheme's encoding. An older one without usable keys
    counts for nothing: it is what a wrong value becomes once the right one is put.
    """
    if not versions:
        raise InvalidKey("there is no key")
    keys = _keys(versions[0], encoding)
    for version in versions[1:]:
        with suppress(InvalidKey):
            keys += _keys(version, encoding)
    return tuple(dict.fromkeys(keys))


def _keys(version: str, encoding: KeyEncoding) -> list[Key]:
    return [Key(_decode(text, encoding)) for text in _texts(version, encoding)]


def _texts(version: str, encoding: KeyEncoding) -> list[str]:
    text = version.strip()  # a file given to the AWS CLI ends with a line feed that is not part of the key
    if not text.startswith(("[", "{")):
        return [text]
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    if encoding == "jwk" and listed != []:
        return [json.dumps(key) for key in (listed if isinstance(listed, list) else [listed])]
    # An object is what the console makes of "key/value": taken for a key, it would have every webhook quarantined.
    if not isinstance(listed, list) or not listed or not all(isinstance(item, str) for item in listed):
        raise InvalidKey("a secret in JSON must be a list of texts, and at least one")
    return [item.strip() for item in listed]


def _decode(text: str, encoding: KeyEncoding) -> bytes:
    try:
        value = _DECODERS[encoding](text)
    except (ValueError, RecursionError):
        raise InvalidKey(f"the key is not in the encoding {encoding}") from None  # the cause could quote the key
    if not value:
        raise InvalidKey("the key is empty")
    return value


def _from_base64(text: str) -> bytes:
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode("ascii") != text:
        raise ValueError("not canonical")
    return value


def _after(prefix: str) -> Callable[[str], bytes]:
    def decode(text: str) -> bytes:
        if not text.startswith(prefix):
            raise ValueError("no prefix")
        return _from_base64(text.removeprefix(prefix))

    return decode


def _credentials(text: str) -> bytes:
    if ":" not in text:
        raise ValueError("not user:password")
    return base64.b64encode(text.encode("utf-8"))


def _from_jwk(text: str) -> bytes:
    """The uncompressed point of a key on P-256 (RFC 7518, 6.2)."""
    key = json.loads(text)
    if not isinstance(key, dict) or (key.get("kty"), key.get("crv")) != ("EC", "P-256"):
        raise ValueError("not a key on P-256")
    coordinates = [base64.b64decode(str(key.get(name)) + "=", altchars=b"-_", validate=True) for name in ("x", "y")]
    if any(len(coordinate) != _P256_COORDINATE_BYTES for coordinate in coordinates):
        raise ValueError("not a point")
    return b"\x04" + b"".join(coordinates)


_DECODERS: dict[KeyEncoding, Callable[[str], bytes]] = {
    "utf8": lambda text: text.encode("utf-8"),
    "base64": _from_base64,
    "hex": bytes.fromhex,
    "base64-after-whsec_": _after("whsec_"),
    "base64-after-whpk_": _after("whpk_"),
    "basic": _credentials,
    "jwk": _from_jwk,
}
