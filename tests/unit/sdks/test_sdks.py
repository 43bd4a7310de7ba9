import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.headers import gather
from common.keys import read_keys
from common.reasons import NotGenuine
from common.scheme import preset
from common.signature import Request, check_freshness, verify
from tests.unit.sdks.peers import EVENT_ID, PEERS, Peer, form_bodies
from webhookctl.sender import Signed, sign, with_query

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
DIRECTIONS = 44
"""Two for each of `PEERS`: said once more, so that a peer that gets lost is missed."""

FEWER = settings(max_examples=20, deadline=None)  # the first example imports the SDK
each_peer = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)


def ours(peer: Peer, body: bytes, now: int) -> Signed:
    """What we send in the sender's place; its own where only its private key can sign."""
    if not peer.shares_its_secret:
        return theirs(peer, body, now)
    (key,) = read_keys([peer.secret], preset(peer.scheme).key_encoding)
    return sign(preset(peer.scheme), key, body, at=now, event_id=EVENT_ID, url=peer.url)


def theirs(peer: Peer, body: bytes, now: int) -> Signed:
    return peer.sign(peer.secret, peer.url, body, now)


def accepted_by_us(peer: Peer, url: str, sent: Signed) -> bool:
    scheme = preset(peer.scheme)
    request = Request(gather(sent.headers.items()), url=with_query(url, sent.query))
    try:
        head, _ = verify(scheme, read_keys([peer.secret], scheme.key_encoding), request, sent.body)
        check_freshness(head, time.time(), 300)
    except NotGenuine:
        return False
    return True


def accepted_by_them(peer: Peer, url: str, sent: Signed) -> bool:
    return peer.accepts(peer.secret, with_query(url, sent.query), sent)


def changes(peer: Peer, sent: Signed, now: int) -> Iterator[tuple[str, Signed]]:
    """The request with one thing changed that the sender signs."""
    scheme = preset(peer.scheme)
    yield peer.seen_url, replace(sent, body=sent.body + b" ")
    if scheme.signs_url:
        yield peer.seen_url + "x", sent
    if scheme.timestamp or scheme.kind == "message-signature":
        earlier = {name: value.replace(str(now), str(now - 1)) for name, value in sent.headers.items()}
        yield peer.seen_url, replace(sent, headers=earlier)


@each_peer
@FEWER
@given(data=st.data())
def test_what_we_sign_the_sdk_accepts_and_refuses_once_it_is_changed(peer: Peer, data: st.DataObject) -> None:
    now = int(time.time())
    sent = ours(peer, data.draw(peer.bodies), now)
    assert accepted_by_them(peer, peer.seen_url, sent)
    for url, changed in changes(peer, sent, now):
        assert not accepted_by_them(peer, url, changed)


@each_peer
@FEWER
@given(data=st.data())
def test_what_the_sdk_signs_we_accept_and_refuse_once_it_is_changed(peer: Peer, data: st.DataObject) -> None:
    now = int(time.time())
    sent = theirs(peer, data.draw(peer.bodies), now)
    assert accepted_by_us(peer, peer.seen_url, sent)
    for url, changed in changes(peer, sent, now):
        assert not accepted_by_us(peer, url, changed)


def test_every_sdk_that_is_installed_agrees_in_both_directions(capsys: pytest.CaptureFixture[str]) -> None:
    now = int(time.time())
    agreed = [
        accepts(peer, peer.seen_url, signs(peer, b"a=b" if peer.bodies is form_bodies else b"{}", now))
        for peer in PEERS
        for signs, accepts in ((ours, accepted_by_them), (theirs, accepted_by_us))
    ]
    sdks = {peer.sdk for peer in PEERS}
    with capsys.disabled():
        print(f"\n{len(sdks)} SDKs, {agreed.count(True)} directions agreed")  # noqa: T201 - for whoever reads the run
    assert sdks == set(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["dependency-groups"]["sdks"])
    assert agreed == [True] * DIRECTIONS
