"""A sender's side of every scheme: what it would send with a body. `common.signature` is the receiver's."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from common.body import document_of, form_of, pointed
from common.headers import gather
from common.json_web_token import encode
from common.keys import Key
from common.message_signature import read_message_signature
from common.reasons import NotGenuine, Reason
from common.scheme import Algorithm, Claims, Scheme, Unit
from common.signature import Head, expected_signature, signed_material

TOKEN_SECONDS = 60
"""How long a token is good for, as MessageBird's are."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as its sender would send it: `query` is what it adds to the URL, `body` what it sends."""

    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    body: bytes = b""


def sign(
    scheme: Scheme,
    key: Key | None,
    body: bytes,
    *,
    at: float,
    event_id: str = "",
    event_type: str = "",
    url: str = "",
) -> Signed:
    """Signs a body as of the time `at` (epoch seconds), for a webhook that goes to `url`.

    A scheme that has its signature or its time in the body gets them written into it, where the body is a JSON object.
    Not for a scheme with a public key, whose private one only the sender has. Raises NotGenuine for a body or a URL
    that the scheme can't sign.
    """
    headers = _named_headers(scheme, event_id, event_type)
    if scheme.kind == "unsigned" or key is None:
        return Signed(headers, body=body)
    if scheme.kind == "message-signature":
        covered = tuple(scheme.id.headers) if scheme.id and event_id else ()
        added = sign_message(
            headers, "POST", url, body, _mac(scheme, key), created=int(at), key_id=key.id, covered=covered
        )
        return Signed(headers | added, body=body)
    if scheme.claims and scheme.signature:
        token = _write_token(scheme.claims, scheme.algorithm, url, body, int(at), event_id, _mac(scheme, key))
        return Signed(headers | {scheme.signature.headers[0]: token}, body=body)
    return _sign_parts(scheme, key, body, headers, at=at, event_id=event_id, url=url)


def sign_message(
    headers: Mapping[str, str],
    method: str,
    url: str,
    body: bytes,
    mac: Callable[[bytes], str],
    *,
    created: int,
    nonce: str | None = None,
    expires: int | None = None,
    key_id: str | None = None,
    covered: Iterable[str] = (),
) -> dict[str, str]:
    """The headers that a sender adds (RFC 9421, section 3.1): the reader's other side. `mac` gives base64 of an HMAC.

    `covered` names further headers to sign. Raises NotGenuine for whatever the reader would refuse.
    """
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
    names = ("@method", "@authority", "@path", "content-digest", *(name.lower() for name in covered))
    times = f";created={created}" + (f";expires={expires}" if expires is not None else "")
    texts = {"nonce": nonce, "keyid": key_id, "alg": "hmac-sha256"}
    parameters = times + "".join(f";{name}={_quoted(text)}" for name, text in texts.items() if text is not None)
    added = {
        "Content-Digest": f"sha-256=:{digest}:",
        "Signature-Input": f"sig1=({' '.join(map(_quoted, names))}){parameters}",
        "Signature": f"sig1=:{'A' * 43}=:",  # to be read, as the receiver will read it, before it is known
    }
    others = {name: value for name, value in headers.items() if name.title() not in added}
    base = read_message_signature(gather([*others.items(), *added.items()]), method, url).base
    return added | {"Signature": f"sig1=:{mac(base)}:"}


def _named_headers(scheme: Scheme, event_id: str, event_type: str) -> dict[str, str]:
    headers = {}
    if scheme.type and scheme.type.headers and event_type:
        headers[scheme.type.headers[0]] = event_type
    if scheme.id and scheme.id.headers and event_id:
        headers[scheme.id.headers[0]] = event_id
    return headers


def _mac(scheme: Scheme, key: Key) -> Callable[[bytes], str]:
    return lambda material: expected_signature(scheme, key, material).decode("ascii")


def _sign_parts(
    scheme: Scheme, key: Key, body: bytes, headers: dict[str, str], *, at: float, event_id: str, url: str
) -> Signed:
    timestamp = _time_text(at, scheme.timestamp.unit) if scheme.timestamp else ""
    body = _with_time(scheme, body, timestamp, event_id)
    head = Head(timestamp=timestamp, id=event_id, method="POST", urls=(url,))
    query = ""
    if scheme.digest_parameter and (document_of(body) is not None or form_of(body) is None):
        digest = hashlib.sha256(body)
        query = f"{scheme.digest_parameter}={digest.hexdigest()}"
        head = head._replace(urls=(with_query(url, query),), digests=(("sha256", digest.digest()),))
    signature = expected_signature(scheme, key, signed_material(scheme, head, body)).decode("utf-8")
    if scheme.signature is None:
        return Signed(headers, query, body)
    if scheme.signature.pointer:
        return Signed(headers, query, written(body, {scheme.signature.pointer: signature}))
    items = [scheme.signature.prefix + signature]
    if scheme.timestamp and scheme.timestamp.prefix:
        items.insert(0, scheme.timestamp.prefix + timestamp)
    elif scheme.timestamp and scheme.timestamp.headers:
        headers[scheme.timestamp.headers[0]] = timestamp
    headers[scheme.signature.headers[0]] = (scheme.signature.separator or "").join(items)
    return Signed(headers, query, body)


def with_query(url: str, query: str) -> str:
    """The URL with this at the end of its query."""
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def written(body: bytes, values: dict[str, Any]) -> bytes:
    """The body with these values at their JSON pointers; the same bytes where it is not a JSON object."""
    document = document_of(body)
    if not isinstance(document, dict):
        return body
    for pointer, value in values.items():
        *parents, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
        place = document
        for token in parents:
            place = place.setdefault(token, {})
            if not isinstance(place, dict):
                return body
        place[last] = value
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _with_time(scheme: Scheme, body: bytes, timestamp: str, event_id: str) -> bytes:
    """The body with the time, and with whatever else of the signed material is in it and not there yet."""
    values: dict[str, Any] = {}
    if scheme.timestamp and scheme.timestamp.pointer:
        values[scheme.timestamp.pointer] = timestamp if scheme.timestamp.unit == "iso8601" else int(timestamp)
    document = document_of(body)
    for pointer in (part[1:-1] for part in scheme.signed if part.startswith("{/")):
        if pointed(document, pointer) is None:
            values[pointer] = event_id
    if values and not isinstance(document, dict):
        raise NotGenuine(Reason.MALFORMED_BODY)
    return written(body, values) if values else body


def _time_text(at: float, unit: Unit) -> str:
    if unit == "iso8601":
        return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(int(at * 1000) if unit == "milliseconds" else int(at))


def _write_token(
    claims: Claims, algorithm: Algorithm, url: str, body: bytes, at: int, token_id: str, mac: Callable[[bytes], str]
) -> str:
    payload: dict[str, Any] = {claims.time: at, "exp": at + TOKEN_SECONDS, "jti": token_id}
    if claims.issuer is not None:
        payload["iss"] = claims.issuer
    if claims.url_sha256 is not None:
        payload[claims.url_sha256] = hashlib.sha256(url.encode()).hexdigest()
    if body:
        payload[claims.body_sha256] = hashlib.sha256(body).hexdigest()
    parts = ({"typ": "JWT", "alg": algorithm}, payload)
    signed = ".".join(encode(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{mac(signed.encode())}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
