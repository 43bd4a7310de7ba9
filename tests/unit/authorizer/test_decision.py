import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer.decision import Allowed, Arrival, Denied, decide
from authorizer.settings import Source
from common.headers import gather
from common.keyring import KeyRing
from common.keys import Key
from common.message_signature import signature_base
from common.reasons import Reason
from common.scheme import preset, presets
from common.signature import Request, expected_signature, verify
from tests.unit.common.vectors import vector_of
from webhookctl.sender import Signed, sign, sign_message, with_query

NOW = 1_700_000_000.0
KEY = Key(b"s3cret")
URL = "https://abc123.execute-api.eu-central-1.amazonaws.com/dev/webhooks/x"
SOURCES = {
    name: Source(name, preset(name), ("application/json", "application/x-www-form-urlencoded"), 300)
    for name in presets()
}


def keyring(source: Source) -> KeyRing:
    return KeyRing(lambda: ["s3cret"], "utf8")


def unavailable(_: Source) -> KeyRing:
    raise ConnectionError


def signed_by(name: str, at: float = NOW, url: str = URL) -> Signed:
    if preset(name).needs_cryptography:
        return Signed(dict(vector_of(name).headers), body=vector_of(name).body)
    return sign(preset(name), KEY, b"{}", at=at, event_id="evt-1", url=url)


def pairs_of(name: str, at: float = NOW) -> dict[str, str]:
    return {**signed_by(name, at).headers, "Content-Type": "application/json"}


def request(name: str, headers: Mapping[str, str] | None = None, url: str = URL) -> Arrival:
    pairs = pairs_of(name) if headers is None else headers
    at = vector_of(name).received_at if preset(name).needs_cryptography else NOW
    return Arrival(name, gather(pairs.items()), url, parse_qs(signed_by(name, url=url).query), at)


def reason_of(request: Arrival, keys: Callable[[Source], KeyRing] = keyring) -> Reason:
    decision = decide(request, SOURCES, keys)
    assert isinstance(decision, Denied)
    return decision.reason


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_well_formed_head_is_allowed_with_just_the_headers_that_the_processor_needs(name: str) -> None:
    headers = pairs_of(name) | {"Cookie": "private", "User-Agent": "x"}
    decision = decide(request(name, headers), SOURCES, keyring)
    assert isinstance(decision, Allowed)
    head = head_of(decision)
    assert head["source"] == name
    assert head["headers"] == {key.lower(): value for key, value in pairs_of(name).items()}
    assert ("url" in head) == preset(name).signs_url


def head_of(decision: Allowed) -> dict[str, Any]:
    head: dict[str, Any] = json.loads(base64.urlsafe_b64decode(decision.head + "==="))
    return head


def test_an_unknown_source_is_denied() -> None:
    assert reason_of(request("github")._replace(source="nobody")) is Reason.UNKNOWN_SOURCE


def test_a_request_without_content_type_is_denied_since_its_body_would_not_arrive_as_bytes() -> None:
    headers = pairs_of("github")
    del headers["Content-Type"]
    assert reason_of(request("github", headers)) is Reason.MISSING_CONTENT_TYPE


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/jsonx", "application/xml; application/json", ";", "application/json; a=\ud800"],
)
def test_another_content_type_is_denied(content_type: str) -> None:
    headers = pairs_of("github") | {"Content-Type": content_type}
    assert reason_of(request("github", headers)) is Reason.UNSUPPORTED_CONTENT_TYPE


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
def test_case_and_parameters_of_the_content_type_do_not_matter(content_type: str) -> None:
    assert isinstance(
        decide(request("github", pairs_of("github") | {"Content-Type": content_type}), SOURCES, keyring), Allowed
    )


def test_a_declared_length_above_what_api_gateway_takes_is_denied_and_none_is_fine() -> None:
    assert reason_of(request("github", pairs_of("github") | {"Content-Length": "10485761"})) is Reason.TOO_LARGE
    for length in ("10485760", "nonsense", "0"):
        allowed = decide(request("github", pairs_of("github") | {"Content-Length": length}), SOURCES, keyring)
        assert isinstance(allowed, Allowed)


@pytest.mark.parametrize(("name", "header"), [("github", "X-GitHub-Event"), ("github", "X-GitHub-Delivery")])
def test_a_repeated_header_that_nobody_signs_is_denied(name: str, header: str) -> None:
    headers = {key.lower(): [value] for key, value in pairs_of(name).items()} | {header.lower(): ["one", "two"]}
    assert reason_of(request(name)._replace(headers=headers)) is Reason.REPEATED_HEADER


def test_a_stale_and_a_future_timestamp_are_denied() -> None:
    assert reason_of(request("slack", pairs_of("slack", NOW - 301))) is Reason.STALE_TIMESTAMP
    assert reason_of(request("slack", pairs_of("slack", NOW + 301))) is Reason.FUTURE_TIMESTAMP


def test_a_wrong_token_is_denied_at_the_edge() -> None:
    headers = pairs_of("token") | {"X-Webhook-Token": "wrong"}
    assert reason_of(request("token", headers)) is Reason.SIGNATURE_MISMATCH


def test_a_token_that_was_put_a_moment_ago_is_allowed() -> None:
    texts = ["old"]
    ring = KeyRing(lambda: texts, "utf8")
    ring.keys(NOW - 30)
    texts[:] = ["s3cret", "old"]
    assert isinstance(decide(request("token"), SOURCES, lambda _: ring), Allowed)


def test_a_fault_of_ours_raises_and_denies_nobody() -> None:
    with pytest.raises(ConnectionError):
        decide(request("token"), SOURCES, unavailable)


def test_schemes_that_sign_the_body_need_no_secret_at_the_edge() -> None:
    assert isinstance(decide(request("github"), SOURCES, unavailable), Allowed)


EDGE = sorted(name for name in presets() if preset(name).verified_at_edge)


@pytest.mark.parametrize("name", EDGE)
def test_what_needs_no_body_is_verified_whole_at_the_edge(name: str) -> None:
    other = KeyRing(lambda: ["another"], "utf8")
    assert isinstance(decide(request(name), SOURCES, keyring), Allowed)
    decision = decide(request(name), SOURCES, lambda _: other)
    assert decision == Denied(Reason.SIGNATURE_MISMATCH)
    with pytest.raises(ConnectionError):
        decide(request(name), SOURCES, unavailable)


@pytest.mark.parametrize("name", sorted(name for name in presets() if preset(name).signs_url))
def test_the_processor_verifies_with_the_url_that_the_edge_hands_on(name: str) -> None:
    signed = signed_by(name)
    decision = decide(request(name), SOURCES, keyring)
    assert isinstance(decision, Allowed)
    head = head_of(decision)
    assert head["url"] == with_query(URL, signed.query)
    verify(preset(name), [KEY], Request(gather(head["headers"].items()), url=head["url"]), signed.body)


def test_rfc_9421_s_published_example_is_refused_though_its_mac_is_right() -> None:
    # Appendix B.2.5: date, @authority and content-type are covered, the digest of the body is not.
    headers = {
        "Host": "example.com",
        "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "Content-Type": "application/json",
        "Content-Digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm"
        "+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        "Content-Length": "18",
        "Signature-Input": 'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
        "Signature": "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
    }
    params = headers["Signature-Input"].removeprefix("sig-b25=")
    components = ("date", "@authority", "content-type")
    base = signature_base(
        components, params, gather(headers.items()), "POST", "https://example.com/foo?param=Value&Pet=dog"
    )
    secret = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    assert expected_signature(preset("rfc9421"), Key(secret), base) == b"pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
    arrival = Arrival("rfc9421", gather(headers.items()), "https://example.com/foo", {}, 1_618_884_480)
    ring = KeyRing(lambda: [base64.b64encode(secret).decode()], "base64")
    assert decide(arrival, SOURCES, lambda _: ring) == Denied(Reason.UNCOVERED_COMPONENT)


CUSTOM_DOMAIN = "https://hooks.example.com/in/webhooks/x"


@pytest.mark.parametrize(("signed_for", "came_to"), [(URL, CUSTOM_DOMAIN), (CUSTOM_DOMAIN, URL)])
def test_a_message_signature_is_for_the_stage_or_for_the_custom_domain_and_not_for_both(
    signed_for: str, came_to: str
) -> None:
    headers = {**signed_by("rfc9421", url=signed_for).headers, "Content-Type": "application/json"}
    assert isinstance(decide(request("rfc9421", headers, signed_for), SOURCES, keyring), Allowed)
    assert reason_of(request("rfc9421", headers, came_to)) is Reason.SIGNATURE_MISMATCH
    behind_a_proxy = {"rfc9421": SOURCES["rfc9421"]._replace(signed_url=signed_for)}
    assert isinstance(decide(request("rfc9421", headers, came_to), behind_a_proxy, keyring), Allowed)


def test_a_signature_that_has_expired_is_denied_however_fresh() -> None:
    mac = lambda base: expected_signature(preset("rfc9421"), KEY, base).decode()  # noqa: E731
    added = sign_message({}, "POST", URL, b"{}", mac, created=int(NOW) - 10, expires=int(NOW) - 1)
    assert reason_of(request("rfc9421", {**added, "Content-Type": "application/json"})) is Reason.EXPIRED_SIGNATURE


def test_covered_headers_go_on_to_the_processor() -> None:
    mac = lambda base: expected_signature(preset("rfc9421"), KEY, base).decode()  # noqa: E731
    headers = {"Content-Type": "application/json", "X-Tenant": "blue"}
    added = sign_message(headers, "POST", URL, b"{}", mac, created=int(NOW), covered=("x-tenant", "content-type"))
    decision = decide(request("rfc9421", {**headers, **added}), SOURCES, keyring)
    assert isinstance(decision, Allowed)
    assert head_of(decision)["headers"]["x-tenant"] == "blue"


def test_twilio_s_digest_of_the_body_is_verified_with_the_url_and_a_form_is_left_to_the_processor() -> None:
    digest = f"bodySHA256={hashlib.sha256(b'{}').hexdigest()}"
    assert signed_by("twilio").query == digest
    moved = request("twilio")._replace(query={"bodySHA256": ["0" * 64]})
    assert reason_of(moved) is Reason.SIGNATURE_MISMATCH
    assert reason_of(request("twilio")._replace(query={"bodySHA256": ["0" * 63]})) is Reason.MALFORMED_DIGEST
    assert reason_of(request("twilio")._replace(query={"bodySHA256": ["0" * 64] * 2})) is Reason.MALFORMED_DIGEST
    assert isinstance(decide(request("twilio")._replace(query={}), SOURCES, unavailable), Allowed)


def test_the_query_that_a_sender_was_given_is_part_of_its_signed_url() -> None:
    given_url = URL + "?tenant=blue"
    signed = sign(preset("twilio"), KEY, b"{}", at=NOW, url=given_url)
    headers = {**signed.headers, "Content-Type": "application/json"}
    arrival = Arrival("twilio", gather(headers.items()), URL, {"tenant": ["blue"], **parse_qs(signed.query)}, NOW)
    assert reason_of(arrival) is Reason.SIGNATURE_MISMATCH
    configured = {"twilio": SOURCES["twilio"]._replace(signed_url=given_url)}
    assert isinstance(decide(arrival, configured, keyring), Allowed)


@given(
    st.sampled_from(sorted(presets())),
    st.dictionaries(
        st.sampled_from([*{n for s in presets() for n in preset(s).header_names}, "content-type", "content-length"]),
        st.lists(st.text(st.characters(), max_size=40), min_size=1, max_size=3),
    ),
)
def test_no_head_whatever_is_in_it_raises(name: str, headers: dict[str, list[str]]) -> None:
    decision: Any = decide(Arrival(name, headers, URL, {}, NOW), SOURCES, keyring)
    assert isinstance(decision, Allowed | Denied)


def in_order(name: str, order_by: str = "", **headers: str) -> Allowed:
    """The decision on a request to a source whose queue keeps an order; a header of None is left out."""
    pairs = pairs_of(name) | headers
    source = SOURCES[name]._replace(fifo=True, order_by=order_by)
    decision = decide(request(name, pairs), {name: source}, keyring)
    assert isinstance(decision, Allowed)
    return decision


BOUND_TO_THEIR_BODY = sorted(
    name for name in presets() if preset(name).signs_body and not presets()[name]["signature"].get("pointer")
)


def test_a_source_without_order_has_neither_group_nor_deduplication_id() -> None:
    decision = decide(request("github"), SOURCES, keyring)
    assert isinstance(decision, Allowed)
    assert (decision.group, decision.deduplication_id) == ("", "")


@pytest.mark.parametrize("name", BOUND_TO_THEIR_BODY)
def test_two_deliveries_that_are_signed_alike_have_one_deduplication_id(name: str) -> None:
    first, again = in_order(name), in_order(name, **{"User-Agent": "retry/1", "X-Attempt": "2"})
    assert first.deduplication_id == again.deduplication_id
    assert len(bytes.fromhex(first.deduplication_id)) == 32


def test_a_forged_delivery_under_a_genuine_id_can_not_take_its_place() -> None:
    # Nobody but the sender can write the signature of a body before its delivery: the id alone would be guessable.
    genuine = in_order("github")
    forged = in_order("github", **{"X-Hub-Signature-256": "sha256=" + "0" * 64})
    assert head_of(genuine)["headers"]["x-github-delivery"] == head_of(forged)["headers"]["x-github-delivery"]
    assert genuine.deduplication_id != forged.deduplication_id


def test_two_events_with_one_body_are_two() -> None:
    assert in_order("github").deduplication_id != in_order("github", **{"X-GitHub-Delivery": "2"}).deduplication_id


def test_two_sources_never_share_a_deduplication_id() -> None:
    pairs = gather(pairs_of("github").items())
    ids = set()
    for name in ("one", "two"):
        source = SOURCES["github"]._replace(name=name, fifo=True)
        decision = decide(Arrival(name, pairs, "", {}, NOW), {name: source}, keyring)
        assert isinstance(decision, Allowed)
        ids.add(decision.deduplication_id)
    assert len(ids) == 2


@pytest.mark.parametrize("name", sorted(set(presets()) - set(BOUND_TO_THEIR_BODY)))
def test_a_head_that_is_good_for_any_body_deduplicates_nothing(name: str) -> None:
    # SQS would drop another event behind a 2xx. Empty: the template takes the request's own id.
    assert in_order(name).deduplication_id == ""


@pytest.mark.parametrize(
    ("value", "group"), [("ticket-5", "ticket-5"), ("A" * 128, "A" * 128), ("a.b:c@d/e+f=g,h", None)]
)
def test_the_header_names_the_group(value: str, group: str | None) -> None:
    assert in_order("github", "X-Ticket", **{"x-ticket": value}).group == (group or value)


@pytest.mark.parametrize(
    "value", ["", "A" * 129, "a b", "ü", "a\n", '"', "&MessageGroupId=x", "$util", "#set($x = 1)", "%41"]
)
def test_what_can_not_name_a_group_is_in_the_one_group_of_its_like(value: str) -> None:
    assert in_order("github", "X-Ticket", **{"X-Ticket": value}).group == "-"


def test_a_repeated_header_names_no_group_and_one_that_is_missing_neither() -> None:
    source = SOURCES["github"]._replace(fifo=True, order_by="X-Ticket")
    for values in ((), ("a", "b"), ("a", "a")):
        pairs = [*pairs_of("github").items(), *(("X-Ticket", value) for value in values)]
        decision = decide(Arrival("github", gather(pairs), URL, {}, NOW), {"github": source}, keyring)
        assert isinstance(decision, Allowed)
        assert decision.group == "-"


def test_the_header_that_orders_is_not_in_the_envelope() -> None:
    assert "x-ticket" not in head_of(in_order("github", "X-Ticket", **{"X-Ticket": "5"}))["headers"]
