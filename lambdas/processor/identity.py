"""Which event this is: the sender's own id, or a digest of what was signed."""

import hashlib
import re
from typing import Any, NamedTuple

from common.body import document_of, form_of, pointed
from common.headers import Headers
from common.scheme import Location, Scheme
from common.signature import Head, signed_material

_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TYPE = re.compile(r"[\x20-\x7e]{1,255}")


class Identity(NamedTuple):
    """`id` is the same for every delivery of one event, where the sender gives one; `type` is empty where unknown.

    `sender_id` is the id that the sender gives, empty where it gives none.
    """

    id: str
    type: str
    sender_id: str


def identify(scheme: Scheme, head: Head, headers: Headers, body: bytes) -> Identity:
    """The identity of a verified event. Never raises: without the id that the scheme points to it is a digest."""
    in_document = any(location and location.pointer for location in (scheme.id, scheme.type))
    document = document_of(body) if in_document else None
    event_id = head.id or _found(scheme.id, {}, body, document)
    event_type = _found(scheme.type, headers, body, document)
    sender_id = event_id if _ID.fullmatch(event_id) else ""
    return Identity(
        id=sender_id or digest_id(scheme, head, body),
        type=event_type if _TYPE.fullmatch(event_type) else "",
        sender_id=sender_id,
    )


def digest_id(scheme: Scheme, head: Head, body: bytes) -> str:
    """The id of an event whose sender gives none."""
    return "sha256:" + _digest(signed_material(scheme, head, body))


def content_digest(scheme: Scheme, head: Head, body: bytes) -> str:
    """SHA-256 (hexadecimal) of what makes two bodies one: their bytes, or what is signed of them.

    Of a form its parameters are signed, which can be written in many ways by whoever has a genuine one.
    """
    of_parameters = "{params}" in scheme.signed and not head.digests
    return _digest(signed_material(scheme, head, body) if of_parameters else body)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _found(location: Location | None, headers: Headers, body: bytes, document: Any) -> str:
    if location is None:
        return ""
    if location.pointer:
        return pointed(document, location.pointer) or ""
    if location.form:
        return ((form_of(body) or {}).get(location.form) or [""])[0]
    values = [value for name in location.headers for value in headers.get(name.lower(), ())]
    return values[0].strip(" \t") if values else ""
