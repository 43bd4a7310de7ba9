import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer.decision import Allowed, Denied, Request, decide
from authorizer.settings import Source
from common.headers import gather
from common.keyring import KeyRing
from common.keys import Key
from common.reasons import Reason
from common.scheme import preset, presets
from common.signature import sign

NOW = 1_700_000_000.0
KEY = Key(b"s3cret")
SOURCES = {
    name: Source(name, preset(name), ("application/json", "application/x-www-form-urlencoded"), 300)
    for name in presets()
}


def keyring(_: Source) -> KeyRing:
    return KeyRing(lambda: ["s3cret"], "utf8")


def unavailable(_: Source) -> KeyRing:
    raise ConnectionError


def pairs_of(name: str, at: float = NOW) -> dict[str, str]:
    headers = sign(preset(name), KEY, timestamp=str(int(at)), event_id="evt-1", body=b"{}")
    return headers | {"Content-Type": "application/json"}


def request(name: str, headers: Mapping[str, str] | None = None) -> Request:
    return Request(name, gather((pairs_of(name) if headers is None else headers).items()), NOW)


def reason_of(request: Request, keys: Callable[[Source], KeyRing] = keyring) -> Reason:
    decision = decide(request, SOURCES, keys)
    assert isinstance(decision, Denied)
    return decision.reason


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_well_formed_head_is_allowed_with_just_the_headers_that_the_processor_needs(name: str) -> None:
    headers = pairs_of(name) | {"Cookie": "private", "User-Agent": "x"}
    decision = decide(request(name, headers), SOURCES, keyring)
    assert isinstance(decision, Allowed)
    head = json.loads(base64.urlsafe_b64decode(decision.head + "==="))
    assert head["source"] == name
    assert head["headers"] == {key.lower(): value for key, value in pairs_of(name).items()}


def test_an_unknown_source_is_denied() -> None:
    assert reason_of(replace(request("github"), source="nobody")) is Reason.UNKNOWN_SOURCE


def test_a_request_without_content_type_is_denied_since_its_body_would_not_arrive_as_bytes() -> None:
    headers = pairs_of("github")
    del headers["Content-Type"]
    assert reason_of(request("github", headers)) is Reason.MISSING_CONTENT_TYPE


@pytest.mark.parametrize("content_type", ["text/plain", "application/jsonx", "application/xml; application/json", ";"])
def test_another_content_type_is_denied(content_type: str) -> None:
    headers = pairs_of("github") | {"Content-Type": content_type}
    assert reason_of(request("github", headers)) is Reason.UNSUPPORTED_CONTENT_TYPE


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
def test_case_and_parameters_of_the_content_type_do_not_matter(content_type: str) -> None:
    assert isinstance(
        decide(request("github", pairs_of("github") | {"Content-Type": content_type}), SOURCES, keyring), Allowed
    )


def test_a_declared_length_above_what_api_gateway_takes_is_denied_and_none_is_fine() -> None:
    assert reason_of(request("github", pairs_of("github") | {"Content-Length": "10485761"})) is Reason.TOO_LARGE
    for length in ("10485760", "nonsense", "0"):
        allowed = decide(request("github", pairs_of("github") | {"Content-Length": length}), SOURCES, keyring)
        assert isinstance(allowed, Allowed)


def test_a_stale_and_a_future_timestamp_are_denied() -> None:
    assert reason_of(request("slack", pairs_of("slack", NOW - 301))) is Reason.STALE_TIMESTAMP
    assert reason_of(request("slack", pairs_of("slack", NOW + 301))) is Reason.FUTURE_TIMESTAMP


def test_a_wrong_token_is_denied_at_the_edge() -> None:
    headers = pairs_of("token") | {"X-Webhook-Token": "wrong"}
    assert reason_of(request("token", headers)) is Reason.SIGNATURE_MISMATCH


def test_a_token_that_was_put_a_moment_ago_is_allowed() -> None:
    texts = ["old"]
    ring = KeyRing(lambda: texts, "utf8")
    ring.keys(NOW - 30)
    texts[:] = ["s3cret", "old"]
    assert isinstance(decide(request("token"), SOURCES, lambda _: ring), Allowed)


def test_a_fault_of_ours_raises_and_denies_nobody() -> None:
    with pytest.raises(ConnectionError):
        decide(request("token"), SOURCES, unavailable)


def test_schemes_that_sign_the_body_need_no_secret_at_the_edge() -> None:
    assert isinstance(decide(request("github"), SOURCES, unavailable), Allowed)


@given(
    st.sampled_from(sorted(presets())),
    st.dictionaries(
        st.sampled_from([*{n for s in presets() for n in preset(s).header_names}, "content-type", "content-length"]),
        st.lists(st.text(st.characters(), max_size=40), min_size=1, max_size=3),
    ),
)
def test_no_head_whatever_is_in_it_raises(name: str, headers: dict[str, list[str]]) -> None:
    decision: Any = decide(Request(name, headers, NOW), SOURCES, keyring)
    assert isinstance(decision, Allowed | Denied)
