import hashlib
import hmac
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.keyring import MAX_AGE_SECONDS, MIN_AGE_SECONDS, RETRY_SECONDS, KeyRing
from common.keys import InvalidKey, Key, read_keys
from common.scheme import Digest


def test_a_secret_is_one_key_or_a_json_list_of_keys() -> None:
    assert read_keys(["one\n"], "utf8") == (Key(b"one"),)
    assert read_keys(['["one", "two"]'], "utf8") == (Key(b"one"), Key(b"two"))


@pytest.mark.parametrize("text", ["[not json", "{not json"])
def test_a_key_that_begins_like_json_and_is_none_is_a_key(text: str) -> None:
    assert read_keys([text], "utf8") == (Key(text.encode()),)


def test_a_key_in_two_versions_of_the_secret_counts_once() -> None:
    assert read_keys(["new", '["old", "new"]'], "utf8") == (Key(b"new"), Key(b"old"))


def test_a_wrong_value_does_no_harm_once_the_right_one_is_put() -> None:
    assert read_keys(["bmV3", " "], "base64") == read_keys(["bmV3", "not base64"], "base64") == (Key(b"new"),)
    assert read_keys(["new", '{"secret": "old"}'], "utf8") == (Key(b"new"),)
    with pytest.raises(InvalidKey):
        read_keys([" ", "bmV3"], "base64")


@pytest.mark.parametrize(
    ("secret", "encoding"),
    [
        ("", "utf8"),
        (" \n", "utf8"),
        ("[]", "utf8"),
        ("[1]", "utf8"),
        ('[""]', "utf8"),
        ('{"secret": "s3cret"}', "utf8"),
        ("{}", "utf8"),
        ("a", "base64"),
        ("YR==", "base64"),
        ("zz", "hex"),
        ("MfKQ9r8G", "base64-after-whsec_"),
        ("whsec_", "base64-after-whsec_"),
    ],
)
def test_a_secret_without_a_usable_key_is_refused(secret: str, encoding: str) -> None:
    with pytest.raises(InvalidKey):
        read_keys([secret], encoding)  # type: ignore[arg-type]


def test_an_error_and_a_key_do_not_show_the_secret() -> None:
    with pytest.raises(InvalidKey) as error:
        read_keys(["not-base64!"], "base64")
    assert "not-base64!" not in str(error.value)
    assert error.value.__cause__ is None
    assert "s3cret" not in repr(Key(b"s3cret"))


def test_a_key_id_is_stable_and_differs_between_keys() -> None:
    assert Key(b"a").id == Key(b"a").id != Key(b"b").id


class Secret:
    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.reads = 0

    def __call__(self) -> tuple[str, ...]:
        self.reads += 1
        return self.texts


def test_keys_are_read_once_while_they_are_young() -> None:
    secret = Secret("k")
    ring = KeyRing(secret, "utf8")
    for now in (0, 1, MAX_AGE_SECONDS):
        assert ring.keys(now) == (Key(b"k"),)
    assert secret.reads == 1
    ring.keys(MAX_AGE_SECONDS + 1)
    assert secret.reads == 2


def test_a_mismatch_finds_a_key_that_is_new() -> None:
    secret = Secret("old")
    ring = KeyRing(secret, "utf8")
    ring.keys(0)
    secret.texts = ("new", "old")
    assert ring.newer_keys(MIN_AGE_SECONDS + 1) == (Key(b"new"),)


class Outage:
    def __init__(self) -> None:
        self.secret: tuple[str, ...] = ()
        self.reads = 0

    def __call__(self) -> tuple[str, ...]:
        self.reads += 1
        if not self.secret:
            raise ConnectionError
        return self.secret


def test_a_secret_that_can_not_be_read_is_our_fault_and_not_asked_for_at_every_request() -> None:
    outage = Outage()
    ring = KeyRing(outage, "utf8")
    for tenth in range(2 * 10 * RETRY_SECONDS):
        with pytest.raises(ConnectionError):
            ring.keys(tenth / 10)
    assert outage.reads == 2
    outage.secret = ("k",)
    assert ring.keys(3 * RETRY_SECONDS) == (Key(b"k"),)


def test_an_outage_leaves_the_known_keys_good_and_judges_nobody_by_them_alone() -> None:
    outage = Outage()
    outage.secret = ("k",)
    ring = KeyRing(outage, "utf8")
    ring.keys(0)
    outage.secret = ()
    assert ring.keys(MAX_AGE_SECONDS + 1) == (Key(b"k"),)
    with pytest.raises(ConnectionError):
        ring.newer_keys(MAX_AGE_SECONDS + 1)


def test_forgeries_read_the_secret_no_more_often_than_the_bound() -> None:
    secret = Secret("k")
    ring = KeyRing(secret, "utf8")
    for tenth in range(10 * 60 + 1):
        now = tenth / 10
        ring.keys(now)
        ring.newer_keys(now)
    assert secret.reads <= 60 / MIN_AGE_SECONDS + 1


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[]",
        "{}",
        '{"kty": "RSA"}',
        '{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}',
        '{"kty":"EC","crv":"P-256"}',
    ],
)
def test_a_jwk_that_is_no_key_on_p_256_is_invalid(text: str) -> None:
    with pytest.raises(InvalidKey):
        read_keys([text], "jwk")


def test_basic_credentials_are_user_and_password_and_become_what_a_header_carries() -> None:
    (key,) = read_keys(["Aladdin:open sesame"], "basic")
    assert key.value == b"QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    with pytest.raises(InvalidKey):
        read_keys(["QWxhZGRpbjpvcGVuIHNlc2FtZQ=="], "basic")


digests = st.sampled_from(get_args(Digest))
materials = st.lists(st.lists(st.binary(max_size=200), max_size=4), min_size=1, max_size=3)


@given(value=st.binary(min_size=1, max_size=300), digest=digests, several=materials)
def test_a_mac_of_parts_is_the_hmac_of_them_together_however_often_the_key_was_used(
    value: bytes, digest: Digest, several: list[list[bytes]]
) -> None:
    key = Key(value)
    for parts in several:
        whole = b"".join(parts)
        assert key.mac(digest, parts) == hmac.digest(value, whole, digest)
        assert key.hash(digest, parts) == hashlib.new(digest, value + whole).digest()


@pytest.mark.parametrize("count", [63, 64, 65, 127, 128, 129])
def test_a_key_as_long_as_the_block_of_its_digest_is_padded_and_a_longer_one_hashed(count: int) -> None:
    for digest in get_args(Digest):
        assert Key(b"k" * count).mac(digest, [b"body"]) == hmac.digest(b"k" * count, b"body", digest)


def test_a_key_is_equal_to_a_key_alone() -> None:
    assert Key(b"a") == Key(b"a") != Key(b"b")
    assert b"a" != Key(b"a") != (b"a",)


def test_a_key_that_was_used_is_the_same_key_and_still_shows_nothing() -> None:
    used = Key(b"s3cret")
    used.mac("sha256", [b"body"])
    assert (used, hash(used), used.id) == (Key(b"s3cret"), hash(Key(b"s3cret")), Key(b"s3cret").id)
    assert repr(used) == repr(Key(b"s3cret")) == "Key()"
