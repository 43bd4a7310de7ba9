"""PostgreSQL, exactly once: a row by event, or a transaction around the user's handler.

At most one commit has the event's marker in it (see `postgres_marker`), however often the event is attempted, and from
however many execution environments at once.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from processor.effects.fields import text
from processor.effects.live_secret import LiveSecret
from processor.effects.postgres_driver import pg8000
from processor.effects.postgres_marker import MARKER_TABLE
from processor.effects.postgres_marker import SCHEMA as SCHEMA
from processor.effects.postgres_session import Connection, Session, seconds_left, sqlstate
from processor.effects.postgres_write import (
    COLUMNS_OF_TABLE,
    Write,
    parameters,
    quoted,
    read_document,
    read_write,
    statement,
)
from processor.handling import AttemptFailed, Handle, HandlerEvent, Reject

DONE_BEFORE = "done before"

_LOST = "postgres: connection lost"
_TIMED_OUT = "postgres: timed out"

_NEVER_TO_SUCCEED = ("22", "23502", "23505", "23514", "54")
"""Data that its column or its table will not have: data_exception; a violated not-null, unique or check constraint;
and what exceeds PostgreSQL's own limits (54), such as a key of kilobytes. A violated foreign key (23503) is not among
them: the row may be on its way."""

_MARK = f"""
INSERT INTO {quoted(MARKER_TABLE)} (idempotency_key) VALUES (:idempotency_key)
ON CONFLICT (idempotency_key) DO NOTHING RETURNING txid_current()
"""  # noqa: S608
_UNMARK = f"DELETE FROM {quoted(MARKER_TABLE)} WHERE idempotency_key = :idempotency_key"  # noqa: S608

# Sent as a prepared statement, text can hold one statement only; so what it begins with is what it is.
_ENDS_TRANSACTION = re.compile(
    r"""(?: \s | ; | --[^\n]*(?:\n|$) | /\*.*?\*/ )*
    (?: commit | end | abort | begin | start \s+ transaction | prepare \s+ transaction
      | rollback (?! (?:\s+(?:work|transaction))? \s+ to \b) ) \b""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def postgres_effect(configuration: Mapping[str, Any], read_secret: Callable[[str], list[str]]) -> Handle:
    """Writes a row of the configured table by event. Raises ValueError for a configuration that can't be meant."""
    write = read_write(configuration)
    session = Session(LiveSecret(partial(read_secret, text(configuration, "secret_name"))))

    def handle(event: HandlerEvent) -> str:
        document = read_document(event.body) if write.needs_json else None
        try:
            return session.run(event, lambda connection: _write(connection, write, event, document))
        except pg8000.native.DatabaseError as error:
            if sqlstate(error).startswith(_NEVER_TO_SUCCEED):
                raise Reject(describe(error)) from None
            raise AttemptFailed(describe(error)) from None

    return handle


def in_transaction(handle: Handle, secret: LiveSecret) -> Handle:
    """The handler, given a transaction that is committed when it returns, and rolled back when it raises.

    Where the event's marker is there already, the handler is not called.
    """
    session = Session(secret)

    def handle_in_transaction(event: HandlerEvent) -> str | None:
        try:
            begun = session.run(event, lambda connection: _begin(connection, event))
            return DONE_BEFORE if begun is None else _perform(handle, event, session, *begun)
        except pg8000.native.DatabaseError as error:
            # Also for data that will never fit: it is the handler that would have to change, and then it may.
            raise AttemptFailed(describe(error)) from None

    return handle_in_transaction


def describe(error: pg8000.native.DatabaseError) -> str:
    """The server's error by its code and what it is about. Its message may quote the data."""
    fields = error.args[0]
    place = ".".join(fields[name] for name in ("t", "c", "n") if name in fields)
    return f"postgres {sqlstate(error)} {place}".rstrip()


def _write(connection: Connection, write: Write, event: HandlerEvent, document: Any) -> str:
    connection.limit_statements(seconds_left(event))
    if connection.plan is None:
        types = dict(connection.execute_once(COLUMNS_OF_TABLE, name=write.name))
        connection.plan = statement(write, types), types
    sql, types = connection.plan
    values = parameters(write, types, event, document)
    with _naming_the_marker_table():
        (counts,) = connection.execute(sql, **values)
    if counts[0] == 0:
        return DONE_BEFORE
    return "row written" if counts[1] else "row was there"


def _begin(connection: Connection, event: HandlerEvent) -> tuple[Connection, int] | None:
    """The transaction's number, with the marker in it; None, and no transaction, where the marker was there."""
    seconds = seconds_left(event)
    connection.limit_statements(seconds)
    connection.run(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
        f"SET LOCAL idle_in_transaction_session_timeout = {int((seconds + 1) * 1000)}"
    )
    with _naming_the_marker_table():
        rows = connection.execute(_MARK, idempotency_key=event.idempotency_key)
    if not rows:
        connection.run("ROLLBACK")
        return None
    return connection, rows[0][0]


def _perform(
    handle: Handle, event: HandlerEvent, session: Session, connection: Connection, transaction_id: int
) -> str | None:
    transaction = _Transaction(connection)
    with connection.cut_off(seconds_left(event)) as cut:
        try:
            result = handle(replace(event, transaction=transaction))
            transaction.close()
            _commit(connection, event, transaction_id)
        except BaseException as error:
            transaction.close()
            was_usable = connection.is_usable
            session.settle(error)
            if not was_usable and isinstance(error, OSError | pg8000.native.InterfaceError):
                raise AttemptFailed(_TIMED_OUT if cut.is_made else _LOST) from None
            raise
    session.settle()
    return result


def _commit(connection: Connection, event: HandlerEvent, transaction_id: int) -> None:
    if not connection.is_usable:
        raise AttemptFailed(_LOST)  # of which the handler made nothing
    if connection.run("SELECT txid_current_if_assigned()") != [[transaction_id]]:
        connection.run("ROLLBACK")
        # Committed with a part of the effect: the next attempt would take that for all of it, and never fail.
        connection.execute(_UNMARK, idempotency_key=event.idempotency_key)
        raise AttemptFailed("the handler ended its transaction")
    connection.run("COMMIT")


class _Transaction:
    """What a handler sees of the connection, while it is called."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection

    def run(self, sql: str, **parameters: Any) -> list[list[Any]]:
        if self._connection is None:
            raise RuntimeError("the transaction is over")
        if _ENDS_TRANSACTION.match(sql):
            raise AttemptFailed("the handler tried to end its transaction")
        return self._connection.execute_once(sql, **parameters)

    def close(self) -> None:
        self._connection = None


@contextmanager
def _naming_the_marker_table() -> Iterator[None]:
    try:
        yield
    except pg8000.native.DatabaseError as error:
        if sqlstate(error) == "42P01":  # undefined_table, which the server names in its message only
            raise AttemptFailed(f"postgres: there is no table {MARKER_TABLE}") from None
        raise
