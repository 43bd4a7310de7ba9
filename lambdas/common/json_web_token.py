"""JSON Web Tokens (RFC 7519) that vouch for a request through digests of its body and its URL."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any, NamedTuple

from common.reasons import NotGenuine, Reason
from common.scheme import Algorithm, Claims

MAX_CHARACTERS = 8192

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Token(NamedTuple):
    """A token, read but not believed. Times are epoch seconds; without a claim, `body_sha256` is that of no body."""

    signed: bytes
    signature: str
    signed_at: float
    expires_at: float | None
    body_sha256: bytes


def read_token(text: str, algorithm: Algorithm, claims: Claims, urls: tuple[str, ...]) -> Token:
    """Reads a token in compact form (RFC 7515, 7.1) that claims to be for one of the URLs. Raises NotGenuine."""
    match = _TOKEN.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    if match is None:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    header, payload = _object(match[1]), _object(match[2])
    # The scheme says which algorithm it is, never the token (RFC 8725, 3.1); an extension in `crit` is none we know.
    if header.get("alg") != algorithm or "crit" in header:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    if claims.issuer is not None and payload.get("iss") != claims.issuer:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    if claims.url_sha256 is not None:
        _check_url(payload.get(claims.url_sha256), urls)
    return Token(
        signed=f"{match[1]}.{match[2]}".encode("ascii"),
        signature=match[3],
        signed_at=_time(payload.get(claims.time)),
        expires_at=_time(payload["exp"]) if "exp" in payload else None,
        body_sha256=_digest(payload.get(claims.body_sha256)),
    )


def encode(value: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")


def decode(text: str) -> bytes:
    """The opposite of `encode`, for any text of its alphabet. Raises ValueError for a length that none has."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(decode(part))
    except (ValueError, RecursionError):
        raise NotGenuine(Reason.MALFORMED_SIGNATURE) from None
    if not isinstance(value, dict):
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return value


def _check_url(claimed: object, urls: tuple[str, ...]) -> None:
    given = _digest(claimed)
    if not any(
        hmac.compare_digest(given, hashlib.sha256(url.encode("utf-8", "surrogatepass")).digest()) for url in urls
    ):
        raise NotGenuine(Reason.URL_MISMATCH)


def _digest(claimed: object) -> bytes:
    if claimed is None:
        return hashlib.sha256(b"").digest()
    if not isinstance(claimed, str) or not _SHA256.fullmatch(claimed):
        raise NotGenuine(Reason.MALFORMED_DIGEST)
    return bytes.fromhex(claimed)


def _time(claimed: object) -> float:
    # NumericDate may have a fraction (RFC 7519, section 2); JSON's NaN and Infinity are no time.
    if isinstance(claimed, bool) or not isinstance(claimed, int | float) or not 0 < claimed < 1e11:
        raise NotGenuine(Reason.MALFORMED_TIMESTAMP)
    return float(claimed)
