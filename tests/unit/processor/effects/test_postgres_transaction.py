import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pg8000.native
import pytest

from processor.effects import load_effect
from processor.handling import AttemptFailed, Handle, Reject, Retry
from tests.unit.processor.effects import handlers
from tests.unit.processor.effects.databases import ORDERS, transacting
from tests.unit.processor.effects.events import make_event
from webhookctl.local.postgres_server import Database, PostgresServer


@pytest.fixture(autouse=True)
def orders(database: Database) -> Iterator[None]:
    database.run(ORDERS)
    handlers.started.clear()
    handlers.go_on.clear()
    yield
    handlers.calls.clear()
    handlers.kept.clear()
    handlers.scripts.clear()


def handler(server: PostgresServer, name: str) -> Handle:
    return transacting(server, f"tests.unit.processor.effects.handlers:{name}")


def ids(database: Database) -> list[str]:
    return [row[0] for row in database.run("SELECT id FROM orders ORDER BY 1")]


def markers(database: Database) -> list[str]:
    return [row[0] for row in database.run("SELECT idempotency_key FROM webhook_effects ORDER BY 1")]


def scripted(server: PostgresServer, script: Any) -> AttemptFailed:
    """How the attempt fails whose handler does this with its transaction."""
    handlers.scripts["script"] = script
    with pytest.raises(AttemptFailed) as failed:
        handler(server, "runs_script")(make_event(type="script"))
    return failed.value


def test_what_the_handler_did_is_committed_with_the_marker(server: PostgresServer, database: Database) -> None:
    assert handler(server, "pays")(make_event()) == "paid"
    assert (ids(database), markers(database)) == (["evt_1"], ["shop:evt_1"])


def test_nothing_is_seen_of_it_before_it_returns(server: PostgresServer, database: Database) -> None:
    seen: list[list[str]] = []

    def script(transaction: Any) -> None:
        transaction.run("INSERT INTO orders VALUES ('evt_1', 1)")
        seen.extend([ids(database), markers(database)])

    handlers.scripts["script"] = script
    handler(server, "runs_script")(make_event(type="script"))

    assert (seen, ids(database)) == ([[], []], ["evt_1"])


def test_another_attempt_does_not_call_the_handler(server: PostgresServer, database: Database) -> None:
    handler(server, "pays")(make_event())  # and the environment is gone before it tells anybody

    assert handler(server, "pays")(make_event(attempt=2)) == "done before"
    assert handlers.calls == ["evt_1"]


@pytest.mark.parametrize(
    ("kind", "error"), [("retry", Retry), ("reject", Reject), ("other", KeyError), ("exit", SystemExit)]
)
def test_what_the_handler_did_is_undone_when_it_raises(
    server: PostgresServer, database: Database, kind: str, error: type[BaseException]
) -> None:
    handle = handler(server, "fails")
    with pytest.raises(error):
        handle(make_event(type=kind))

    assert (ids(database), markers(database)) == ([], [])
    assert handler(server, "pays")(make_event(attempt=2)) == "paid"


def test_one_connection_serves_one_event_after_the_other(server: PostgresServer, database: Database) -> None:
    handle = handler(server, "runs_script")
    processes = []
    handlers.scripts["pid"] = lambda transaction: processes.extend(transaction.run("SELECT pg_backend_pid()"))
    handlers.scripts["bad"] = lambda transaction: transaction.run("SELECT 1 / 0")
    for number, kind in enumerate(["pid", "bad", "pid", "pid"]):
        try:
            handle(make_event(id=str(number), type=kind))
        except AttemptFailed:
            assert kind == "bad"

    assert len(processes) == 3
    assert processes[0] == processes[1] == processes[2]


def test_a_statement_takes_parameters_and_gives_rows(server: PostgresServer) -> None:
    assert handler(server, "asks")(make_event()) == "answered"


@pytest.mark.parametrize(
    "sql",
    [
        *("COMMIT", "commit work", " \n\tCommit;", "COMMIT AND CHAIN", "END", "end transaction", "ROLLBACK", "abort"),
        *("ROLLBACK AND CHAIN", "BEGIN", "START  TRANSACTION", "PREPARE TRANSACTION 'x'", "; COMMIT", ";;\n;COMMIT"),
        *("-- to\nCOMMIT", "/* to */ COMMIT", "/**/--\n/* a\nb */COMMIT", "rollback work"),
    ],
)
def test_a_handler_cant_end_its_transaction(server: PostgresServer, database: Database, sql: str) -> None:
    def script(transaction: Any) -> None:
        transaction.run("INSERT INTO orders VALUES ('evt_1', 1)")
        transaction.run(sql)

    assert scripted(server, script).error == "the handler tried to end its transaction"
    assert (ids(database), markers(database)) == ([], [])


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 1; COMMIT", "42601"),
        ("INSERT INTO orders VALUES ('evt_2', 1); COMMIT; BEGIN", "42601"),
        ("CALL ends()", "2D000"),
        ("DO $$ BEGIN COMMIT; END $$", "2D000"),
        ("PREPARE/**/TRANSACTION 'x'", "55000"),
    ],
)
def test_a_handler_cant_end_its_transaction_by_a_detour(
    server: PostgresServer, database: Database, sql: str, code: str
) -> None:
    database.run("CREATE PROCEDURE ends() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$")

    def script(transaction: Any) -> None:
        transaction.run("INSERT INTO orders VALUES ('evt_1', 1)")
        transaction.run(sql)

    assert scripted(server, script).error.startswith(f"postgres {code}")
    assert (ids(database), markers(database)) == ([], [])


@pytest.mark.parametrize("sql", ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN", "COMMIT AND CHAIN"])
def test_a_transaction_that_was_ended_all_the_same_is_found_out_each_time(
    server: PostgresServer, database: Database, sql: str
) -> None:
    def script(transaction: Any) -> None:
        transaction.run("SELECT 1")
        transaction._connection.run(sql)  # as somebody may who knows where to look

    for _ in range(2):
        assert scripted(server, script).error == "the handler ended its transaction"
    assert markers(database) == []


def test_the_words_of_an_end_are_no_end_within_a_statement(server: PostgresServer, database: Database) -> None:
    handlers.scripts["script"] = lambda transaction: (
        transaction.run("INSERT INTO orders VALUES ('COMMIT; END; ROLLBACK', 1)"),
        transaction.run("SELECT 1 AS commit"),
        transaction.run('CREATE TABLE commitments ("end" text)'),
        transaction.run("PREPARE begins AS SELECT 1"),
    )
    handler(server, "runs_script")(make_event(type="script"))

    assert ids(database) == ["COMMIT; END; ROLLBACK"]


def test_a_handler_may_roll_back_to_a_savepoint(server: PostgresServer, database: Database) -> None:
    assert handler(server, "uses_savepoint")(make_event()) == "both"
    assert ids(database) == ["after", "before"]


def test_an_error_that_the_handler_swallowed_fails_the_attempt(server: PostgresServer, database: Database) -> None:
    with pytest.raises(AttemptFailed) as failed:
        handler(server, "swallows")(make_event())

    assert failed.value.error == "postgres 25P02"
    assert (ids(database), markers(database)) == ([], [])


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("INSERT INTO orders VALUES ('secret', -1)", "postgres 23514 orders.orders_amount_check"),
        ("SELECT 'secret'::int", "postgres 22P02"),
        ("SELECT * FROM secret", "postgres 42P01"),
        ("SELECT secret", "postgres 42703"),
        ("secret", "postgres 42601"),
    ],
)
def test_an_error_of_the_handlers_sql_is_a_failed_attempt_without_its_text(
    server: PostgresServer, sql: str, error: str
) -> None:
    failed = scripted(server, lambda transaction: transaction.run(sql))

    assert failed.error == error
    assert failed.__suppress_context__


def test_a_constraint_that_is_checked_at_the_commit_fails_the_attempt(
    server: PostgresServer, database: Database
) -> None:
    database.run("ALTER TABLE orders ADD parent text REFERENCES orders DEFERRABLE INITIALLY DEFERRED")
    failed = scripted(
        server, lambda transaction: transaction.run("INSERT INTO orders (id, amount, parent) VALUES ('a', 1, 'b')")
    )

    assert failed.error == "postgres 23503 orders.orders_parent_fkey"
    assert (ids(database), markers(database)) == ([], [])


def test_a_transaction_is_of_no_use_after_its_event(server: PostgresServer) -> None:
    handle = handler(server, "keeps")
    handle(make_event())
    handle(make_event(id="evt_2"))

    for transaction in handlers.kept:
        with pytest.raises(RuntimeError, match="is over"):
            transaction.run("SELECT 1")


def test_a_connection_that_breaks_under_the_handler_fails_the_attempt_and_is_made_anew(
    server: PostgresServer, database: Database
) -> None:
    def script(transaction: Any) -> None:
        ((process,),) = transaction.run("SELECT pg_backend_pid()")
        with_server = server.connect()
        with_server.run("SELECT pg_terminate_backend(:process, 60000)", process=process)
        with_server.close()
        transaction.run("INSERT INTO orders VALUES ('evt_1', 1)")

    handlers.scripts |= {"break": script, "ok": lambda transaction: transaction.run("SELECT 1")}
    handle = handler(server, "runs_script")
    with pytest.raises(AttemptFailed) as failed:
        handle(make_event(type="break"))
    assert failed.value.error == "postgres: connection lost"
    assert (ids(database), markers(database)) == ([], [])

    handle(make_event(type="ok", attempt=2))
    assert markers(database) == ["shop:evt_1"]


def test_a_handler_that_swallows_the_end_of_its_connection_has_failed(
    server: PostgresServer, database: Database
) -> None:
    def script(transaction: Any) -> None:
        ((process,),) = transaction.run("SELECT pg_backend_pid()")
        with_server = server.connect()
        with_server.run("SELECT pg_terminate_backend(:process, 60000)", process=process)
        with_server.close()
        with pytest.raises((pg8000.native.Error, OSError)):
            transaction.run("SELECT 1")

    assert scripted(server, script).error == "postgres: connection lost"
    assert markers(database) == []


def test_a_handlers_own_connection_error_stays_its_own(server: PostgresServer) -> None:
    def script(transaction: Any) -> None:
        raise ConnectionResetError("of another connection")

    handlers.scripts["script"] = script
    with pytest.raises(ConnectionResetError, match="of another connection"):
        handler(server, "runs_script")(make_event(type="script"))


def test_a_statement_is_cut_off_when_the_attempts_time_is_up(server: PostgresServer) -> None:
    handlers.scripts["sleep"] = lambda transaction: transaction.run("SELECT pg_sleep(60)")
    with pytest.raises(AttemptFailed) as failed:
        handler(server, "runs_script")(make_event(type="sleep", seconds=1))

    assert failed.value.error in ("postgres 57014", "postgres: timed out")


def test_two_environments_do_not_call_the_handler_for_one_event_at_once(
    server: PostgresServer, database: Database
) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(handler(server, "waits"), make_event())
        handlers.started.wait(60)
        second = pool.submit(handler(server, "pays"), make_event())
        while not database.run("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            time.sleep(0.02)
        handlers.go_on.set()

        assert (first.result(), second.result()) == ("paid", "done before")
    assert handlers.calls == ["evt_1"]


def test_a_missing_markers_table_is_named(server: PostgresServer, database: Database) -> None:
    database.run("DROP TABLE webhook_effects")
    with pytest.raises(AttemptFailed) as failed:
        handler(server, "pays")(make_event())

    assert failed.value.error == "postgres: there is no table webhook_effects"
    assert handlers.calls == []


def test_a_handler_without_postgres_has_no_transaction() -> None:
    handle = load_effect({"kind": "handler", "handler": "tests.unit.processor.effects.handlers:pays"}, lambda _: [])

    with pytest.raises(AssertionError):
        handle(make_event())
