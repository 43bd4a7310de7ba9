import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.body import form_of
from common.headers import gather
from common.keys import InvalidKey, Key, read_keys
from common.reasons import NotGenuine, Reason
from common.scheme import KEY_ENCODINGS, Scheme, load, preset, presets
from common.signature import MAX_SIGNATURES, Request, check_freshness, matching_key, read_head, verify
from tests.unit.common.vectors import Vector, all_vectors
from webhookctl.sender import Signed, sign, with_query

VECTORS = all_vectors()
SIGNING = sorted(
    name for name, data in presets().items() if data["kind"] != "unsigned" and not preset(name).needs_cryptography
)
MACS = sorted(name for name in SIGNING if preset(name).kind != "token")
COVERING = sorted(name for name in MACS if preset(name).signs_body)
URL = "https://hooks.example.com/dev/webhooks/x"
BODY = b'{"id": "evt-1"}'
NAMES = [vector.scheme for vector in VECTORS]

FEWER = settings(max_examples=30)  # for each scheme, of which there are many of the same shape

keys = st.binary(min_size=1, max_size=80).map(Key)
bodies = st.binary(max_size=2_000)


def signed(name: str, key: Key, body: bytes = BODY, at: int = 1_700_000_000) -> Signed:
    return sign(preset(name), key, body, at=at, event_id="evt-1", url=URL)


def headers_of(name: str, key: Key, body: bytes = BODY) -> dict[str, str]:
    return signed(name, key, body).headers


def request_of(signed: Signed) -> Request:
    return Request(gather(signed.headers.items()), url=with_query(URL, signed.query))


def request(pairs: Iterable[tuple[str, str]]) -> Request:
    return Request(gather(pairs), url=URL)


def refused(vector: Vector) -> bool:
    try:
        vector.check()
    except (NotGenuine, InvalidKey):
        return True
    return False


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_a_genuine_request_is_verified(vector: Vector) -> None:
    vector.check()


def covers_its_body(vector: Vector) -> bool:
    return preset(vector.scheme).signs_body


@pytest.mark.parametrize("vector", [*filter(covers_its_body, VECTORS)], ids=lambda v: v.scheme)
def test_a_body_with_one_bit_changed_is_refused(vector: Vector) -> None:
    as_form = form_of(vector.body) if "{params}" in preset(vector.scheme).signed else None
    for position in range(len(vector.body)):
        for bit in range(8):
            body = bytearray(vector.body)
            body[position] ^= 1 << bit
            if as_form and form_of(bytes(body)) == as_form:  # %2B and %2b are one parameter, which is what is signed
                continue
            assert refused(Vector(**{**vars(vector), "body": bytes(body)})), (position, bit)


def is_the_same_key(secret: str, vector: Vector) -> bool:
    """White space around it, the case of hexadecimal digits and members of a JWK that say nothing of the key."""
    encoding = preset(vector.scheme).key_encoding
    try:
        return read_keys([secret], encoding) == read_keys([vector.secret], encoding)
    except InvalidKey:
        return False


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_a_secret_with_one_bit_changed_is_refused(vector: Vector) -> None:
    for position in range(len(vector.secret)):
        for bit in range(7):
            secret = bytearray(vector.secret.encode("ascii"))
            secret[position] ^= 1 << bit
            if not is_the_same_key(secret.decode("ascii"), vector):
                assert refused(Vector(**{**vars(vector), "secret": secret.decode("ascii")})), (position, bit)


def bits_that_matter(vector: Vector) -> list[tuple[str, int]]:
    """Every character of what is signed or a signature, but for items of a header without which it is genuine, too."""
    scheme = preset(vector.scheme)
    unsigned = [field for field in (scheme.type, None if scheme.signs_id else scheme.id) if field is not None]
    names = {*scheme.header_names} - {name.lower() for field in unsigned for name in field.headers}
    return [
        (name, position)
        for name, value in vector.headers.items()
        if name.lower() in names and refused(vector.without_header(name))
        for position in positions_that_matter(vector, name, value)
    ]


def positions_that_matter(vector: Vector, name: str, value: str) -> Iterator[int]:
    signature = preset(vector.scheme).signature
    carries_it = signature and name.lower() in map(str.lower, signature.headers)
    separator = signature.separator if signature and carries_it else None
    items = value.split(separator) if separator else [value]
    start = 0
    for number, item in enumerate(items):
        rest = (separator or "").join(items[:number] + items[number + 1 :])
        if len(items) == 1 or refused(vector.with_header(name, rest)):
            yield from range(start, start + len(item))
        start += len(item) + 1


def has_its_signature_in_the_head(vector: Vector) -> bool:
    signature = preset(vector.scheme).signature
    return signature is not None and bool(signature.headers)


@pytest.mark.parametrize("vector", [*filter(has_its_signature_in_the_head, VECTORS)], ids=lambda v: v.scheme)
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
    head, _ = verify(scheme, read_keys([vector.secret], scheme.key_encoding), vector.request, vector.body)
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


def signable(name: str, body: bytes) -> bytes:
    """The body, or one that such a sender could send: some sign only what they write into JSON."""
    in_body = any(field and field.pointer for field in (preset(name).signature, preset(name).timestamp))
    return json.dumps({"data": body.hex()}).encode() if in_body else body


@pytest.mark.parametrize("name", MACS)
@FEWER
@given(key=keys, body=bodies)
def test_what_a_scheme_signs_it_verifies(name: str, key: Key, body: bytes) -> None:
    sent = signed(name, key, signable(name, body))
    head, matched = verify(preset(name), [key], request_of(sent), sent.body)
    assert matched == key
    assert head.signed_at in (None, 1_700_000_000)


@pytest.mark.parametrize("name", MACS)
@FEWER
@given(key=keys, other=keys, body=bodies)
def test_another_key_does_not_match(name: str, key: Key, other: Key, body: bytes) -> None:
    if key.value.ljust(128, b"\0") == other.value.ljust(128, b"\0"):  # HMAC pads keys with zeros: these are one key
        return
    sent = signed(name, key, signable(name, body))
    with pytest.raises(NotGenuine) as refusal:
        verify(preset(name), [other], request_of(sent), sent.body)
    assert refusal.value.reason is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("name", COVERING)
@FEWER
@given(key=keys, body=bodies, other=bodies)
def test_another_body_does_not_match(name: str, key: Key, body: bytes, other: bytes) -> None:
    sent = signed(name, key, signable(name, body))
    changed = signable(name, other)
    if changed == sent.body or (preset(name).digest_parameter and form_of(changed) == form_of(body) is not None):
        return
    with pytest.raises(NotGenuine):
        verify(preset(name), [key], request_of(sent), changed)


@pytest.mark.parametrize("name", SIGNING)
def test_any_of_several_live_keys_is_good_and_the_match_names_it(name: str) -> None:
    old, new, used = Key(b"old"), Key(b"new"), Key(b"used")
    sent = signed(name, used)
    _, matched = verify(preset(name), [old, used, new], request_of(sent), sent.body)
    assert matched == used


def test_any_of_several_signatures_is_good() -> None:
    # Stripe and Standard Webhooks sign with both keys while one is being rotated.
    key = Key(b"current")
    for name, separator in (("stripe", ",v1="), ("standard-webhooks", " v1,")):
        headers = headers_of(name, key, BODY)
        header = preset(name).signature.headers[0]  # type: ignore[union-attr]
        wrong = headers_of(name, Key(b"previous"), BODY)[header].rpartition(separator.strip()[:3])[2]
        headers[header] += separator + wrong
        assert verify(preset(name), [key], request(headers.items()), BODY)[1] == key


def test_blanks_around_the_items_of_a_header_do_not_matter() -> None:
    headers = headers_of("stripe", Key(b"k"))
    headers["Stripe-Signature"] = headers["Stripe-Signature"].replace(",", " , ")
    assert verify(preset("stripe"), [Key(b"k")], request(headers.items()), BODY)[1] == Key(b"k")


def test_a_token_matches_whole_or_not_at_all() -> None:
    scheme = preset("token")
    assert verify(scheme, [Key(b"s3cret")], request([("x-webhook-token", "s3cret")]), b"anything")[1] == Key(b"s3cret")
    for wrong in ("s3cre", "s3cret1", "S3cret"):
        with pytest.raises(NotGenuine):
            verify(scheme, [Key(b"s3cret")], request([("x-webhook-token", wrong)]), b"anything")


def test_a_header_that_is_there_twice_is_refused_whatever_its_values() -> None:
    pairs = list(headers_of("standard-webhooks", Key(b"k"), b"").items())
    for name, value in pairs:
        with pytest.raises(NotGenuine) as refusal:
            read_head(preset("standard-webhooks"), request([*pairs, (name.upper(), value)]))
        assert refusal.value.reason is Reason.REPEATED_HEADER


def test_a_missing_or_empty_header_is_refused() -> None:
    headers = headers_of("standard-webhooks", Key(b"k"), b"")
    for name in headers:
        for changed in ({**headers, name: ""}, {other: value for other, value in headers.items() if other != name}):
            with pytest.raises(NotGenuine) as refusal:
                read_head(preset("standard-webhooks"), request(changed.items()))
            assert refusal.value.reason is Reason.MISSING_HEADER


def test_more_signatures_than_a_sender_has_keys_are_refused_unread() -> None:
    many = " ".join(["v1," + base64.b64encode(bytes(32)).decode()] * (MAX_SIGNATURES + 1))
    headers = headers_of("standard-webhooks", Key(b"k"), b"") | {"webhook-signature": many}
    with pytest.raises(NotGenuine) as refusal:
        read_head(preset("standard-webhooks"), request(headers.items()))
    assert refusal.value.reason is Reason.MALFORMED_SIGNATURE


any_text = st.text(st.characters(), max_size=300) | st.text("0123456789abcdefv=,. \x00é\u07c0", max_size=200)


@pytest.mark.parametrize("name", SIGNING)
@FEWER
@given(data=st.data())
def test_no_header_whatever_its_text_raises_anything_but_not_genuine(name: str, data: st.DataObject) -> None:
    scheme = preset(name)
    sent = signed(name, Key(b"key"))
    values = {
        header: data.draw(st.lists(any_text | st.just(sent.headers.get(header, "")), max_size=3))
        for header in {*sent.headers, *scheme.header_names}
    }
    pairs = [(header, value) for header, listed in values.items() for value in listed]
    try:
        head, _ = verify(
            scheme, [Key(b"key")], Request(gather(pairs), url=data.draw(any_text | st.just(URL))), sent.body
        )
        check_freshness(head, 1_700_000_000, 300)
    except NotGenuine as refusal:
        assert refusal.reason in Reason


def custom(**fields: Any) -> Scheme:
    return load(json.loads(json.dumps(fields)))


def test_an_id_s_end_can_not_be_taken_for_what_is_signed_after_it() -> None:
    # msg_1.1600000000.{"name": "x.1700000000.y"} would else be a fresh event of another id, with another body.
    name, body = "standard-webhooks", b'{"name":"x.1700000000.y"}'
    headers = signed(name, Key(b"k"), body, at=1_600_000_000).headers
    shifted = headers | {"webhook-id": 'evt-1.1600000000.{"name":"x', "webhook-timestamp": "1700000000"}
    with pytest.raises(NotGenuine) as refusal:
        verify(preset(name), [Key(b"k")], request(shifted.items()), b'y"}')
    assert refusal.value.reason is Reason.MALFORMED_ID


def test_a_timestamp_begins_with_no_zero_that_could_have_been_the_end_of_what_is_signed_before_it() -> None:
    scheme = custom(
        signature={"header": "X-S"}, timestamp={"header": "X-T"}, id={"header": "X-Id"}, signed="{id}1{timestamp}{body}"
    )
    headers = sign(scheme, Key(b"k"), b"body", at=1_700_000_000, event_id="evt-").headers
    moved = headers | {"X-T": "01700000000"}
    with pytest.raises(NotGenuine) as refusal:
        verify(scheme, [Key(b"k")], request(moved.items()), b"body")
    assert refusal.value.reason is Reason.MALFORMED_TIMESTAMP


def test_a_custom_scheme_is_data() -> None:
    scheme = custom(
        digest="sha512",
        signature={"header": "X-Acme", "encoding": "base64", "prefix": "s="},
        timestamp={"header": "X-Acme-Time", "unit": "milliseconds"},
        signed="{timestamp}|{body}|acme",
        id={"header": "X-Acme-Id"},
    )
    headers = sign(scheme, Key(b"k"), b"\xff", at=1_700_000_000.5, event_id="").headers
    head, _ = verify(scheme, [Key(b"k")], request(headers.items()), b"\xff")
    assert head.signed_at == 1_700_000_000.5
    with pytest.raises(NotGenuine):
        matching_key(scheme, [Key(b"k")], head, b"\xfe")


@given(st.text(max_size=100), st.sampled_from(KEY_ENCODINGS))
def test_a_secret_gives_usable_keys_or_is_invalid(text: str, encoding: Any) -> None:
    try:
        assert all(key.value for key in read_keys([text], encoding))
    except InvalidKey as error:
        assert len(text.strip()) < 5 or text.strip() not in str(error)


def test_a_token_whose_signature_has_a_length_that_none_has_is_malformed() -> None:
    vector = next(vector for vector in VECTORS if vector.scheme == "plaid")
    token = vector.headers["Plaid-Verification"]
    for cut in (1, 2, 3, 85):
        with pytest.raises(NotGenuine) as refusal:
            vector.with_header("Plaid-Verification", token[:-cut]).check()
        assert refusal.value.reason in (Reason.MALFORMED_SIGNATURE, Reason.SIGNATURE_MISMATCH)


@pytest.mark.parametrize("name", SIGNING)
def test_a_header_of_a_megabyte_is_refused_like_any_other(name: str) -> None:
    sent = signed(name, Key(b"key"))
    for header in sent.headers:
        for text in ("a" * 1_000_000, sent.headers[header] * 20_000, ("v1=" + "0" * 64 + ",") * 15_000):
            huge = Request(gather({**sent.headers, header: text[:1_000_000]}.items()), url=URL)
            with pytest.raises(NotGenuine):
                verify(preset(name), [Key(b"key")], huge, sent.body)


def test_the_signature_of_a_body_by_its_digest_is_good_for_no_form() -> None:
    sent = signed("twilio", Key(b"k"))
    name, _, digest = sent.query.partition("=")
    for form in (f"%3F{name}%3D={digest}", f"%3F{name}=%3D{digest}", f"%3F={name}%3D{digest}"):
        without_query = Request(gather(sent.headers.items()), url=URL)
        with pytest.raises(NotGenuine) as refusal:
            verify(preset("twilio"), [Key(b"k")], without_query, form.encode())
        assert refusal.value.reason is Reason.MALFORMED_BODY


def test_an_older_key_that_is_no_public_key_counts_for_nothing() -> None:
    vector = next(vector for vector in VECTORS if vector.scheme == "discord")
    scheme = preset("discord")
    good, bad = read_keys([vector.secret], "hex")[0], Key(b"\x00" * 64)
    assert verify(scheme, [good, bad], vector.request, vector.body)[1] == good
    with pytest.raises(NotGenuine):
        verify(scheme, [good, bad], vector.request, b"forged")
    with pytest.raises(InvalidKey):
        verify(scheme, [bad, good], vector.request, vector.body)
