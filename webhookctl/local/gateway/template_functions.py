"""`$util` in mapping templates.

API Gateway Developer Guide, "Variables for data transformations for API Gateway", $util. The functions are Java's
(java.net.URLEncoder, commons-lang's StringEscapeUtils), so these follow Java.
"""

import base64
import binascii
import json
import re
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from webhookctl.local.gateway.template_values import to_template_value


class _Replacements(dict[str, str]):
    """A character's replacement, worked out at its first use. Bounded by Unicode, in practice by what webhooks hold."""

    def __init__(self, replace: Callable[[str], str]) -> None:
        super().__init__()
        self._replace = replace

    def __missing__(self, char: str) -> str:
        self[char] = self._replace(char)
        return self[char]


def _script_escaped(char: str) -> str:
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    utf16 = char.encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"\\u{utf16[start : start + 4]}" for start in range(0, len(utf16), 4))


# commons-lang 2's escapeJavaScript, the slash and the apostrophe included.
_SHORT_ESCAPES = {
    "'": "\\'",
    '"': '\\"',
    "\\": "\\\\",
    "/": "\\/",
    "\b": "\\b",
    "\n": "\\n",
    "\t": "\\t",
    "\f": "\\f",
    "\r": "\\r",
}
_FORM_KEPT = f"{string.ascii_letters}{string.digits}.*_-".encode()
_FORM_ENCODED = [(bytes((byte,)), b"+" if byte == ord(" ") else b"%%%02X" % byte) for byte in range(256)]
_SCRIPT_UNSAFE = re.compile(r"""['"\\/\x00-\x1f\x80-\U0010ffff]""")
_SCRIPT_ESCAPED = _Replacements(_script_escaped)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def url_encode(value: object) -> str:
    """Form encoding as java.net.URLEncoder does it in UTF-8.

    A space is `+`, only letters, digits and `*-._` stay; null is empty.
    """
    # Java encodes an unpaired surrogate as the question mark that its charset encoder puts there, as Python's does.
    encoded = _text(value).encode("utf-8", "replace")
    # Byte by byte of those that occur, which are few; first the two that the others become.
    encoded = encoded.replace(b"%", b"%25").replace(b"+", b"%2B")
    for byte in set(encoded.translate(None, _FORM_KEPT + b"%")):
        encoded = encoded.replace(*_FORM_ENCODED[byte])
    return encoded.decode("ascii")


def url_decode(value: object) -> str:
    """The reverse, as java.net.URLDecoder: malformed percent signs are an error, malformed UTF-8 is U+FFFD."""
    text = _text(value)
    if _BAD_PERCENT.search(text):
        raise ValueError("an incomplete escape in urlDecode")
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def base64_encode(value: object) -> str:
    """Base64 of the text's UTF-8."""
    return base64.b64encode(_text(value).encode("utf-8", "replace")).decode()


def base64_decode(value: object) -> str:
    """The text whose UTF-8 this is the base64 of; bytes that are not UTF-8 become U+FFFD."""
    try:
        return base64.b64decode(_text(value)).decode("utf-8", "replace")
    except binascii.Error as error:
        raise ValueError("base64Decode of something else") from error


def escape_java_script(value: object) -> str:
    """commons-lang's escapeJavaScript: not JSON, for an apostrophe becomes `\\'`; all but ASCII becomes `\\uXXXX`."""
    return _SCRIPT_UNSAFE.sub(lambda match: _SCRIPT_ESCAPED[match[0]], _text(value))


def parse_json(value: object) -> Any:
    """The value that a JSON text holds, navigable in a template."""
    return to_template_value(json.loads(_text(value)))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"$util takes text, not a {type(value).__name__}")


class TemplateFunctions:
    """The object that a template calls `$util`."""

    METHODS = frozenset(
        ("urlEncode", "urlDecode", "base64Encode", "base64Decode", "escapeJavaScript", "parseJson"),
    )

    urlEncode = staticmethod(url_encode)  # noqa: N815  # the names are Velocity's
    urlDecode = staticmethod(url_decode)  # noqa: N815
    base64Encode = staticmethod(base64_encode)  # noqa: N815
    base64Decode = staticmethod(base64_decode)  # noqa: N815
    escapeJavaScript = staticmethod(escape_java_script)  # noqa: N815
    parseJson = staticmethod(parse_json)  # noqa: N815

    def __getitem__(self, name: str) -> None:
        """No properties, only methods."""


UTIL = TemplateFunctions()
