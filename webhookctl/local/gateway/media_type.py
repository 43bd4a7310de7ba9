"""Media types: which template answers to one, whether one is binary, and what becomes of a payload.

API Gateway Developer Guide, "Content type conversions in API Gateway"; what the tables leave open is taken from
LocalStack's recordings against AWS (localstack/localstack pull requests 12199 and 12215).
"""

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

from webhookctl.local.gateway.model import CONVERT_TO_BINARY, CONVERT_TO_TEXT

JSON = "application/json"

T = TypeVar("T")


class NotConvertible(ValueError):
    """The payload cannot become what is asked for: text that is no base64, or binary data in front of a template."""


@lru_cache(maxsize=256)
def essence(header: str | None) -> str | None:
    """The first media type of a header, without parameters, in lower case; None when there is none."""
    if not header:
        return None
    return header.split(",", 1)[0].split(";", 1)[0].strip().lower() or None


def chosen(templates: Mapping[str, T], media_type: str | None) -> tuple[str, T] | None:
    """The template for a media type and the type it is filed under.

    A request without a type takes that of `application/json`.
    """
    wanted = media_type or JSON
    return (wanted, templates[wanted]) if wanted in templates else None


def chosen_or_default(templates: Mapping[str, T], media_type: str | None) -> tuple[str, T] | None:
    """The same for responses.

    `application/json` when the type the client accepts has none, else whichever comes first.
    """
    found = chosen(templates, media_type) or chosen(templates, JSON)
    return found or next(iter(templates.items()), None)


def is_binary(media_type: str | None, binary_media_types: tuple[str, ...]) -> bool:
    """Whether a type is one of the API's binary types, `image/*` and `*/*` included; `*/x` matches nothing there."""
    if media_type is None:
        return False
    kind = media_type.partition("/")[0]
    return media_type in binary_media_types or f"{kind}/*" in binary_media_types or "*/*" in binary_media_types


def request_text(body: bytes, *, binary: bool, content_handling: str | None) -> str:
    """A request's payload as a template sees it. Raises NotConvertible where API Gateway has no text to show."""
    if content_handling == CONVERT_TO_BINARY or (binary and content_handling is None):
        raise NotConvertible("a template cannot take binary data")
    return base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")


def response_payload(body: bytes, *, binary: bool, accepts_binary: bool, content_handling: str | None) -> str | bytes:
    """A backend's answer as the response template sees it, or bytes where it is binary data.

    `binary`: the answer's own type is a binary type of the API. `accepts_binary`: the type the client accepts is one.
    Raises NotConvertible when text is to be decoded from base64 and is not.
    """
    as_text = content_handling == CONVERT_TO_TEXT or (content_handling is None and not accepts_binary)
    if binary:
        return base64.b64encode(body).decode() if as_text else body
    if as_text:
        return body.decode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise NotConvertible("the answer is not base64") from error
