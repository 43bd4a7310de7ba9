import base64
import json
from urllib.parse import parse_qsl, quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookctl.local.gateway.template_functions import (
    base64_decode,
    base64_encode,
    escape_java_script,
    parse_json,
    url_decode,
    url_encode,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_url_encode_is_javas_form_encoding(text: str) -> None:
    assert url_encode(text) == quote_plus(text, safe="*").replace("~", "%7E")


@given(TEXT)
def test_url_encode_is_undone_by_any_form_parser(text: str) -> None:
    encoded = url_encode(text)
    assert parse_qsl(f"a={encoded}", keep_blank_values=True) == [("a", text)]
    assert unquote_plus(encoded) == url_decode(encoded) == text


def test_an_unpaired_surrogate_is_encoded_as_javas_question_mark() -> None:
    assert url_encode("a\ud800") == "a%3F"


@given(TEXT)
def test_base64_goes_both_ways_through_utf_8(text: str) -> None:
    assert base64_encode(text) == base64.b64encode(text.encode()).decode()
    assert base64_decode(base64_encode(text)) == text


@given(TEXT)
def test_escape_java_script_is_json_once_the_apostrophes_are_put_back(text: str) -> None:
    escaped = escape_java_script(text)
    assert json.loads('"' + escaped.replace("\\'", "'").replace("\x7f", "\\u007f") + '"') == text
    assert escaped.isascii()


@pytest.mark.parametrize("function", [url_encode, url_decode, base64_encode, base64_decode, escape_java_script])
def test_null_is_an_empty_text(function: object) -> None:
    assert callable(function)
    assert function(None) == ""


def test_malformed_input_is_an_error() -> None:
    for malformed in ("%", "%zz", "a%2"):
        with pytest.raises(ValueError, match="urlDecode"):
            url_decode(malformed)
    with pytest.raises(ValueError, match="base64Decode"):
        base64_decode("abc")
    with pytest.raises(ValueError, match="Expecting"):
        parse_json("no")
