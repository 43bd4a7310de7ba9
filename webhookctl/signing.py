"""Signing for a person or a burst: fresh ids, keys from a secret, and sentences for what can't be signed."""

import re
import uuid
from collections.abc import Sequence
from typing import cast

from common.keys import InvalidKey, Key, read_keys
from common.reasons import NotGenuine
from common.scheme import Location, Scheme
from webhookctl.failure import Failure, WrongUsage
from webhookctl.key_forms import KEY_FORMS
from webhookctl.sender import Signed, sign

_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TYPE = re.compile(r"[\x20-\x7e]{1,255}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")


class UnusableSecret(Failure):
    """The secret is not in its scheme's form; the message says in which it must be."""


def fresh_id() -> str:
    """An event id that was never used before."""
    return str(uuid.uuid4())


def keys_in(secret: str, scheme: Scheme, origin: str) -> tuple[Key, ...]:
    """The keys of a secret; none for an unsigned scheme. `origin` says where the secret is. Raises UnusableSecret."""
    if scheme.kind == "unsigned":
        return ()
    try:
        keys = read_keys([secret], scheme.key_encoding)
        if scheme.needs_cryptography:
            _check_public(keys, scheme)
    except InvalidKey as error:
        raise UnusableSecret(
            f"The secret in {origin} can't be used: {error}. It must be {KEY_FORMS[scheme.key_encoding]}, "
            "or a JSON list of such, and nothing else."
        ) from None
    return keys


def _check_public(keys: Sequence[Key], scheme: Scheme) -> None:
    from common.public_key import Curve, load

    for key in keys:
        load(cast(Curve, scheme.kind), key.value)


def first_key(secret: str, scheme: Scheme, origin: str) -> Key | None:
    """The key to sign with: of a list the first. None for an unsigned scheme. Raises UnusableSecret, and Failure."""
    check_signable(scheme)
    return next(iter(keys_in(secret, scheme, origin)), None)


def check_signable(scheme: Scheme) -> None:
    """Raises Failure for a scheme that only its sender can sign by."""
    if scheme.needs_cryptography:
        raise Failure("This can't be signed here: the sender has a private key, and the secret is its public one.")


def check_given(scheme: Scheme, event_id: str | None, event_type: str | None) -> None:
    """Raises WrongUsage for an id or a type that this scheme has no header for, or that no header can carry."""
    _check_header("--id", event_id, scheme.id, _ID)
    _check_header("--type", event_type, scheme.type, _TYPE)


def signed_request(
    scheme: Scheme,
    key: Key | None,
    body: bytes,
    *,
    at: float,
    event_id: str,
    event_type: str | None = None,
    url: str = "",
) -> Signed:
    """What a sender would send to `url` with this body at the time `at` (epoch seconds), but for Content-Type."""
    try:
        signed = sign(scheme, key, body, at=at, event_id=event_id, event_type=event_type or "", url=url)
    except NotGenuine as refusal:
        raise Failure(f"This body or URL is not one that such a sender could sign ({refusal.reason}).") from None
    if not all(_HEADER_VALUE.fullmatch(value) for value in signed.headers.values()):
        raise Failure("The secret can't be sent in a header: it has characters other than printable ASCII.")
    return signed


def _check_header(option: str, value: str | None, location: Location | None, form: re.Pattern[str]) -> None:
    if value is None:
        return
    if location is None:
        raise WrongUsage(f"{option} has no place in this scheme.")
    if not location.headers:
        raise WrongUsage(
            f"{option} has no header in this scheme: it is in the body, at {location.pointer or location.form}."
        )
    if not form.fullmatch(value):
        raise WrongUsage(f"{option} must be 1 to 255 visible ASCII characters.")
