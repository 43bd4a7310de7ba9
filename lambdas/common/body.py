"""Reading a body that nobody vouches for yet: never raises for what is in it, gives None instead."""

import json
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

MAX_FORM_FIELDS = 1000

_INDEX = r"0|[1-9][0-9]{0,8}"  # of an array, in a JSON pointer: RFC 6901, section 4


def document_of(body: bytes) -> Any:
    """The JSON document; None where there is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def pointed(document: Any, pointer: str) -> str | None:
    """The text or the integer, as text, at a JSON pointer (RFC 6901); None where there is nothing of the kind."""
    for token in pointer.split("/")[1:]:
        document = _member(document, token.replace("~1", "/").replace("~0", "~"))
    if isinstance(document, str):
        return document
    is_number = isinstance(document, int) and not isinstance(document, bool)
    return _decimal(document) if is_number else None


def form_of(body: bytes) -> Mapping[str, Sequence[str]] | None:
    """The fields of a form (application/x-www-form-urlencoded) with their values; None where it is none."""
    if not body:
        return {}
    try:
        return urllib.parse.parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except ValueError:
        return None


def _member(document: Any, token: str) -> Any:
    if isinstance(document, dict):
        return document.get(token)
    if isinstance(document, list) and re.fullmatch(_INDEX, token) and int(token) < len(document):
        return document[int(token)]
    return None


def _decimal(number: int) -> str | None:
    try:
        return str(number)
    except ValueError:  # of thousands of digits: sys.get_int_max_str_digits
        return None
