"""What the fuzzer calls, in a process of its own: `python -m tests.fuzz.target [--plant] <libFuzzer's arguments>`."""

import base64
import importlib
import json
import sys
import urllib.parse
from collections.abc import Sequence
from contextlib import suppress

atheris = importlib.import_module("atheris")  # not there on every platform, so that nothing can look at its types

with atheris.instrument_imports(include=["common", "authorizer", "processor"]):
    from authorizer.decision import Allowed, Arrival, decide
    from authorizer.settings import DEFAULT_CONTENT_TYPES, Source
    from common.envelope import Envelope, MalformedEnvelope, read_envelope
    from common.headers import gather
    from common.keyring import KeyRing
    from common.keys import InvalidKey, Key, read_keys
    from common.reasons import NotGenuine
    from common.scheme import KEY_ENCODINGS, KeyEncoding, Scheme
    from common.signature import Request, check_freshness, verify
    from processor.identity import identify
    from tests.fuzz.case import SCHEMES, Case, read_case
    from webhookctl.sender import sign, with_query


TOLERANCE_SECONDS = 300
PLANTED = "--plant"


def main(arguments: Sequence[str]) -> None:
    """Fuzzes until libFuzzer ends the process."""
    planted = PLANTED in arguments
    atheris.Setup(
        [argument for argument in arguments if argument != PLANTED], lambda data: check(read_case(data), planted)
    )
    atheris.Fuzz()


@atheris.instrument_func  # type: ignore[untyped-decorator]
def check(case: Case, planted: bool) -> None:
    """Takes the case through everything that reads what nobody vouches for. Raises what must never come out of it."""
    for encoding in KEY_ENCODINGS:
        _keys(case, encoding)
    with suppress(MalformedEnvelope):
        read_envelope(case.body.decode("utf-8", "surrogateescape"))
    scheme = SCHEMES[case.scheme]
    keys = _keys(case, scheme.key_encoding)
    request, body = _request(case, scheme, keys)
    with suppress(NotGenuine, InvalidKey):
        _verify(scheme, keys, request, body, case.received_at)
        if planted and b"\xff" in body:
            raise ZeroDivisionError("planted, to see that a fault is found and reported")
    envelope = _envelope(case, scheme, request, body)
    if envelope is not None:
        for candidate in envelope.bodies:
            with suppress(NotGenuine, InvalidKey):
                request = Request(gather(envelope.headers.items()), url=envelope.url)
                _verify(scheme, keys, request, candidate, envelope.received_at_ms / 1000)


def _keys(case: Case, encoding: str) -> tuple[Key, ...]:
    known: KeyEncoding = encoding  # type: ignore[assignment]
    try:
        return read_keys(case.secrets, known)
    except InvalidKey:
        return ()


def _request(case: Case, scheme: Scheme, keys: tuple[Key, ...]) -> tuple[Request, bytes]:
    """The request of a case: with a genuine one below it where it says so, and where we can sign one."""
    if case.signed and keys and not scheme.needs_cryptography:
        with suppress(NotGenuine, UnicodeEncodeError):
            signed = sign(scheme, keys[0], case.body, at=case.received_at, event_id="evt-1", url=case.url)
            headers = {**gather(signed.headers.items()), **case.headers}
            return Request(headers, url=with_query(case.url, signed.query)), signed.body
    return Request(case.headers, url=case.url), case.body


def _verify(scheme: Scheme, keys: tuple[Key, ...], request: Request, body: bytes, received_at: float) -> None:
    head, _ = verify(scheme, keys, request, body)
    identify(scheme, head, request.headers, body)
    check_freshness(head, received_at, TOLERANCE_SECONDS)


def _envelope(case: Case, scheme: Scheme, request: Request, body: bytes) -> Envelope | None:
    """What is in the queue once the authorizer has allowed the request; None where it has not."""
    url, _, query = request.url.partition("?")
    arrival = Arrival(
        source="x",
        headers=request.headers,
        url=url,
        query=urllib.parse.parse_qs(query, keep_blank_values=True),
        received_at=case.received_at,
    )
    source = Source("x", scheme, DEFAULT_CONTENT_TYPES, TOLERANCE_SECONDS)
    with suppress(InvalidKey):
        decision = decide(arrival, {"x": source}, lambda _: KeyRing(lambda: case.secrets, scheme.key_encoding))
        if isinstance(decision, Allowed):
            message = {
                "version": 1,
                "received_at_ms": case.received_at * 1000 or 1,
                "request_id": "r",
                "head": decision.head,
                "body": base64.b64encode(body).decode("ascii"),
            }
            return read_envelope(json.dumps(message))
    return None


if __name__ == "__main__":
    main(sys.argv)
