"""Is this request genuine? The processor's own judgement, step by step, for anybody's debugging. Pure."""

from dataclasses import dataclass

from common.headers import Headers
from common.keys import InvalidKey, read_keys
from common.reasons import NotGenuine
from common.scheme import Scheme
from common.signature import check_freshness, verify
from processor.identity import identify
from webhookctl.reasons import MALFORMED_KEY


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
    scheme: Scheme, secret: bytes, headers: Headers, body: bytes, *, at: float, tolerance_seconds: float
) -> Genuine | Refused:
    """The judgement as of the time `at` (epoch seconds). `secret` is a text with one key, or a JSON list of keys."""
    try:
        keys = () if scheme.kind == "unsigned" else read_keys([secret.decode("utf-8")], scheme.key_encoding)
        head, key = verify(scheme, keys, headers, body)
        check_freshness(head, at, tolerance_seconds)
    except UnicodeDecodeError:
        return Refused(MALFORMED_KEY, "the secret is not UTF-8 text")
    except InvalidKey as error:
        return Refused(MALFORMED_KEY, str(error))
    except NotGenuine as refusal:
        return Refused(refusal.reason.value, _missing(scheme, headers))
    type_header = headers.get(scheme.type.header.lower(), [""])[0] if scheme.type and scheme.type.header else None
    identity = identify(scheme, head, type_header, body)
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
    return tuple(dict.fromkeys(field.header for field in fields if field is not None and field.header))


def _missing(scheme: Scheme, headers: Headers) -> str:
    missing = [name for name in needed_headers(scheme) if not "".join(headers.get(name.lower(), ())).strip(" \t")]
    return f"not given: {', '.join(missing)}" if missing else ""
