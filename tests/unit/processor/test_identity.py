import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.scheme import Scheme, load
from common.signature import Head
from processor.identity import identify


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
    identity = identify(pointing(pointer), Head(), None, body)
    assert identity.id == (expected or "sha256:" + hashlib.sha256(body).hexdigest())


def test_a_type_comes_from_its_header_or_from_the_body() -> None:
    assert identify(pointing("/id"), Head(), None, b'{"type": "charge.failed"}').type == "charge.failed"
    assert identify(pointing("/id"), Head(), "push", b"{}").type == "push"
    assert identify(pointing("/id"), Head(), None, b"\xff").type == ""


def test_a_digest_covers_all_that_was_signed() -> None:
    scheme = load({"signature": {"header": "X-S"}, "timestamp": {"header": "X-T"}, "signed": "{timestamp}.{body}"})
    first = identify(scheme, Head(timestamp="1"), None, b"same")
    assert first.id == "sha256:" + hashlib.sha256(b"1.same").hexdigest()
    assert first != identify(scheme, Head(timestamp="2"), None, b"same")


@given(st.binary() | st.text().map(str.encode) | st.just(b"[" * 100_000) | st.just(b"9" * 5_000))
def test_any_body_has_an_identity(body: bytes) -> None:
    assert identify(pointing("/id"), Head(), None, body).id
