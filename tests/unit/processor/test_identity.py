import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.scheme import Scheme, load, preset
from common.signature import Head
from processor.identity import content_digest, identify

HEADERS = {"signature": {"header": "X-S"}, "id": {"form": "MessageSid"}, "type": {"header": "X-Type"}}


def pointing(pointer: str) -> Scheme:
    return load({"signature": {"header": "X-S"}, "id": {"pointer": pointer}, "type": {"pointer": "/type"}})


@pytest.mark.parametrize(
    ("pointer", "document", "expected"),
    [
        ("/id", {"id": "evt_1"}, "evt_1"),
        ("/id", {"id": 42}, "42"),
        ("/event/id", {"event": {"id": "a"}}, "a"),
        ("/items/1/id", {"items": [{}, {"id": "b"}]}, "b"),
        ("/a~1b/c~0d", {"a/b": {"c~d": "e"}}, "e"),
        ("/", {"": "empty name"}, None),
        ("/id", {"id": True}, None),
        ("/id", {"id": None}, None),
        ("/id", {"id": ["a"]}, None),
        ("/id", {"id": "x" * 256}, None),
        ("/id", {"id": "two words"}, None),
        ("/id", [], None),
        ("/9", ["a"], None),
        ("/0", ["a"], "a"),
        ("/00", ["a"], None),
        ("/0000000001", ["a"], None),
        ("/" + "9" * 5_000, ["a"], None),
        ("/-", ["a"], None),
        ("/\u0660", ["a"], None),
        ("/id/deeper", {"id": "a"}, None),
    ],
)
def test_an_id_is_where_the_pointer_says_or_a_digest(pointer: str, document: Any, expected: str | None) -> None:
    body = json.dumps(document).encode()
    identity = identify(pointing(pointer), Head(), {}, body)
    assert identity.id == (expected or "sha256:" + hashlib.sha256(body).hexdigest())


def test_a_type_comes_from_its_header_or_from_the_body() -> None:
    assert identify(pointing("/id"), Head(), {}, b'{"type": "charge.failed"}').type == "charge.failed"
    assert identify(load(HEADERS), Head(), {"x-type": [" push "]}, b"{}").type == "push"
    assert identify(pointing("/id"), Head(), {}, b"\xff").type == ""


def test_an_id_can_be_a_field_of_a_form() -> None:
    assert identify(load(HEADERS), Head(), {}, b"From=%2B1&MessageSid=SM1&MessageSid=SM2").id == "SM1"
    for body in (b"", b"MessageSid=", b"MessageSid=two+words", b"{}", b"\xff=1"):
        assert identify(load(HEADERS), Head(), {}, body).id == "sha256:" + hashlib.sha256(body).hexdigest()


def test_a_digest_covers_all_that_was_signed() -> None:
    scheme = load({"signature": {"header": "X-S"}, "timestamp": {"header": "X-T"}, "signed": "{timestamp}.{body}"})
    first = identify(scheme, Head(timestamp="1"), {}, b"same")
    assert first.id == "sha256:" + hashlib.sha256(b"1.same").hexdigest()
    assert first != identify(scheme, Head(timestamp="2"), {}, b"same")


@given(st.binary() | st.text().map(str.encode) | st.just(b"[" * 100_000) | st.just(b"9" * 5_000))
def test_any_body_has_an_identity(body: bytes) -> None:
    assert identify(pointing("/id"), Head(), {}, body).id


def test_a_sender_s_id_stays_known_beside_the_digest() -> None:
    for document, sender_id in ((b'{"id": "evt_1"}', "evt_1"), (b"{}", "")):
        assert identify(pointing("/id"), Head(), {}, document).sender_id == sender_id


def test_what_makes_two_bodies_one_is_their_bytes_and_of_a_form_its_parameters() -> None:
    head = Head(urls=("https://hooks.example.com/x",))
    for spelling in (b"b=2&a=1+1", b"a=1+1&b=2", b"a=1%201&b=2&a=1%201"):
        assert content_digest(preset("twilio"), head, spelling) == content_digest(preset("twilio"), head, b"a=1+1&b=2")
        assert content_digest(preset("github"), head, spelling) == hashlib.sha256(spelling).hexdigest()
    other = content_digest(preset("twilio"), head, b"a=1+1&b=3")
    assert other != content_digest(preset("twilio"), head, b"a=1+1&b=2")
