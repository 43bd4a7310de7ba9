"""The sender's side: headers and bodies as a sender of a scheme would make them. Pure but for fresh ids."""

import json
import re
import uuid
from typing import Any

from common.keys import InvalidKey, Key, read_keys
from common.scheme import Location, Scheme
from common.signature import sign
from webhookctl.failure import Failure, WrongUsage

_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TYPE = re.compile(r"[\x20-\x7e]{1,255}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")


def fresh_id() -> str:
    """An event id that was never used before."""
    return str(uuid.uuid4())


def first_key(secret: str, scheme: Scheme, origin: str) -> Key | None:
    """The key to sign with: of a list the first. None for an unsigned scheme. `origin` says where the secret is."""
    if scheme.kind == "unsigned":
        return None
    try:
        return read_keys([secret], scheme.key_encoding)[0]
    except InvalidKey as error:
        raise Failure(f"The secret in {origin} can't be used: {error}.") from None


def check_given(scheme: Scheme, event_id: str | None, event_type: str | None) -> None:
    """Raises WrongUsage for an id or a type that this scheme has no header for, or that no header can carry."""
    _check_header("--id", event_id, scheme.id, _ID)
    _check_header("--type", event_type, scheme.type, _TYPE)


def sender_headers(
    scheme: Scheme, key: Key | None, body: bytes, *, at: float, event_id: str, event_type: str | None = None
) -> dict[str, str]:
    """The headers a sender would send with this body at the time `at` (epoch seconds), but for Content-Type."""
    headers = {}
    if scheme.type and scheme.type.header and event_type:
        headers[scheme.type.header] = event_type
    if scheme.id and scheme.id.header:
        headers[scheme.id.header] = event_id
    if key is not None:
        timestamp = str(int(at * scheme.timestamp.per_second)) if scheme.timestamp else ""
        headers |= sign(scheme, key, timestamp=timestamp, event_id=event_id, body=body)
    if not all(_HEADER_VALUE.fullmatch(value) for value in headers.values()):
        raise Failure("The secret can't be sent in a header: it has characters other than printable ASCII.")
    return headers


def with_id(body: bytes, pointer: str, event_id: str) -> bytes:
    """The body with another id at the JSON pointer; the same bytes when it is not a JSON object with such a place."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return body
    *parents, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    place: Any = document
    for token in parents:
        place = place.get(token) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        return body
    place[last] = event_id
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _check_header(option: str, value: str | None, location: Location | None, form: re.Pattern[str]) -> None:
    if value is None:
        return
    if location is None:
        raise WrongUsage(f"{option} has no place in this scheme.")
    if location.pointer:
        raise WrongUsage(f"{option} has no header in this scheme: it is in the body, at {location.pointer}.")
    if not form.fullmatch(value):
        raise WrongUsage(f"{option} must be 1 to 255 visible ASCII characters.")
