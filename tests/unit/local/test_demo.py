import hashlib
from collections.abc import Iterable
from typing import Any

import pytest

from common.keys import Key
from common.scheme import preset
from webhookctl.local.demo.audit import Answer, Audit, audit
from webhookctl.local.demo.delivery import Delivery, Kind
from webhookctl.local.demo.traffic import HOSTILE_BODIES, ODD_ONES, Sender, burst

NOW = 1_700_000_000.0
GENUINE = Delivery(Kind.GENUINE, "github", {}, b"body", event="evt-1")
AGAIN = Delivery(Kind.DUPLICATE, "github", {}, b"body", event="evt-1")
OTHER = Delivery(Kind.CONFLICT, "github", {}, b"other", event="evt-1")
FORGED = Delivery(Kind.FORGED, "github", {}, b"forged")
STALE = Delivery(Kind.STALE, "github", {}, b"stale", status=403)


def item(outcome: str, body: bytes) -> dict[str, Any]:
    return {
        "lane": {"S": f"github#{outcome}#0"},
        "outcome": {"S": outcome},
        "source": {"S": "github"},
        "body": {"B": body},
        "body_sha256": {"S": hashlib.sha256(body).hexdigest()},
    }


def audited(deliveries: Iterable[tuple[Delivery, int]], *items: dict[str, Any]) -> Audit:
    return audit([Answer(delivery, status, 0) for delivery, status in deliveries], items)


def test_an_account_that_balances_has_no_problems() -> None:
    result = audited(
        [(GENUINE, 200), (AGAIN, 202), (OTHER, 200), (FORGED, 200), (STALE, 403)],
        item("stored", b"body"),
        item("conflict", b"other"),
        item("quarantined", b"forged"),
        {"pk": {"S": "key#github#0123abcd"}, "last_used_at_ms": {"N": "1"}},
    )
    assert result.problems == []
    rows = result.rows
    assert (rows[Kind.GENUINE].stored, rows[Kind.DUPLICATE].duplicate, rows[Kind.CONFLICT].conflict) == (1, 1, 1)
    assert (rows[Kind.FORGED].quarantined, rows[Kind.STALE].refused[403]) == (1, 1)


@pytest.mark.parametrize(
    ("deliveries", "items", "problem"),
    [
        ([(GENUINE, 200)], [], "accepted and is missing"),
        ([(GENUINE, 200)], [item("stored", b"bodY")], "byte for byte"),
        ([(GENUINE, 200)], [item("stored", b"bodY")], "that nobody sent"),
        ([(GENUINE, 200)], [item("stored", b"body"), item("stored", b"body")], "2 effects"),
        ([(GENUINE, 200), (OTHER, 200)], [item("stored", b"body"), item("stored", b"other")], "2 effects"),
        ([(GENUINE, 200)], [item("quarantined", b"body")], "missing"),
        ([(GENUINE, 503)], [], "answered 503, not accepted"),
        ([(FORGED, 200)], [item("stored", b"forged")], "1 x stored from github that nobody sent"),
        ([(FORGED, 200)], [], "not in quarantine"),
        ([(STALE, 200)], [item("quarantined", b"stale")], "answered 200, not 403"),
    ],
)
def test_every_broken_promise_is_a_problem(
    deliveries: list[tuple[Delivery, int]], items: list[dict[str, Any]], problem: str
) -> None:
    assert any(problem in sentence for sentence in audited(deliveries, *items).problems)


def senders() -> list[Sender]:
    names = ("github", "slack", "stripe", "standard-webhooks")
    return [Sender(name, preset(name), Key(b"k" * 32)) for name in names]


def test_a_burst_has_its_size_every_kind_and_every_hostile_body_of_every_source() -> None:
    deliveries = burst(senders(), 2_000, NOW, seed=1)
    assert len(deliveries) == 2_000
    assert {delivery.kind for delivery in deliveries} == set(Kind) - {Kind.PUBLISHED}
    for sender in senders():
        bodies = {d.body for d in deliveries if d.source == sender.source and d.kind is Kind.HOSTILE_BODY}
        assert bodies == set(HOSTILE_BODIES)
    assert sum(delivery.kind is Kind.STALE for delivery in deliveries) == 3 * ODD_ONES[Kind.STALE]


def test_a_burst_is_the_same_for_the_same_seed() -> None:
    assert burst(senders(), 1_000, NOW, seed=1) == burst(senders(), 1_000, NOW, seed=1)
    assert burst(senders(), 1_000, NOW, seed=1) != burst(senders(), 1_000, NOW, seed=2)


def test_genuine_events_differ_in_their_bodies_so_that_a_body_tells_its_event() -> None:
    deliveries = burst(senders(), 2_000, NOW, seed=1)
    events: dict[tuple[str, bytes], set[str]] = {}
    for delivery in deliveries:
        if delivery.is_genuine:
            events.setdefault((delivery.source, delivery.body), set()).add(delivery.event)
    assert all(len(names) == 1 for names in events.values())
