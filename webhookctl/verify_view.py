"""How a judgement is shown."""

from common.reasons import Reason
from webhookctl.arguments import NamedScheme
from webhookctl.output import duration, is_terminal, iso, styled, utc, write, write_fields, write_json, write_sentence
from webhookctl.reasons import hint
from webhookctl.verification import Genuine, Refused

_OF_TIME = {Reason.STALE_TIMESTAMP.value, Reason.FUTURE_TIMESTAMP.value}


def show_judgement(judgement: Genuine | Refused, named: NamedScheme, at: int) -> None:
    """For people: what matched, or the reason code and, on a terminal, what usually causes it."""
    if isinstance(judgement, Genuine):
        _show_genuine(judgement, named)
    else:
        _show_refused(judgement, named, at)


def write_judgement(judgement: Genuine | Refused, named: NamedScheme) -> None:
    """For programs."""
    if isinstance(judgement, Refused):
        write_json(
            {
                "genuine": False,
                "scheme": named.name,
                "reason": judgement.reason,
                "detail": judgement.detail or None,
                "hint": hint(judgement.reason, named.scheme),
            }
        )
        return
    write_json(
        {
            "genuine": True,
            "scheme": named.name,
            "signs_body": named.scheme.signs_body,
            "key_id": judgement.key_id,
            "event_id": judgement.event_id,
            "event_type": judgement.event_type or None,
            "signed_at": None if judgement.signed_at is None else iso(judgement.signed_at),
            "age_seconds": judgement.age_seconds,
        }
    )


def _show_genuine(genuine: Genuine, named: NamedScheme) -> None:
    if named.scheme.kind == "unsigned":
        write("unsigned: there is nothing to verify, anybody could have sent this")
    else:
        write(
            styled("genuine", "good") + ("" if named.scheme.signs_body else ", but for the body, which is not signed")
        )
    write_fields(
        [
            ("scheme", named.name),
            ("key id", genuine.key_id or ""),
            ("event id", genuine.event_id),
            ("event type", genuine.event_type),
            ("signed at", "" if genuine.signed_at is None else utc(genuine.signed_at)),
            ("age", "" if genuine.age_seconds is None else duration(genuine.age_seconds)),
        ]
    )


def _show_refused(refused: Refused, named: NamedScheme, at: int) -> None:
    write(f"{styled('not genuine', 'bad')}: {refused.reason}")
    if refused.detail:
        write(refused.detail)
    if is_terminal():
        write_sentence(hint(refused.reason, named.scheme))
        if refused.reason in _OF_TIME:
            write(f"It was judged as of {utc(at)}; --at gives another time.")
