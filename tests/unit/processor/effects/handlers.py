"""Handlers with a transaction, such as a user might write, and some that nobody should."""

import contextlib
import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pg8000.native

from processor.handling import HandlerEvent, Reject, Retry, Transaction

calls: list[str] = []
kept: list[Transaction] = []
scripts: dict[str, Callable[[Transaction], Any]] = {}


def transaction_of(event: HandlerEvent) -> Transaction:
    assert event.transaction is not None
    return event.transaction


def pays(event: HandlerEvent) -> str:
    calls.append(event.id)
    transaction_of(event).run(
        "INSERT INTO orders (id, amount) VALUES (:id, :amount)", id=event.id, amount=event.json()["amount"]
    )
    return "paid"


def fails(event: HandlerEvent) -> None:
    pays(event)
    raise {"retry": Retry(5, "later"), "reject": Reject("never"), "exit": SystemExit(1)}.get(event.type, KeyError("x"))


def runs_script(event: HandlerEvent) -> Any:
    """Does what a test has put there under the event's type."""
    return scripts[event.type](transaction_of(event))


def keeps(event: HandlerEvent) -> None:
    kept.append(transaction_of(event))


def swallows(event: HandlerEvent) -> str:
    transaction_of(event).run("INSERT INTO orders (id, amount) VALUES ('before', 1)")
    with contextlib.suppress(pg8000.native.DatabaseError):
        transaction_of(event).run("SELECT 1 / 0")
    return "as if nothing had been"


def uses_savepoint(event: HandlerEvent) -> str:
    run = transaction_of(event).run
    run("INSERT INTO orders (id, amount) VALUES ('before', 1)")
    run("SAVEPOINT here")
    try:
        run("INSERT INTO orders (id, amount) VALUES ('within', -1)")
    except pg8000.native.DatabaseError:
        run("ROLLBACK TO SAVEPOINT here")
    run("INSERT INTO orders (id, amount) VALUES ('after', 1)")
    return "both"


def asks(event: HandlerEvent) -> str:
    ((number, text, day, amount, nothing),) = transaction_of(event).run(
        "SELECT 1 + :one, :text::text, DATE '2026-02-28', 1.10::numeric, NULL::text", one=1, text="it's :odd $1"
    )
    assert (number, text, day, amount, nothing) == (2, "it's :odd $1", date(2026, 2, 28), Decimal("1.10"), None)
    assert transaction_of(event).run("SELECT 1 WHERE false") == []
    assert transaction_of(event).run("SET LOCAL work_mem = '8MB'") == []
    return "answered"


started, go_on = threading.Event(), threading.Event()


def waits(event: HandlerEvent) -> str:
    started.set()
    go_on.wait(60)
    return pays(event)
