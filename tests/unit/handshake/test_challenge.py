import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.keys import Key
from common.reasons import NotGenuine, Reason
from common.scheme import preset
from common.signature import Head, signed_material
from handshake.challenge import KINDS, MAX_BYTES, Kind, answer_to, challenge_in
from tests.unit.handshake.events import SLACK_CHALLENGE, SLACK_TEXT, ZOOM_CHALLENGE, ZOOM_TEXT
from webhookctl.local.demo.traffic import HOSTILE_BODIES

KEY = Key(b"s3cret")
CHALLENGES: dict[Kind, tuple[bytes, str]] = {
    "slack": (SLACK_CHALLENGE, SLACK_TEXT),
    "zoom": (ZOOM_CHALLENGE, ZOOM_TEXT),
}

kinds = st.sampled_from(KINDS)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def challenge(kind: Kind, text: Any) -> bytes:
    if kind == "slack":
        return json.dumps({"type": "url_verification", "challenge": text}).encode()
    return json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": text}}).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_the_documented_example_is_a_challenge_to_its_own_kind_alone(kind: Kind) -> None:
    body, text = CHALLENGES[kind]
    assert challenge_in(kind, body) == text
    (other,) = set(KINDS) - {kind}
    assert challenge_in(other, body) is None


def test_slack_gets_its_text_back() -> None:
    assert answer_to("slack", SLACK_TEXT, KEY) == {"challenge": SLACK_TEXT}


def test_zoom_gets_its_text_back_with_a_digest_that_only_the_secret_gives() -> None:
    expected = hmac.new(b"s3cret", ZOOM_TEXT.encode(), hashlib.sha256).hexdigest()
    assert answer_to("zoom", ZOOM_TEXT, KEY) == {"plainToken": ZOOM_TEXT, "encryptedToken": expected}


@given(kinds, st.binary(max_size=200) | st.sampled_from(HOSTILE_BODIES) | values.map(lambda v: json.dumps(v).encode()))
def test_any_other_body_is_none_and_no_error(kind: Kind, body: bytes) -> None:
    assert challenge_in(kind, body) is None


@given(kinds, values)
def test_whatever_is_asked_is_answered_with_itself_or_refused(kind: Kind, asked: Any) -> None:
    text = challenge_in(kind, challenge(kind, asked))
    assert text is not None
    try:
        answer = answer_to(kind, text, KEY)
    except NotGenuine as refusal:
        assert refusal.reason is Reason.MALFORMED_BODY
        return
    assert str(asked) in answer.values()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 4000,
        b'{"type": "url_verification", "event": "endpoint.url_validation", "payload": ' + b"[" * 4000,
        b"\xff\xfe\x00",
        b'{"type": ["url_verification"], "event": {"a": 1}}',
        b'["url_verification", "endpoint.url_validation"]',
        b"1" * 4000 + b"1",
        b"",
    ],
)
def test_what_is_no_json_object_of_that_form_is_no_challenge(kind: Kind, body: bytes) -> None:
    assert challenge_in(kind, body) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_challenge_without_its_text_is_one_that_is_refused(kind: Kind) -> None:
    for body in (b'{"type": "url_verification", "event": "endpoint.url_validation"}', challenge(kind, None)):
        text = challenge_in(kind, body)
        assert text == ""
        with pytest.raises(NotGenuine, match="malformed_body"):
            answer_to(kind, text, KEY)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_larger_than_any_challenge_is_not_even_parsed(kind: Kind) -> None:
    body = CHALLENGES[kind][0]
    assert challenge_in(kind, body + b" " * (MAX_BYTES - len(body))) is not None
    assert challenge_in(kind, body + b" " * (MAX_BYTES + 1 - len(body))) is None


@pytest.mark.parametrize(("kind", "longest"), [("slack", 200), ("zoom", 100)])
def test_the_text_has_a_longest_length_and_plain_characters(kind: Kind, longest: int) -> None:
    assert "a" * longest in answer_to(kind, "a" * longest, KEY).values()
    for text in ("", "a" * (longest + 1), "a\n", "a b", "é", '"', "<", "\ud800", "v0:1700000000:{}"):
        with pytest.raises(NotGenuine, match="malformed_body"):
            answer_to(kind, text, KEY)


@given(
    timestamp=st.text(max_size=20) | st.integers(1, 10**12).map(str),
    body=st.binary(max_size=40) | st.text(max_size=40).map(str.encode),
)
def test_nothing_that_zoom_signs_is_ever_a_text_that_is_answered(timestamp: str, body: bytes) -> None:
    # Otherwise an answer would be the signature of a webhook that the requester made up.
    material = b"v0:" + timestamp.encode() + b":" + body
    with pytest.raises(NotGenuine, match="malformed_body"):
        answer_to("zoom", material.decode("utf-8", "surrogateescape"), KEY)


def test_the_scheme_of_zoom_signs_what_that_alphabet_excludes() -> None:
    material = signed_material(preset("zoom"), Head(timestamp="1"), b"")
    with pytest.raises(NotGenuine, match="malformed_body"):
        answer_to("zoom", material.decode(), KEY)
