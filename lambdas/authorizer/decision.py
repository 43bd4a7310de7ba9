"""May this request in? Pure: from the head of a request, a source and its keys to a decision.

The body is out of reach (API Gateway does not give it to an authorizer), so a signature over the body is checked here
for its form, and in the processor for its truth. What needs no body is checked whole: static tokens, and signatures
over the head that vouch for the body by a digest.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from authorizer.settings import Source
from common.envelope import write_head
from common.headers import Headers, value_of
from common.keyring import KeyRing
from common.keys import Key
from common.reasons import NotGenuine, Reason
from common.scheme import Scheme
from common.signature import Head, Request, check_freshness, matching_key, read_head

MAX_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway's own limit. Whether a smaller body still fits is SQS's answer, which knows the encoded size."""

ONE_GROUP = "-"
"""The message group of all webhooks whose own can't be told. So each stays in order, if behind more than it has to."""

_GROUP = r"[A-Za-z0-9_.:@/+=,-]{1,128}"  # as in message_group.vtl; SQS takes these, and no more of them


class Arrival(NamedTuple):
    """The head of a request to `/webhooks/{source}`, and when it came (epoch seconds). `url` is the one it came to, but
    for its query, which API Gateway gives decoded and unordered: `query` has the values of each parameter.
    """

    source: str
    headers: Headers
    url: str
    query: Mapping[str, Sequence[str]]
    received_at: float


class Allowed(NamedTuple):
    """Let it through, with the head that goes into the envelope.

    `group` and `deduplication_id` are SQS's, for a source whose queue keeps an order; empty where a template chooses.
    """

    head: str
    group: str = ""
    deduplication_id: str = ""


class Denied(NamedTuple):
    """Refuse it, and say why."""

    reason: Reason


def decide(arrival: Arrival, sources: Mapping[str, Source], keyring: Callable[[Source], KeyRing]) -> Allowed | Denied:
    """The decision. Raises only for faults of ours: what `keyring` and its keys raise."""
    source = sources.get(arrival.source)
    if source is None:
        return Denied(Reason.UNKNOWN_SOURCE)
    scheme = source.scheme
    try:
        _check_content(arrival.headers, source)
        request = Request(arrival.headers, "POST", _signed_url(arrival, source) if scheme.signs_url else "")
        head = read_head(scheme, request)
        check_freshness(head, arrival.received_at, source.tolerance_seconds)
        if head.materials and scheme.verified_at_edge:
            _check_signature(scheme, head, keyring(source), arrival.received_at)
        written = write_head(source.name, _forwarded(arrival.headers, scheme, head), request.url)
    except NotGenuine as refusal:
        return Denied(refusal.reason)
    if not source.fifo:
        return Allowed(written)
    return Allowed(written, _group(arrival.headers, source), _deduplication_id(scheme, written))


def _group(headers: Headers, source: Source) -> str:
    values = headers.get(source.order_by.lower(), ())
    return values[0] if len(values) == 1 and re.fullmatch(_GROUP, values[0]) else ONE_GROUP


def _deduplication_id(scheme: Scheme, head: str) -> str:
    """The same for a webhook that is sent again as it was; empty where a head is not bound to one body.

    For five minutes SQS drops a message with an id that it has seen, behind a 2xx, and nothing is verified yet. By the
    event's id alone, whoever guesses one could make the genuine webhook vanish. The head has the signature too, which
    only the sender can write for its body; everything else is for the processor to tell apart.
    """
    in_head = scheme.signature is not None and bool(scheme.signature.headers)
    return hashlib.sha256(head.encode("ascii")).hexdigest() if scheme.signs_body and in_head else ""


def _signed_url(arrival: Arrival, source: Source) -> str:
    """The URL as the sender had it: what it was configured with, and the parameter that it adds to that by itself."""
    url = source.signed_url or arrival.url
    name = source.scheme.digest_parameter
    for value in arrival.query.get(name, ()) if name else ():
        url += f"{'&' if '?' in url else '?'}{name}={value}"
    return url


def _check_content(headers: Headers, source: Source) -> None:
    content_type = value_of("content-type", headers)
    if content_type is None:
        raise NotGenuine(Reason.MISSING_CONTENT_TYPE)
    if content_type not in source.content_types and _media_type(content_type) not in source.content_types:
        raise NotGenuine(Reason.UNSUPPORTED_CONTENT_TYPE)
    length = value_of("content-length", headers)  # not in every authorizer event: its absence says nothing
    if length is not None and length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
        raise NotGenuine(Reason.TOO_LARGE)


def _media_type(content_type: str) -> str:
    """Without parameters and in lower case; nothing where there is a letter that no media type has."""
    return content_type.partition(";")[0].strip().lower() if content_type.isascii() else ""


def _check_signature(scheme: Scheme, head: Head, keyring: KeyRing, now: float) -> Key:
    try:
        return matching_key(scheme, keyring.keys(now), head, b"")
    except NotGenuine:
        return matching_key(scheme, keyring.newer_keys(now), head, b"")


def _forwarded(headers: Headers, scheme: Scheme, head: Head) -> dict[str, str]:
    forwarded = {}
    for name in ("content-type", *scheme.header_names, *head.covered):
        value = value_of(name, headers)
        if value is not None:
            forwarded[name] = value
    return forwarded
