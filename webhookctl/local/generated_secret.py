"""A fresh secret for a source, as text in the form that its scheme expects."""

import base64
import secrets

from common.scheme import Scheme

KEY_BYTES = 32


def generated_secret(scheme: Scheme) -> str:
    """A new random secret; different at every call."""
    key = secrets.token_bytes(KEY_BYTES)
    match scheme.key_encoding:
        case "base64":
            return base64.b64encode(key).decode()
        case "base64-after-whsec_":
            return "whsec_" + base64.b64encode(key).decode()
        case _:  # hexadecimal digits are a key for hex, and a text like any other for utf8
            return key.hex()
