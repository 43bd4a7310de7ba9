"""What is made of a scheme's data once says of every request what the data says."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import common.signature
from common.head import Head, head_reader, signature_form
from common.headers import gather, gather_values
from common.keys import Key
from common.reasons import NotGenuine, Reason
from common.scheme import Scheme, load, preset, presets
from common.signature import Request, expected_signature, read_head, verify
from tests.unit.common.plain_verifier import judge

KEY = Key(b"s3cret")
SEPARATORS = (None, ",", ";", " ")
PREFIXES = ("", "v1=", "sha256=", "v0:")


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    separator = draw(st.sampled_from(SEPARATORS))
    names = draw(st.sampled_from([["X-Signature"], ["X-Signature", "Signature"]]))
    timestamp = draw(
        st.sampled_from([None, {"header": "X-Time"}, {"headers": ["X-Time", "Time"]}, *[{"prefix": "t="}] * 2])
    )
    if separator is None and timestamp == {"prefix": "t="}:
        timestamp = None
    signed = draw(st.sampled_from(["{body}", "v0:{body}é", "{id}.{body}", "{id}.{body}"]))
    id_names = draw(st.sampled_from([["X-Id"], ["X-Id", "Id"]])) if "{id}" in signed or draw(st.booleans()) else None
    return load(
        {
            "kind": draw(st.sampled_from(["hmac", "hash"])),
            "digest": draw(st.sampled_from(["sha1", "sha256", "sha512"])),
            "signature": {
                "headers": names,
                "separator": separator,
                "prefix": draw(st.sampled_from(PREFIXES)),
                "encoding": draw(st.sampled_from(["hex", "base64"])),
            },
            "timestamp": timestamp,
            "signed": f"{{timestamp}}.{signed}" if timestamp else signed,
            "id": {"headers": id_names} if id_names else None,
        }
    )


times = st.sampled_from(["1700000000", "2", "3", "1", "0", "01", "", "t", "1" * 17, "\u0661"])
ids = st.sampled_from(["evt-1", "e", "", "a.b", " evt-1\t", "evt 1", "é", "x" * 256])


@st.composite
def requests(draw: st.DrawFn, scheme: Scheme, body: bytes) -> Request:
    """Signed well most often, and then with something else in the way."""
    field = scheme.signature
    assert field
    time, event_id = draw(times), draw(ids)
    head = Head(timestamp=time if time.isascii() else "", id=event_id if event_id.isascii() else "")
    material = common.signature.signed_material(scheme, head, draw(st.sampled_from([body, body + b"x"])))
    right = expected_signature(scheme, KEY, material).decode()
    texts = st.sampled_from([right, right[:-1], right.upper(), right + "=", "0" * len(right), "", "é"])
    items = draw(st.lists(st.sampled_from(PREFIXES).flatmap(lambda prefix: texts.map(prefix.__add__)), max_size=3))
    items.insert(draw(st.integers(0, len(items))), field.prefix + right)
    if scheme.timestamp and scheme.timestamp.prefix:
        items = [*items, *[f"t={time}"] * draw(st.sampled_from([1, 1, 1, 0, 2]))]
    if draw(st.sampled_from([False] * 9 + [True])):
        items *= 9
    blank = draw(st.sampled_from(["", " "]))
    value = (blank + (field.separator or ",") + blank).join(items if field.separator else items[:1])
    pairs = [(draw(st.sampled_from(field.headers)), value)]
    for other, text in ((scheme.timestamp, time), (scheme.id, event_id)):
        for name in other.headers if other else ():
            pairs += [(name, draw(st.sampled_from([text, text, "", "2"])))] * draw(st.sampled_from([1, 1, 1, 0, 2]))
    return Request(gather(pairs))


@settings(max_examples=600)
@given(data=st.data(), scheme=schemes(), body=st.binary(max_size=50))
def test_a_request_is_judged_as_the_schemes_data_read_plainly_judges_it(
    data: st.DataObject, scheme: Scheme, body: bytes
) -> None:
    request = data.draw(requests(scheme, body))
    reason = None
    try:
        verify(scheme, [Key(b"other"), KEY], request, body)
    except NotGenuine as refusal:
        reason = refusal.reason
    assert reason == judge(scheme, KEY.value, request.headers, body)


def test_what_a_scheme_comes_down_to_is_made_once_and_is_no_part_of_it() -> None:
    data = {"signature": {"header": "X-S"}}
    scheme, made = load(data), []

    def make(given: Scheme) -> object:
        made.append(given)
        return object()

    assert scheme.once(make) is scheme.once(make)
    assert made == [scheme]
    assert (scheme, hash(scheme)) == (load(data), hash(load(data)))
    assert scheme != load({**data, "digest": "sha1"})
    assert "object" not in repr(scheme)


def test_one_reader_reads_many_requests() -> None:
    read = head_reader(preset("github"))
    for number in range(3):
        signature = f"{number:064x}"
        head = read(
            Request(gather([("X-Hub-Signature-256", f"sha256={signature}"), ("X-GitHub-Delivery", str(number))]))
        )
        assert (head.signatures, head.id) == ((signature,), str(number))


READ_AFTERWARDS = sorted(
    name
    for name in presets()
    if preset(name).signs_body and not preset(name).signs_fields and "{params}" not in preset(name).signed
)


@pytest.mark.parametrize("name", [name for name in READ_AFTERWARDS if not preset(name).needs_cryptography])
def test_a_body_is_not_parsed_before_its_signature_holds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from webhookctl.sender import sign, with_query

    url = "https://hooks.example.com/x"
    sent = sign(preset(name), Key(b"forger"), b'{"id": "evt-1"}', at=1_700_000_000, event_id="evt-1", url=url)

    def parse(_: bytes) -> Any:
        raise AssertionError("parsed")

    monkeypatch.setattr(common.signature, "document_of", parse)
    with pytest.raises(NotGenuine) as refusal:
        verify(preset(name), [KEY], Request(gather(sent.headers.items()), url=with_query(url, sent.query)), sent.body)
    assert refusal.value.reason is Reason.SIGNATURE_MISMATCH


def test_a_signed_body_without_its_time_is_malformed() -> None:
    body = b'{"data": 1}'
    signature = expected_signature(preset("linear"), KEY, body).decode()
    with pytest.raises(NotGenuine) as refusal:
        verify(preset("linear"), [KEY], Request(gather([("Linear-Signature", signature)])), body)
    assert refusal.value.reason is Reason.MALFORMED_BODY


PUBLIC_KEY_SIGNATURES = {"ed25519": range(64, 65), "ecdsa-p256": range(8, 73)}


@pytest.mark.parametrize("kind", PUBLIC_KEY_SIGNATURES)
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_signature_has_as_many_bytes_as_its_kind_allows(kind: str, encoding: str) -> None:
    form = signature_form(load({"kind": kind, "signature": {"header": "X-S", "encoding": encoding, "prefix": "a+"}}))
    for count in range(100):
        octets = bytes(range(count))
        text = octets.hex() if encoding == "hex" else base64.b64encode(octets).decode()
        match = form.fullmatch(f"a+{text}")
        assert (match is not None) == (count in PUBLIC_KEY_SIGNATURES[kind])
        assert match is None or match[1] == text
        for wrong in (text, f"aa{text}", f"a+{text}=", f"a+{text}\n", f"a+{text[:-1]}", f"a+={text[1:]}"):
            assert form.fullmatch(wrong) is None


@given(st.dictionaries(st.sampled_from(["A", "a", "B", "b-C", "B-c", "É"]), st.lists(st.text(max_size=3), max_size=3)))
def test_headers_with_all_their_values_are_gathered_as_their_pairs_are(headers: dict[str, list[str]]) -> None:
    pairs = [(name, value) for name, values in headers.items() for value in values]
    gathered = {name: list(values) for name, values in gather_values(headers).items() if values}
    assert gathered == gather(pairs)


def test_a_head_reads_the_same_from_names_in_any_case() -> None:
    values = {"X-Signature-Ed25519": ["ab" * 64], "x-signature-timestamp": ["1700000000"]}
    scheme = preset("discord")
    assert read_head(scheme, Request(gather_values(values))).signed_at == 1_700_000_000
