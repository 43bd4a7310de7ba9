import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.headers import gather
from common.keys import InvalidKey, Key, read_keys
from common.reasons import NotGenuine, Reason
from common.scheme import Scheme, load, preset, presets
from common.signature import MAX_SIGNATURES, check_freshness, matching_key, read_head, sign, verify
from tests.unit.common.vectors import Vector, all_vectors

VECTORS = all_vectors()
SIGNING = sorted(name for name, data in presets().items() if data["kind"] == "hmac")
NAMES = [vector.scheme for vector in VECTORS]

FEWER = settings(max_examples=30)  # for each scheme, of which there are many of the same shape

keys = st.binary(min_size=1, max_size=80).map(Key)
bodies = st.binary(max_size=2_000)


def headers_of(name: str, key: Key, body: bytes, at: int = 1_700_000_000) -> dict[str, str]:
    return sign(preset(name), key, timestamp=str(at), event_id="evt-1", body=body)


def refused(vector: Vector) -> bool:
    try:
        vector.check()
    except (NotGenuine, InvalidKey):
        return True
    return False


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_a_genuine_request_is_verified(vector: Vector) -> None:
    vector.check()


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector.scheme in SIGNING], ids=lambda v: v.scheme)
def test_a_body_with_one_bit_changed_is_refused(vector: Vector) -> None:
    for position in range(len(vector.body)):
        for bit in range(8):
            body = bytearray(vector.body)
            body[position] ^= 1 << bit
            assert refused(Vector(**{**vars(vector), "body": bytes(body)})), (position, bit)


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_a_secret_with_one_bit_changed_is_refused(vector: Vector) -> None:
    for position in range(len(vector.secret)):
        for bit in range(7):
            secret = bytearray(vector.secret.encode("ascii"))
            secret[position] ^= 1 << bit
            if secret.decode().strip() != vector.secret:
                assert refused(Vector(**{**vars(vector), "secret": secret.decode("ascii")})), (position, bit)


def bits_that_matter(vector: Vector) -> list[tuple[str, int]]:
    """Every character of what is signed or a signature, but for items of a header without which it is genuine, too."""
    scheme = preset(vector.scheme)
    fields = (scheme.signature, scheme.timestamp, scheme.id if scheme.signs_id else None)
    names = {field.header.lower() for field in fields if field is not None and field.header}
    return [
        (name, position)
        for name, value in vector.headers.items()
        if name.lower() in names
        for position in positions_that_matter(vector, name, value)
    ]


def positions_that_matter(vector: Vector, name: str, value: str) -> Iterator[int]:
    signature = preset(vector.scheme).signature
    separator = signature.separator if signature and signature.header.lower() == name.lower() else None
    items = value.split(separator) if separator else [value]
    start = 0
    for number, item in enumerate(items):
        rest = (separator or "").join(items[:number] + items[number + 1 :])
        if len(items) == 1 or refused(vector.with_header(name, rest)):
            yield from range(start, start + len(item))
        start += len(item) + 1


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_a_header_with_one_bit_changed_is_refused(vector: Vector) -> None:
    positions = bits_that_matter(vector)
    assert positions
    for name, position in positions:
        for bit in range(8):
            value = list(vector.headers[name])
            value[position] = chr(ord(value[position]) ^ 1 << bit)
            assert refused(vector.with_header(name, "".join(value))), (name, position, bit)


@pytest.mark.parametrize(
    "vector", [vector for vector in VECTORS if preset(vector.scheme).timestamp], ids=lambda v: v.scheme
)
def test_a_request_is_fresh_within_the_tolerance_and_not_a_second_longer(vector: Vector) -> None:
    scheme = preset(vector.scheme)
    head = read_head(scheme, gather(vector.headers.items()))
    assert head.signed_at is not None
    for received_at in (head.signed_at - 300, head.signed_at + 300):
        check_freshness(head, received_at, 300)
    for received_at, reason in (
        (head.signed_at + 301, Reason.STALE_TIMESTAMP),
        (head.signed_at - 301, Reason.FUTURE_TIMESTAMP),
    ):
        with pytest.raises(NotGenuine) as refusal:
            check_freshness(head, received_at, 300)
        assert refusal.value.reason is reason


@pytest.mark.parametrize("name", SIGNING)
@FEWER
@given(key=keys, body=bodies)
def test_what_a_scheme_signs_it_verifies(name: str, key: Key, body: bytes) -> None:
    head, matched = verify(preset(name), [key], gather(headers_of(name, key, body).items()), body)
    assert matched == key
    assert head.signed_at in (None, 1_700_000_000)


@pytest.mark.parametrize("name", SIGNING)
@FEWER
@given(key=keys, other=keys, body=bodies)
def test_another_key_does_not_match(name: str, key: Key, other: Key, body: bytes) -> None:
    if key.value.ljust(128, b"\0") == other.value.ljust(128, b"\0"):  # HMAC pads keys with zeros: these are one key
        return
    with pytest.raises(NotGenuine) as refusal:
        verify(preset(name), [other], gather(headers_of(name, key, body).items()), body)
    assert refusal.value.reason is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("name", SIGNING)
def test_any_of_several_live_keys_is_good_and_the_match_names_it(name: str) -> None:
    old, new, used = Key(b"old"), Key(b"new"), Key(b"used")
    headers = gather(headers_of(name, used, b"body").items())
    _, matched = verify(preset(name), [old, used, new], headers, b"body")
    assert matched == used


def test_any_of_several_signatures_is_good() -> None:
    # Stripe and Standard Webhooks sign with both keys while one is being rotated.
    key = Key(b"current")
    for name, separator in (("stripe", ",v1="), ("standard-webhooks", " v1,")):
        headers = headers_of(name, key, b"body")
        header = preset(name).signature.header  # type: ignore[union-attr]
        wrong = headers_of(name, Key(b"previous"), b"body")[header].rpartition(separator.strip()[:3])[2]
        headers[header] += separator + wrong
        assert verify(preset(name), [key], gather(headers.items()), b"body")[1] == key


def test_blanks_around_the_items_of_a_header_do_not_matter() -> None:
    headers = headers_of("stripe", Key(b"k"), b"body")
    headers["Stripe-Signature"] = headers["Stripe-Signature"].replace(",", " , ")
    assert verify(preset("stripe"), [Key(b"k")], gather(headers.items()), b"body")[1] == Key(b"k")


def test_a_token_matches_whole_or_not_at_all() -> None:
    scheme = preset("token")
    assert verify(scheme, [Key(b"s3cret")], gather([("x-webhook-token", "s3cret")]), b"anything")[1] == Key(b"s3cret")
    for wrong in ("s3cre", "s3cret1", "S3cret"):
        with pytest.raises(NotGenuine):
            verify(scheme, [Key(b"s3cret")], gather([("x-webhook-token", wrong)]), b"anything")


def test_a_header_that_is_there_twice_is_refused_whatever_its_values() -> None:
    pairs = list(headers_of("standard-webhooks", Key(b"k"), b"").items())
    for name, value in pairs:
        with pytest.raises(NotGenuine) as refusal:
            read_head(preset("standard-webhooks"), gather([*pairs, (name.upper(), value)]))
        assert refusal.value.reason is Reason.REPEATED_HEADER


def test_a_missing_or_empty_header_is_refused() -> None:
    headers = headers_of("standard-webhooks", Key(b"k"), b"")
    for name in headers:
        for changed in ({**headers, name: ""}, {other: value for other, value in headers.items() if other != name}):
            with pytest.raises(NotGenuine) as refusal:
                read_head(preset("standard-webhooks"), gather(changed.items()))
            assert refusal.value.reason is Reason.MISSING_HEADER


def test_more_signatures_than_a_sender_has_keys_are_refused_unread() -> None:
    many = " ".join(["v1," + base64.b64encode(bytes(32)).decode()] * (MAX_SIGNATURES + 1))
    headers = headers_of("standard-webhooks", Key(b"k"), b"") | {"webhook-signature": many}
    with pytest.raises(NotGenuine) as refusal:
        read_head(preset("standard-webhooks"), gather(headers.items()))
    assert refusal.value.reason is Reason.MALFORMED_SIGNATURE


any_text = st.text(st.characters(), max_size=300) | st.text("0123456789abcdefv=,. \x00é\u07c0", max_size=200)


@pytest.mark.parametrize("name", sorted(presets()))
@FEWER
@given(data=st.data())
def test_no_header_whatever_its_text_raises_anything_but_not_genuine(name: str, data: st.DataObject) -> None:
    scheme = preset(name)
    wellformed = headers_of(name, Key(b"key"), b"body")
    values = {
        header: data.draw(st.lists(any_text | st.just(wellformed.get(header, "")), max_size=3))
        for header in {*wellformed, *scheme.header_names}
    }
    pairs = [(header, value) for header, listed in values.items() for value in listed]
    try:
        head, _ = verify(scheme, [Key(b"key")], gather(pairs), b"body")
        check_freshness(head, 1_700_000_000, 300)
    except NotGenuine as refusal:
        assert refusal.reason in Reason


def custom(**fields: Any) -> Scheme:
    return load(json.loads(json.dumps(fields)))


def test_an_ids_last_digit_can_not_become_the_timestamps_first() -> None:
    scheme = custom(
        signature={"header": "X-S"}, timestamp={"header": "X-T"}, id={"header": "X-Id"}, signed="{id}{timestamp}{body}"
    )
    headers = sign(scheme, Key(b"k"), timestamp="1700000000", event_id="evt-10", body=b"body")
    moved = headers | {"X-Id": "evt-1", "X-T": "01700000000"}
    with pytest.raises(NotGenuine) as refusal:
        verify(scheme, [Key(b"k")], gather(moved.items()), b"body")
    assert refusal.value.reason is Reason.MALFORMED_TIMESTAMP


def test_a_custom_scheme_is_data() -> None:
    scheme = custom(
        digest="sha512",
        signature={"header": "X-Acme", "encoding": "base64", "prefix": "s="},
        timestamp={"header": "X-Acme-Time", "unit": "milliseconds"},
        signed="{timestamp}|{body}|acme",
        id={"header": "X-Acme-Id"},
    )
    headers = sign(scheme, Key(b"k"), timestamp="1700000000500", event_id="", body=b"\xff")
    head, _ = verify(scheme, [Key(b"k")], gather(headers.items()), b"\xff")
    assert head.signed_at == 1_700_000_000.5
    with pytest.raises(NotGenuine):
        matching_key(scheme, [Key(b"k")], head, b"\xfe")


@given(st.text(max_size=100), st.sampled_from(["utf8", "base64", "hex", "base64-after-whsec_"]))
def test_a_secret_gives_usable_keys_or_is_invalid(text: str, encoding: Any) -> None:
    try:
        assert all(key.value for key in read_keys([text], encoding))
    except InvalidKey as error:
        assert len(text.strip()) < 5 or text.strip() not in str(error)
