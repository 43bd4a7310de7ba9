"""Delivery to a partner: the event's exact body in a POST, signed as a Standard Webhook with the lane's own keys.

The partner gets the same `webhook-id` in every attempt, and must keep it: an attempt that was cut off after the partner
took the event is made again. Nothing that the partner writes is kept but its status, and when to come again.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import http.client
import re
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, cast

from common.keyring import KeyRing
from common.keys import InvalidKey, Key
from processor.effects import wire
from processor.effects.address import is_allowed
from processor.effects.fields import check_names, text
from processor.handling import AttemptFailed, Handle, HandlerEvent, PauseLane

USER_AGENT = "scalable-webhook"
MAX_ANSWER_BYTES = 16_384
MAX_TIMEOUT_SECONDS = 900
MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 1, 43_200
"""What of a Retry-After is taken at its word: twelve hours is how long a message can be hidden."""

_URL = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_SAFE_ID = re.compile(r"(?!sha256-)[A-Za-z0-9_-]{1,128}")
_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_SECONDS = re.compile(r"[0-9]{1,10}")
_MOVED = range(300, 400)
_ASKS_TO_WAIT = (http.client.TOO_MANY_REQUESTS, http.client.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Partner:
    """Where events are delivered to. `target` is what the request line names."""

    is_encrypted: bool
    host: str
    port: int
    target: str
    timeout_seconds: float
    allow_private_addresses: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What is looked at of a partner's answer."""

    status: int
    retry_after: str | None


def http_effect(
    configuration: Mapping[str, Any], read_secret: Callable[[str], list[str]], clock: Callable[[], float] = time.time
) -> Handle:
    """Delivers each event to the configured URL. Raises ValueError for a configuration that can't be meant."""
    partner = read_partner(configuration)
    keyring = KeyRing(partial(read_secret, text(configuration, "secret_name")), "base64-after-whsec_")
    tls = wire.tls_context() if partner.is_encrypted else None

    def handle(event: HandlerEvent) -> str:
        now = clock()
        try:
            keys = keyring.keys(now)
        except InvalidKey as error:
            raise AttemptFailed(f"the delivery secret: {error}") from None
        seconds = min(partner.timeout_seconds, event.remaining_seconds())
        if seconds <= 0:
            raise AttemptFailed("no time left")
        return outcome(_delivered(partner, tls, _headers(event, keys, int(now)), event.body, seconds), clock())

    return handle


def read_partner(fields: Mapping[str, Any]) -> Partner:
    """Raises ValueError, naming what is wrong. In plain text only where private addresses are allowed, too."""
    check_names(fields, ("kind", "secret_name", "url"), ("timeout_seconds", "allow_private_addresses"))
    allow_private = fields.get("allow_private_addresses") or False
    timeout_seconds = 10 if fields.get("timeout_seconds") is None else fields["timeout_seconds"]
    if not isinstance(allow_private, bool):
        raise ValueError("the effect's allow_private_addresses is neither true nor false")  # noqa: TRY004
    is_number = isinstance(timeout_seconds, int | float) and not isinstance(timeout_seconds, bool)
    if not is_number or not 0 < timeout_seconds <= MAX_TIMEOUT_SECONDS:
        raise ValueError(f"the effect's timeout_seconds is not between 0 and {MAX_TIMEOUT_SECONDS}")
    url = text(fields, "url")
    if not _URL.fullmatch(url) or "\\" in url:
        raise ValueError("the effect's url has characters that must be percent-encoded, or in a host's ASCII form")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("the effect's url is not a URL") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_private):
        raise ValueError("the effect's url is not https")
    if "@" in parts.netloc or parts.fragment or not _HOST.fullmatch(host) or port == 0:
        raise ValueError("the effect's url needs a host, and may have neither user nor fragment")
    return Partner(
        is_encrypted=parts.scheme == "https",
        host=host,
        port=port or (443 if parts.scheme == "https" else 80),
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        timeout_seconds=timeout_seconds,
        allow_private_addresses=allow_private,
    )


def webhook_id(event: HandlerEvent) -> str:
    """The event's name among all of the partner's: its source, "_", and its id, or a digest of an id with other than
    letters, digits, "_" and "-". A "." would be ambiguous in what is signed; a source has no "_".
    """
    if _SAFE_ID.fullmatch(event.id):
        return f"{event.source}_{event.id}"
    digest = hashlib.sha256(event.idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{event.source}_sha256-{digest}"


def signatures(keys: Iterable[Key], message_id: str, timestamp: int, body: bytes) -> str:
    """One for each key, newest first: a partner that knows any of them can verify it."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    macs = (hmac.digest(key.value, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(mac).decode('ascii')}" for mac in macs)


def outcome(answer: Answer, now: float) -> str:
    """What is kept of success. Raises PauseLane and AttemptFailed."""
    said = f"http {answer.status}"
    if 200 <= answer.status < 300:
        return said
    if answer.status == http.client.GONE:
        raise PauseLane(said)
    if answer.status in _MOVED:
        raise AttemptFailed(f"{said}, redirects are not followed")
    asked = answer.retry_after if answer.status in _ASKS_TO_WAIT else None
    raise AttemptFailed(said, None if asked is None else wait_seconds(asked, now))


def wait_seconds(retry_after: str, now: float) -> float | None:
    """A Retry-After's seconds from now (RFC 9110, 10.2.3), within bounds; None for what is none."""
    value = retry_after.strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
    else:
        try:
            moment = parsedate_to_datetime(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return max(MIN_WAIT_SECONDS, min(seconds, MAX_WAIT_SECONDS))


def _headers(event: HandlerEvent, keys: Iterable[Key], now: int) -> dict[str, str]:
    message_id = webhook_id(event)
    is_header = _CONTENT_TYPE.fullmatch(event.content_type)
    return {
        "Content-Type": event.content_type if is_header else "application/octet-stream",
        "User-Agent": USER_AGENT,
        "Connection": "close",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signatures(keys, message_id, now, event.body),
    }


def _delivered(
    partner: Partner, tls: ssl.SSLContext | None, headers: Mapping[str, str], body: bytes, seconds: float
) -> Answer:
    """The answer to the request, if it comes within `seconds`. Raises AttemptFailed."""
    deadline = time.monotonic() + seconds
    allowed = partial(is_allowed, allow_private=partner.allow_private_addresses)
    try:
        plain = wire.connect(partner.host, partner.port, seconds, allowed)
    except (OSError, UnicodeError) as error:
        raise AttemptFailed(wire.describe(error)) from None
    with closing(plain), closing(plain.dup()) as handle, wire.cut_off(handle, deadline - time.monotonic()) as cut:
        try:
            return _exchange(partner, plain, tls, headers, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AttemptFailed("timed out" if cut.is_made else _describe(error)) from None


def _exchange(
    partner: Partner, plain: socket.socket, tls: ssl.SSLContext | None, headers: Mapping[str, str], body: bytes
) -> Answer:
    """No proxy, no redirect, no second connection: what http.client does with a socket that it is given."""
    connection = http.client.HTTPConnection(partner.host, partner.port)
    connection.default_port = 443 if tls else 80
    connection.auto_open = 0
    connection.response_class = _Response
    connection.sock = tls.wrap_socket(plain, server_hostname=partner.host) if tls else plain
    with closing(connection):
        # Who refuses a large body may answer before its end, and hang up.
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            connection.request("POST", partner.target, body, headers)
        response = connection.getresponse()
        with closing(response), suppress(OSError, http.client.HTTPException, ValueError):
            response.read(MAX_ANSWER_BYTES)  # so that the partner can write it, and close in peace
        return Answer(response.status, response.getheader("Retry-After"))


class _Response(http.client.HTTPResponse):
    """http.client takes the end of the stream for the end of the headers, and whatever is there by then for the answer:
    "HTTP/1.1 20", of a partner that was cut off, for a status.
    """

    def begin(self) -> None:
        stream = self.fp
        lines = _Lines(stream)
        self.fp = cast(Any, lines)
        try:
            super().begin()
        finally:
            self.fp = stream
        if lines.last not in (b"\r\n", b"\n"):
            raise ConnectionAbortedError("the answer ends within its headers")


class _Lines:
    """A stream of lines that remembers the last."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def close(self) -> None:
        self._stream.close()


def _describe(error: Exception) -> str:
    if isinstance(error, OSError):  # RemoteDisconnected is both
        return wire.describe(error)
    return "malformed answer"
