"""Which event this is: the sender's own id, or a digest of what was signed."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from common.scheme import Scheme
from common.signature import Head, signed_material

_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TYPE = re.compile(r"[\x20-\x7e]{1,255}")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")  # of an array, in a JSON pointer: RFC 6901, section 4


@dataclass(frozen=True, slots=True)
class Identity:
    """`id` is the same for every delivery of one event, where the sender gives one; `type` is empty where unknown."""

    id: str
    type: str


def identify(scheme: Scheme, head: Head, type_header: str | None, body: bytes) -> Identity:
    """The identity of a verified event. Never raises: without the id that the scheme points to it is a digest."""
    pointers = [location.pointer for location in (scheme.id, scheme.type) if location and location.pointer]
    document = _document(body) if pointers else None
    event_id = head.id or _pointed(document, scheme.id.pointer if scheme.id else None)
    event_type = type_header or _pointed(document, scheme.type.pointer if scheme.type else None)
    return Identity(
        id=event_id if _ID.fullmatch(event_id) else digest_id(scheme, head, body),
        type=event_type if _TYPE.fullmatch(event_type) else "",
    )


def digest_id(scheme: Scheme, head: Head, body: bytes) -> str:
    """The id of an event whose sender gives none."""
    return "sha256:" + hashlib.sha256(signed_material(scheme, head, body)).hexdigest()


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _pointed(document: Any, pointer: str | None) -> str:
    if pointer is None:
        return ""
    for token in pointer.split("/")[1:]:
        document = _member(document, token.replace("~1", "/").replace("~0", "~"))
    is_number = isinstance(document, int) and not isinstance(document, bool)
    return str(document) if isinstance(document, str) or is_number else ""


def _member(document: Any, token: str) -> Any:
    if isinstance(document, dict):
        return document.get(token)
    if isinstance(document, list) and _INDEX.fullmatch(token) and int(token) < len(document):
        return document[int(token)]
    return None
