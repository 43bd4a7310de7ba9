import json
import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pg8000.native
import pytest

from processor.effects import load_effect
from processor.handling import AttemptFailed, HandlerEvent, Reject
from tests.unit.processor.effects.databases import CONFIGURATION, ORDERS, writer
from tests.unit.processor.effects.events import RECEIVED_AT, make_event
from webhookctl.local.postgres_server import Database, PostgresServer


def rows(database: Database, table: str = "orders") -> list[list[Any]]:
    found: list[list[Any]] = database.run(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
    return found


def markers(database: Database) -> list[str]:
    return [key for key, _ in rows(database, "webhook_effects")]


def test_an_event_becomes_a_row_and_a_marker(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)

    assert writer(server)(make_event()) == "row written"
    assert [[key, str(amount)] for key, amount in rows(database)] == [["evt_1", "12"]]
    assert markers(database) == ["shop:evt_1"]


def test_another_attempt_at_the_event_changes_nothing(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)
    writer(server)(make_event())  # and the environment is gone before it tells anybody
    database.run("DELETE FROM orders")

    assert writer(server)(make_event(attempt=2)) == "done before"
    assert rows(database) == []


def test_the_marker_is_not_kept_without_the_row(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)

    with pytest.raises(Reject):
        writer(server)(make_event(b'{"amount": -1}'))
    assert markers(database) == []


def test_a_row_that_is_there_is_left_as_it_is(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)
    database.run("INSERT INTO orders VALUES ('evt_1', 7)")

    assert writer(server)(make_event()) == "row was there"
    assert rows(database)[0][1] == 7
    assert markers(database) == ["shop:evt_1"]


def test_a_row_that_is_there_gets_the_new_values_where_that_is_wanted(
    server: PostgresServer, database: Database
) -> None:
    database.run(ORDERS)
    database.run("INSERT INTO orders VALUES ('evt_1', 7), ('evt_2', 7)")

    assert writer(server, on_conflict="update")(make_event()) == "row written"
    assert [int(amount) for _, amount in rows(database)] == [12, 7]


def test_without_a_key_a_row_that_is_there_is_a_conflict(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)
    database.run("INSERT INTO orders VALUES ('evt_1', 7)")

    with pytest.raises(Reject) as rejected:
        writer(server, key=None)(make_event())
    assert rejected.value.reason == "postgres 23505 orders.orders_pkey"


@pytest.mark.parametrize(
    ("template", "column_type", "body", "expected"),
    [
        ("{id}", "text", b"", "evt_1"),
        ("{type}", "varchar(20)", b"", "order.paid"),
        ("{source}", "char(6)", b"", "shop  "),
        ("{received_at}", "timestamptz", b"", "2026-05-04 03:02:01.5+00"),
        ("{received_at}", "timestamp", b"", "2026-05-04 03:02:01.5"),
        ("{received_at}", "text", b"", RECEIVED_AT.isoformat()),
        ("{body}", "text", b'{ "a" : 1.0 }\n', '{ "a" : 1.0 }\n'),
        ("{body}", "text", "ü€😀".encode(), "ü€😀"),
        ("{body}", "json", b'{ "a" : 1.0 }', '{ "a" : 1.0 }'),
        ("{body}", "jsonb", b'{ "a" : 1.0 }', '{"a": 1.0}'),
        ("{body}", "bytea", b"\x00\xff\\", "\\x00ff5c"),
        ("{body}", "text", b"", ""),
        ("{id}", "jsonb", b"", '"evt_1"'),
        ("/a", "text", b'{"a": "b\\u00fc\\n"}', "bü\n"),
        ("/a", "text", b'{"a": ""}', ""),
        ("/a", "bytea", '{"a": "ü"}'.encode(), "\\xc3bc"),
        ("/a", "integer", b'{"a": 7}', "7"),
        ("/a", "integer", b'{"a": "7"}', "7"),
        ("/a", "bigint", b'{"a": -9223372036854775808}', "-9223372036854775808"),
        ("/a", "numeric", b'{"a": 0.10}', "0.10"),
        ("/a", "numeric", b'{"a": 12345678901234567890.123456789}', "12345678901234567890.123456789"),
        ("/a", "numeric", b'{"a": 1e3}', "1000"),
        ("/a", "numeric(10, 2)", b'{"a": 1.005}', "1.01"),
        ("/a", "double precision", b'{"a": 1e-7}', "1e-07"),
        ("/a", "text", b'{"a": 0.10}', "0.10"),
        ("/a", "text", b'{"a": 1' + b"0" * 5000 + b"}", "1" + "0" * 5000),
        ("/a", "boolean", b'{"a": true}', "true"),
        ("/a", "text", b'{"a": false}', "false"),
        ("/a", "date", b'{"a": "2026-02-28"}', "2026-02-28"),
        ("/a", "uuid", b'{"a": "F47AC10B-58CC-4372-A567-0E02B2C3D479"}', "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        ("/a", "text[]", b'{"a": "{x,y}"}', "{x,y}"),
        ("/a", "text", b'{"a": {"b": [1.50, "\\u00fc", null, true, {}]}}', '{"b":[1.50,"ü",null,true,{}]}'),
        ("/a", "jsonb", b'{"a": [1.50, 12345678901234567890123]}', "[1.50, 12345678901234567890123]"),
        ("/a", "jsonb", b'{"a": "b"}', '"b"'),
        ("/a", "jsonb", b'{"a": 0.10}', "0.10"),
        ("/a", "jsonb", b'{"a": false}', "false"),
        ("/a", "text", b'{"a": null}', None),
        ("/a", "jsonb", b'{"a": null}', None),
        ("/a", "text", b'{"b": 1}', None),
        ("/a/b", "text", b'{"a": "b"}', None),
        ("/a/1", "text", b'{"a": [1, 2]}', "2"),
        ("/a/01", "text", b'{"a": [1, 2]}', None),
        ("/a/2", "text", b'{"a": [1, 2]}', None),
        ("/a/-", "text", b'{"a": [1, 2]}', None),
        ("/", "text", b'{"": 1}', "1"),
        ("/a~1b/c~0d", "text", b'{"a/b": {"c~d": 1}}', "1"),
        ("/~01", "text", b'{"~1": 1}', "1"),
        ("/a", "text", b"[1]", None),
        ("/0", "text", b"[1]", "1"),
        ("/a", "text", b"7", None),
    ],
)
def test_a_value_arrives_as_its_column_has_it(
    server: PostgresServer, database: Database, template: str, column_type: str, body: bytes, expected: str | None
) -> None:
    database.run(f'CREATE TABLE "values" (value {column_type})')

    writer(server, table="values", columns={"value": template}, key=[])(make_event(body))

    assert database.run(
        'SELECT value::text FROM "values"' if column_type != "char(6)" else 'SELECT value FROM "values"'
    ) == [[expected]]


@pytest.mark.parametrize(
    ("template", "column_type", "body", "reason"),
    [
        ("/a", "integer", b'{"a": "x"}', "postgres 22P02"),
        ("/a", "integer", b'{"a": 1.5}', "postgres 22P02"),
        ("/a", "integer", b'{"a": {}}', "postgres 22P02"),
        ("/a", "smallint", b'{"a": 99999}', "postgres 22003"),
        ("/a", "numeric(4, 2)", b'{"a": 12345}', "postgres 22003"),
        ("/a", "date", b'{"a": "2026-02-30"}', "postgres 22008"),
        ("/a", "varchar(3)", b'{"a": "abcd"}', "postgres 22001"),
        ("/a", "char(3)", b'{"a": "abcd"}', "postgres 22001"),
        ("/a", "bit(3)", b'{"a": "1111"}', "postgres 22026"),
        ("/a", "text", b'{"a": "x\\u0000"}', "postgres 22021"),
        ("/a", "text NOT NULL", b"{}", "postgres 23502 values.value"),
        ("/a", "integer CONSTRAINT positive CHECK (value > 0)", b'{"a": -1}', "postgres 23514 values.positive"),
        ("{body}", "jsonb", b'{"a": 1', "postgres 22P02"),
        ("{body}", "jsonb", b"", "postgres 22P02"),
        ("{body}", "text", b"\xff", "a value is not Unicode text, which PostgreSQL has no place for"),
        ("/a", "text", b'{"a": "\\ud800"}', "a value is not Unicode text, which PostgreSQL has no place for"),
        ("/a", "jsonb", b'{"a": {"\\udfff": 1}}', "a value is not Unicode text, which PostgreSQL has no place for"),
        *(
            ("/a", "text", body, "the body is not JSON, which a column's JSON pointer needs")
            for body in (b"", b"x", b'{"a": 1', b"\xff", b'{"a": NaN}', b"[" * 100_000, b"a=1&b=2")
        ),
    ],
)
def test_data_that_will_never_fit_is_rejected_without_being_quoted(
    server: PostgresServer, database: Database, template: str, column_type: str, body: bytes, reason: str
) -> None:
    database.run(f'CREATE TABLE "values" (value {column_type})')

    with pytest.raises(Reject) as rejected:
        writer(server, table="values", columns={"value": template}, key=[])(make_event(body))

    assert rejected.value.reason == reason
    assert rejected.value.__suppress_context__
    assert markers(database) == []


def test_a_row_goes_in_after_one_that_was_rejected(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)
    handle = writer(server)
    with pytest.raises(Reject):
        handle(make_event(b'{"amount": -1}', id="evt_0"))

    assert handle(make_event()) == "row written"


def test_a_row_whose_parent_is_on_its_way_is_tried_again(server: PostgresServer, database: Database) -> None:
    database.run("CREATE TABLE parents (id text PRIMARY KEY); CREATE TABLE orders (id text REFERENCES parents)")
    handle = writer(server, columns={"id": "{id}"}, key=[])

    with pytest.raises(AttemptFailed) as failed:
        handle(make_event())
    assert failed.value.error == "postgres 23503 orders.orders_id_fkey"

    database.run("INSERT INTO parents VALUES ('evt_1')")
    assert handle(make_event(attempt=2)) == "row written"


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT 1", "postgres: there is no table orders"),
        ("CREATE TABLE orders (id text PRIMARY KEY)", "postgres: the table orders has no column amount"),
        ('CREATE TABLE "Orders" (id text, amount int)', "postgres: there is no table orders"),
        ('CREATE TABLE orders (id text, "Amount" int)', "postgres: the table orders has no column amount"),
        ("CREATE TABLE orders (id text, amount int)", "postgres 42P10"),
        (f"{ORDERS}; DROP TABLE webhook_effects", "postgres: there is no table webhook_effects"),
        (f"{ORDERS}; ALTER TABLE webhook_effects DROP CONSTRAINT webhook_effects_pkey", "postgres 42P10"),
        (f"{ORDERS}; REVOKE INSERT ON orders FROM webhook", "postgres 42501"),
        ("CREATE TABLE orders (id text PRIMARY KEY, amount int GENERATED ALWAYS AS (1) STORED)", "postgres 428C9"),
    ],
)
def test_a_table_that_does_not_fit_yet_fails_the_attempt(
    server: PostgresServer, database: Database, sql: str, error: str
) -> None:
    database.run(sql)

    with pytest.raises(AttemptFailed) as failed:
        writer(server)(make_event())
    assert failed.value.error == error


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("SELECT 1", ORDERS),
        ("CREATE TABLE orders (id text PRIMARY KEY)", "ALTER TABLE orders ADD amount numeric"),
        (f"{ORDERS}; DROP TABLE webhook_effects", "CREATE TABLE webhook_effects (idempotency_key text PRIMARY KEY)"),
        ("CREATE TABLE orders (id text, amount int)", "CREATE UNIQUE INDEX ON orders (id)"),
    ],
)
def test_the_same_environment_goes_on_when_the_table_was_mended(
    server: PostgresServer, database: Database, broken: str, mended: str
) -> None:
    database.run(broken)
    handle = writer(server)
    with pytest.raises(AttemptFailed):
        handle(make_event())

    database.run(mended)
    assert handle(make_event(attempt=2)) == "row written"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE orders ALTER amount TYPE bigint",
        "ALTER TABLE orders ALTER amount TYPE text",
        "ALTER TABLE orders DROP amount; ALTER TABLE orders ADD amount integer",
        "ALTER TABLE orders ADD note text",
        f"DROP TABLE orders; {ORDERS}",
        "TRUNCATE orders",
    ],
)
def test_the_same_environment_goes_on_when_the_table_is_changed(
    server: PostgresServer, database: Database, change: str
) -> None:
    database.run("CREATE TABLE orders (id text PRIMARY KEY, amount numeric)")
    handle = writer(server)
    handle(make_event())
    database.run(change)

    try:
        result = handle(make_event(id="evt_2"))
    except AttemptFailed:
        result = handle(make_event(id="evt_2", attempt=2))
    assert result == "row written"


def test_names_are_taken_as_they_are_written(server: PostgresServer, database: Database) -> None:
    name, column = 'Odd "table"; DROP TABLE webhook_effects; --', 'it\'s :odd $1 \\ "column"'
    table = f'"my schema".{pg8000.native.identifier(name)}'
    database.run('CREATE SCHEMA "my schema"')
    database.run(f"CREATE TABLE {table} ({pg8000.native.identifier(column)} text PRIMARY KEY, other text)")

    fields = {"columns": {column: "{id}", "other": "{type}"}, "key": [column], "on_conflict": "update"}
    handle = writer(server, table=f"my schema.{name}", **fields)

    assert handle(make_event()) == "row written"
    assert rows(database, table) == [["evt_1", "order.paid"]]


def test_a_value_is_never_sql(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)
    event_id = "'); DROP TABLE orders; -- :v1 $1 \\ \""

    writer(server)(make_event(id=event_id))

    assert rows(database)[0][0] == event_id


def test_a_column_of_a_users_own_type_is_written(server: PostgresServer, database: Database) -> None:
    database.run(
        "CREATE SCHEMA types; CREATE TYPE types.\"Colour\" AS ENUM ('red'); CREATE DOMAIN short AS varchar(3);"
        'CREATE TABLE orders (id text PRIMARY KEY, colour types."Colour", name short)'
    )
    handle = writer(server, columns={"id": "{id}", "colour": "/colour", "name": "/name"})

    assert handle(make_event(b'{"colour": "red", "name": "abc"}')) == "row written"
    for body in (b'{"colour": "blue"}', b'{"name": "abcd"}'):
        with pytest.raises(Reject):
            handle(make_event(body, id="evt_2"))


class Gate:
    """Has all of them begin at once."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count)

    def call(self, server: PostgresServer, event: HandlerEvent, **fields: Any) -> str | None:
        handle = writer(server, **fields)
        handle(make_event(id=f"warm-up-{threading.get_ident()}"))  # connected and prepared
        self._barrier.wait()
        return handle(event)


@pytest.mark.parametrize("key", [["id"], []])
def test_of_many_environments_at_once_one_writes_the_row(
    server: PostgresServer, database: Database, key: list[str]
) -> None:
    database.run("CREATE TABLE orders (id text PRIMARY KEY, amount numeric)")
    gate = Gate(8)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: gate.call(server, make_event(), key=key), range(8)))

    assert sorted(map(str, results)) == ["done before"] * 7 + ["row written"]


def in_a_process(secret: str, start: Any, results: Any) -> None:
    handle = load_effect(CONFIGURATION, lambda _: [secret])
    start.wait()
    results.put([handle(make_event(id=f"evt_{number}")) for number in range(50)])


def test_of_many_processes_at_once_each_row_is_written_by_one(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=in_a_process, args=(server.secret, start, results)) for _ in range(4)]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()

    for number in range(50):
        assert sorted(result[number] for result in found) == ["done before"] * 3 + ["row written"]
    assert len(rows(database)) == 50


def test_an_attempt_waits_for_another_that_has_begun(server: PostgresServer, database: Database) -> None:
    """And writes the row when the other one comes to nothing."""
    database.run(ORDERS)
    database.run("BEGIN; INSERT INTO webhook_effects VALUES ('shop:evt_1')")
    with ThreadPoolExecutor(1) as pool:
        attempt = pool.submit(writer(server), make_event())
        look = server.connect()
        while not look.run("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            time.sleep(0.02)
        look.close()
        database.run("ROLLBACK")

        assert attempt.result() == "row written"


NO_COLUMNS: list[Any] = [
    *([], {}, "id", {"id": ""}, {"id": "id"}, {"id": "{ip}"}, {"id": 7}, {"id": None}, {"id": []}, {"": "{id}"}),
]


@pytest.mark.parametrize(
    "fields",
    [
        *({"table": table} for table in ("", None, "a.b.c", ".a", "a.", "a" * 64, "a\x00b", 7)),
        *({"columns": columns} for columns in NO_COLUMNS),
        *({"key": key} for key in ("id", ["other"], [7], [["id"]])),
        *({"on_conflict": "replace"}, {"on_conflict": "update", "key": []}),
        {"on_conflict": "update", "key": ["id", "amount"]},
        *({"secret_name": ""}, {"unknown": 1}),
    ],
    ids=lambda fields: json.dumps(fields),
)
def test_a_configuration_that_cant_be_meant_is_refused_at_once(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="effect"):
        load_effect({**CONFIGURATION, **fields}, lambda _: [])
