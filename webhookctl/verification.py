"""Is this request genuine? The processor's own judgement, step by step, for anybody's debugging. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.headers import Headers
from common.keys import Key
from common.reasons import NotGenuine
from common.scheme import Scheme
from common.signature import Request, check_freshness, verify
from processor.identity import identify


@dataclass(frozen=True, slots=True)
class Genuine:
    """What matched: no key id for an unsigned scheme, and no `signed_at` (epoch seconds) without a timestamp."""

    key_id: str | None
    event_id: str
    event_type: str
    signed_at: float | None
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The reason code, and what else is known about it."""

    reason: str
    detail: str = ""


def judge(
    scheme: Scheme, keys: Sequence[Key], request: Request, body: bytes, *, at: float, tolerance_seconds: float
) -> Genuine | Refused:
    """The judgement as of the time `at` (epoch seconds)."""
    try:
        head, key = verify(scheme, keys, request, body)
        check_freshness(head, at, tolerance_seconds)
    except NotGenuine as refusal:
        return Refused(refusal.reason.value, _missing(scheme, request.headers))
    identity = identify(scheme, head, request.headers, body)
    return Genuine(
        key_id=key.id if key else None,
        event_id=identity.id,
        event_type=identity.type,
        signed_at=head.signed_at,
        age_seconds=None if head.signed_at is None else at - head.signed_at,
    )


def needed_headers(scheme: Scheme) -> tuple[str, ...]:
    """The headers without which nothing can be genuine, as the sender spells them."""
    signed_id = scheme.id if scheme.signs_id else None
    fields = (scheme.signature, scheme.timestamp, signed_id)
    names = [field.headers[0] for field in fields if field is not None and field.headers]
    return (*dict.fromkeys(names), *(("Signature", "Content-Digest") if scheme.kind == "message-signature" else ()))


def _missing(scheme: Scheme, headers: Headers) -> str:
    missing = [name for name in needed_headers(scheme) if not "".join(headers.get(name.lower(), ())).strip(" \t")]
    return f"not given: {', '.join(missing)}" if missing else ""
