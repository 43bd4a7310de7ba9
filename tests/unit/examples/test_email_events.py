"""The handler of examples/email-events, beside a transaction that only notes what it is asked, and in a PostgreSQL."""

import importlib.util
import json
import logging
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from processor.effects.postgres_marker import SCHEMA
from processor.handling import EventLogger, HandlerEvent, Reject, Retry, Transaction
from webhookctl.local.postgres_server import Database, PostgresServer

EXAMPLE = Path(__file__).parents[3] / "examples" / "email-events"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def load(path: Path) -> ModuleType:
    """A module that is on nobody's path: on Lambda it is in the zip."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


handle = load(EXAMPLE / "email_events" / "views.py").handle


class Noted:
    """A transaction that answers every statement with the same rows, and keeps what it was asked."""

    def __init__(self, *rows: list[Any]) -> None:
        self.rows = list(rows)
        self.asked: list[dict[str, Any]] = []

    def run(self, sql: str, **parameters: Any) -> list[list[Any]]:
        table = re.findall(r"INSERT INTO (\w+)", sql)
        self.asked.append({"into": table[0], **parameters})
        return self.rows


def event(transaction: Transaction | None, document: Any, attempt: int = 1, at: datetime = NOON) -> HandlerEvent:
    return HandlerEvent(
        source="email",
        id="event-1",
        type=document["type"] if isinstance(document, dict) else "click",
        content_type="application/json",
        received_at=at,
        request_id="request",
        body=document if isinstance(document, bytes) else json.dumps(document).encode(),
        attempt=attempt,
        idempotency_key="email:event-1",
        logger=EventLogger(logging.getLogger("handler")),
        remaining=lambda: 20.0,
        transaction=transaction,
    )


@pytest.mark.parametrize("type_", ["open", "click"])
def test_a_view_marks_its_product_and_is_counted_last(type_: str) -> None:
    transaction = Noted([1])
    handle(event(transaction, {"type": type_, "product_id": "p-01"}))
    assert transaction.asked == [
        {"into": "product_views", "product_id": "p-01", "at": NOON},
        {"into": "event_counts", "type": type_},
    ]


def test_a_spam_report_is_only_counted() -> None:
    transaction = Noted()
    handle(event(transaction, {"type": "spam_report", "product_id": "p-01"}))
    assert transaction.asked == [{"into": "event_counts", "type": "spam_report"}]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"type": "bounce", "product_id": "p-01"}, "unknown type"),
        ({"type": "", "product_id": "p-01"}, "unknown type"),
        ({"type": "click"}, "no product id"),
        ({"type": "click", "product_id": 7}, "no product id"),
        ({"type": "click", "product_id": "p\x00"}, "no product id"),
        (["click"], "no product id"),
        (b"product_id=p-01", "not JSON"),
        (b"\xff", "not JSON"),
    ],
)
def test_what_can_never_be_counted_is_rejected_with_nothing_done(document: Any, reason: str) -> None:
    transaction = Noted([1])
    with pytest.raises(Reject) as rejected:
        handle(event(transaction, document))
    assert rejected.value.reason == reason
    assert transaction.asked == []


def test_a_product_that_is_not_there_is_waited_for_longer_each_time() -> None:
    delays = []
    for attempt in (1, 2, 3, 9):
        with pytest.raises(Retry) as retry:
            handle(event(Noted(), {"type": "open", "product_id": "p-01"}, attempt))
        delays.append(retry.value.after_seconds)
    assert delays == [5, 10, 20, 1280]


def test_without_a_transaction_it_says_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match=re.escape("postgres = {}")):
        handle(event(None, {"type": "spam_report"}))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        with closing(server.connect(server.name)) as owner:
            owner.run((EXAMPLE / "schema.sql").read_text(encoding="utf-8"))
        yield server


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    """The lane's own role in a transaction that is rolled back. Its only product is p-01."""
    with closing(server.connect(server.name)) as connection:
        connection.run("BEGIN; INSERT INTO products VALUES ('p-01')")
        yield connection
        connection.run("ROLLBACK")


def test_views_that_come_in_any_order_leave_the_first_and_the_last(database: Database) -> None:
    for minutes in (5, 9, 2):
        handle(event(database, {"type": "open", "product_id": "p-01"}, at=NOON + timedelta(minutes=minutes)))
    first, last = NOON + timedelta(minutes=2), NOON + timedelta(minutes=9)
    assert database.run("SELECT * FROM product_views") == [["p-01", first, last, 3]]


def test_each_type_has_a_count_of_its_own(database: Database) -> None:
    for type_ in ("open", "click", "open", "spam_report"):
        handle(event(database, {"type": type_, "product_id": "p-01"}))
    assert database.run("SELECT type, count FROM event_counts ORDER BY type") == [
        ["click", 1],
        ["open", 2],
        ["spam_report", 1],
    ]


def test_an_event_of_an_unknown_product_leaves_nothing(database: Database) -> None:
    with pytest.raises(Retry):
        handle(event(database, {"type": "open", "product_id": "p-02"}))
    assert database.run("SELECT product_id FROM product_views UNION SELECT type FROM event_counts") == []


def test_the_schema_has_the_table_that_the_lane_needs() -> None:
    assert SCHEMA.strip() in (EXAMPLE / "schema.sql").read_text(encoding="utf-8")
