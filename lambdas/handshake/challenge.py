"""The challenges that senders POST to the webhook URL itself: which body is one, and what its answer is. Pure.

Slack: https://docs.slack.dev/reference/events/url_verification
Zoom: https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from common.body import document_of, pointed
from common.keys import Key
from common.reasons import NotGenuine, Reason

Kind = Literal["slack", "zoom"]

KINDS: tuple[Kind, ...] = ("slack", "zoom")
MAX_BYTES = 4096
"""Challenges have some 200 bytes. Nothing larger is parsed: nobody vouches for it yet."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A challenge has the text `mark` at the JSON pointer `mark_pointer`, and what is asked at `text_pointer`."""

    mark_pointer: str
    mark: str
    text_pointer: str
    text: re.Pattern[str]


_FORMS: Mapping[Kind, _Form] = {
    "slack": _Form("/type", "url_verification", "/challenge", re.compile(r"[A-Za-z0-9+/=._~-]{1,200}")),
    # Zoom's answer is an HMAC under the key that signs webhooks. A signed webhook is "v0:<timestamp>:<body>", so that
    # without a colon no answer is ever the signature of one: do not widen this alphabet.
    "zoom": _Form("/event", "endpoint.url_validation", "/payload/plainToken", re.compile(r"[A-Za-z0-9_-]{1,100}")),
}


def challenge_in(kind: Kind, body: bytes) -> str | None:
    """The text of the challenge that this body is, not believed yet; None for every other body. Never raises."""
    form = _FORMS[kind]
    document = document_of(body) if len(body) <= MAX_BYTES else None
    if pointed(document, form.mark_pointer) != form.mark:
        return None
    return pointed(document, form.text_pointer) or ""


def answer_to(kind: Kind, text: str, key: Key) -> dict[str, str]:
    """The answer to a challenge that this key signed. Raises NotGenuine for a text that no such sender asks about."""
    if not _FORMS[kind].text.fullmatch(text):
        raise NotGenuine(Reason.MALFORMED_BODY)
    if kind == "slack":
        return {"challenge": text}
    return {"plainToken": text, "encryptedToken": hmac.digest(key.value, text.encode("ascii"), hashlib.sha256).hex()}
