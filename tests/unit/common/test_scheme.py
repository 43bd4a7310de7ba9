from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.scheme import InvalidScheme, load, preset, presets

SIGNATURE = {"header": "X-Signature"}


def test_every_preset_can_be_read_and_cites_where_it_is_documented() -> None:
    for name, data in presets().items():
        assert preset(name).kind == data["kind"]
        assert data["title"]
        assert data["documentation"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidScheme, match=r"known are .*, github, gitlab, "):
        load("nobody")


def test_a_field_that_is_null_is_as_if_it_were_not_there() -> None:
    assert load({"signature": {**SIGNATURE, "separator": None}, "id": None}) == load({"signature": SIGNATURE})


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], "must be a JSON object"),
        ({"signature": SIGNATURE, "sign": 1}, "unknown fields: sign"),
        ({}, "must say where the signature is"),
        ({"kind": "unsigned", "signature": SIGNATURE}, "except for kind unsigned"),
        ({"kind": "rsa", "signature": SIGNATURE}, "kind must be one of"),
        ({"signature": {"header": "a b"}}, "must be the name of a header"),
        ({"signature": {"header": "a", "headers": ["b"]}}, "name several spellings in headers alone"),
        ({"signature": {"headers": "a"}}, "must be a list of names"),
        ({"signature": {"headers": ["a", 1]}}, "must be a list of names"),
        ({"signature": {}}, "needs either a header or a pointer"),
        ({"signature": {"header": "a", "pointer": "/b"}}, "needs either a header or a pointer"),
        ({"signature": {"pointer": "b"}}, "must begin with /"),
        ({"signature": {"pointer": "/b"}}, "can't contain {body} with the signature in it"),
        ({"signature": {"pointer": "/b"}, "signed": "text"}, "name what is signed"),
        ({"signature": SIGNATURE, "body_digest": {"query": "d"}}, "must contain {url}"),
        ({"signature": SIGNATURE, "signed": "{body}{params}"}, "must contain {body} once"),
        ({"signature": SIGNATURE, "timestamp": {"pointer": "/t", "prefix": "t="}}, "needs one of"),
        ({"signature": SIGNATURE, "claims": {"body_sha256": "b"}}, "is for kind jwt"),
        ({"kind": "jwt", "signature": SIGNATURE}, "is for kind jwt, and needed there"),
        ({"kind": "jwt", "signature": SIGNATURE, "claims": {}}, "needs body_sha256"),
        ({"signature": {**SIGNATURE, "encoding": "base32"}}, "encoding must be one of"),
        ({"signature": {**SIGNATURE, "separator": "|"}}, "separator must be one of"),
        ({"signature": SIGNATURE, "digest": "md5"}, "digest must be one of"),
        ({"signature": SIGNATURE, "signed": "{timestamp}"}, "must contain {body} once"),
        ({"signature": SIGNATURE, "signed": "{body}{body}"}, "must contain {body} once"),
        ({"signature": SIGNATURE, "timestamp": {"header": "X-Time"}}, "an unsigned time proves nothing"),
        ({"signature": SIGNATURE, "signed": "{timestamp}{body}"}, "goes with {timestamp}"),
        ({"signature": SIGNATURE, "signed": "{id}.{body}"}, "must name the header it is in"),
        ({"signature": SIGNATURE, "signed": "{id}.{body}", "id": {"pointer": "/id"}}, "must name the header it is in"),
        ({"signature": SIGNATURE, "signed": "{id}{body}", "id": {"header": "X-Id"}}, "must have a text after {id}"),
        ({"signature": SIGNATURE, "signed": "{body}{id}", "id": {"header": "X-Id"}}, "must have a text after {id}"),
        ({"signature": SIGNATURE, "id": {}}, "needs one of a header, a pointer and a field of a form"),
        ({"signature": SIGNATURE, "id": {"pointer": "id"}}, "must begin with /"),
        (
            {"signature": SIGNATURE, "signed": "{timestamp}{body}", "timestamp": {"prefix": "t="}},
            "needs scheme.signature.separator",
        ),
        ({"signature": SIGNATURE, "signed": "{timestamp}{body}", "timestamp": {}}, "needs one of a header, the prefix"),
        ({"signature": SIGNATURE, "key_encoding": 5}, "key_encoding must be one of"),
        ({"signature": SIGNATURE, "signed": "{timestmap}{body}"}, "has {timestmap}; known are {id}"),
        ({"kind": "token", "signature": SIGNATURE, "timestamp": {"header": "X-Time"}}, "is not for kind token"),
        ({"kind": "token", "signature": SIGNATURE, "signed": "{body}{id}"}, "are not for kind token"),
        ({"kind": "unsigned", "signed": "{id}.{body}"}, "are not for kind unsigned"),
        (
            {
                "kind": "jwt",
                "signature": SIGNATURE,
                "claims": {"body_sha256": "b"},
                "body_digest": {"query": "d"},
            },
            "are not for kind jwt",
        ),
        (
            {"kind": "message-signature", "signature": SIGNATURE, "body_digest": {"query": "d"}},
            "are not for kind message-signature",
        ),
    ],
)
def test_wrong_data_is_refused_with_a_sentence_that_says_where(data: Any, sentence: str) -> None:
    with pytest.raises(InvalidScheme) as error:
        load(data)
    assert sentence in str(error.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=10) | st.sampled_from(["kind", "signature", "header", "id"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(json_values)
def test_any_data_is_a_scheme_or_invalid(data: Any) -> None:
    try:
        load(data)
    except InvalidScheme as error:
        assert str(error)
