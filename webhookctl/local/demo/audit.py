"""Where every delivery ended: what was answered held against what the table holds. Trusts neither logs nor metrics."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from processor.event import Outcome
from processor.store import stored_body
from webhookctl.local.demo.delivery import Delivery, Kind

Held = Counter[tuple[str, bytes]]
"""How often a body of a source is in the table."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a delivery was answered in the end. `throttled` is how often it was told to come back first."""

    delivery: Delivery
    status: int
    throttled: int

    @property
    def is_accepted(self) -> bool:
        """Whether the sender may forget it."""
        return 200 <= self.status < 300


@dataclass
class Row:
    """One kind of delivery: how many were sent, and how many ended where."""

    sent: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    stored: int = 0
    duplicate: int = 0
    conflict: int = 0
    quarantined: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """`problems` are sentences, one for each promise that was broken; empty is good."""

    rows: Mapping[Kind, Row]
    problems: Sequence[str]
    throttled: int


def audit(answers: Sequence[Answer], items: Iterable[Mapping[str, Any]]) -> Audit:
    """Holds the answers against all items of the table, as boto3's client gives them.

    Items without a lane are no webhooks: they say which bodies were seen, when keys were used, what was a duplicate.
    """
    book = _Book(item for item in items if "lane" in item)
    for answer in answers:
        book.enter(answer)
    for accepted in book.events.values():
        book.settle(accepted)
    book.close()
    return Audit(book.rows, book.problems, sum(answer.throttled for answer in answers))


class _Book:
    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        self.held: dict[Outcome, Held] = {outcome: Counter() for outcome in Outcome}
        for item in items:
            self.held[Outcome(item["outcome"]["S"])][item["source"]["S"], stored_body(item)] += 1
        self.rows: dict[Kind, Row] = {kind: Row() for kind in Kind}
        self.problems: list[str] = []
        self.events: defaultdict[tuple[str, str], list[Delivery]] = defaultdict(list)

    def enter(self, answer: Answer) -> None:
        """Refusals are settled at once; accepted deliveries of one event together, later."""
        delivery, row = answer.delivery, self.rows[answer.delivery.kind]
        row.sent += 1
        expected = answer.is_accepted if not delivery.status else answer.status == delivery.status
        if not expected:
            wanted = delivery.status or "accepted"
            self.problems.append(f"{_name(delivery)} was answered {answer.status}, not {wanted}")
        if not answer.is_accepted:
            row.refused[answer.status] += 1
        elif delivery.is_genuine:
            self.events[delivery.source, delivery.event].append(delivery)
        else:
            self._settle_forgery(delivery, row)

    def settle(self, accepted: Sequence[Delivery]) -> None:
        """One event: one effect, every other body of its id a conflict, every repetition a duplicate."""
        bodies = {(delivery.source, delivery.body) for delivery in accepted}
        effects = sum(self.held[Outcome.STORED][body] for body in bodies)
        if effects != 1:
            self.problems.append(f"{_name(accepted[0])}: {effects} effects of event {accepted[0].event}, not 1")
        seen: set[tuple[str, bytes]] = set()
        for delivery in accepted:
            self._settle_one(delivery, seen)
            seen.add((delivery.source, delivery.body))
        for body in bodies:
            for outcome in (Outcome.STORED, Outcome.CONFLICT):
                self.held[outcome].pop(body, None)

    def close(self) -> None:
        """Whatever is still held was never sent so, or not by whom it says."""
        for outcome, held in self.held.items():
            for (source, body), count in held.items():
                self.problems.append(f"{count} x {outcome.value} from {source} that nobody sent, of {len(body)} bytes")

    def _settle_one(self, delivery: Delivery, seen: set[tuple[str, bytes]]) -> None:
        row, body = self.rows[delivery.kind], (delivery.source, delivery.body)
        if body in seen:
            row.duplicate += 1
        elif self.held[Outcome.STORED][body]:
            row.stored += 1
        elif self.held[Outcome.CONFLICT][body]:
            row.conflict += 1
        else:
            row.missing += 1
            self.problems.append(f"{_name(delivery)} was accepted and is missing, or not byte for byte what was sent")

    def _settle_forgery(self, delivery: Delivery, row: Row) -> None:
        body = (delivery.source, delivery.body)
        if self.held[Outcome.QUARANTINED][body]:
            row.quarantined += 1
            self._take(Outcome.QUARANTINED, body)
            return
        row.missing += 1
        self.problems.append(f"{_name(delivery)} was accepted and is not in quarantine")

    def _take(self, outcome: Outcome, body: tuple[str, bytes]) -> None:
        self.held[outcome][body] -= 1
        if not self.held[outcome][body]:
            del self.held[outcome][body]


def _name(delivery: Delivery) -> str:
    return f"{delivery.source}, {delivery.kind.value}, {len(delivery.body)} bytes"
