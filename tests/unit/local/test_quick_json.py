import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhookctl.local import quick_json

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text()
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS)
def test_a_document_is_read_and_written_as_the_standard_library_does(document: Any) -> None:
    text = json.dumps(document)

    assert quick_json.decoded(text) == quick_json.decoded(text.encode()) == document
    assert json.loads(quick_json.encoded(document)) == document
    assert b": " not in quick_json.encoded({"a": 1})


@pytest.mark.parametrize("text", ['"\\ud800"', "NaN", "[1e400]"])
def test_what_only_the_standard_library_reads_is_read(text: str) -> None:
    assert repr(quick_json.decoded(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", ["", "{", b"\xff", "[1,]"])
def test_what_is_not_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|decode"):
        quick_json.decoded(text)


def test_a_fraction_that_json_does_not_have_is_null() -> None:
    assert quick_json.encoded([float("inf"), float("nan")]) == b"[null,null]"


def test_what_only_the_standard_library_writes_is_written() -> None:
    assert quick_json.encoded({"n": 2**64, 1: "é"}) == b'{"n":18446744073709551616,"1":"\xc3\xa9"}'


@pytest.mark.parametrize("value", [{"s": {1}}, "\ud800"])
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        quick_json.encoded(value)
