import json
import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pg8000.native
import pytest

from processor.effects.live_secret import MIN_AGE_SECONDS, LiveSecret
from processor.effects.postgres_session import (
    CONNECT_SECONDS,
    IDLE_SECONDS,
    STATEMENT_SECONDS,
    Connection,
    Session,
    sqlstate,
)
from processor.handling import AttemptFailed, Reject
from tests.unit.processor.effects.certificates import Authority
from tests.unit.processor.effects.databases import ORDERS, with_login, writer
from tests.unit.processor.effects.events import make_event
from tests.unit.processor.effects.partner import Partner
from webhookctl.local.postgres_server import Database, PostgresServer


class Bench:
    """A session, and a hand on its clock and on its secret."""

    def __init__(self, *secrets: str) -> None:
        self.now = 1_000.0
        self.secrets = list(secrets)
        self.reads = 0
        self.session = Session(LiveSecret(self._read, lambda: self.now), lambda: self.now)

    def process(self) -> int:
        """Of the server's, that serves the session's connection."""
        number: int = self.session.run(make_event(), lambda connection: connection.run("SELECT pg_backend_pid()"))[0][0]
        return number

    def setting(self, name: str) -> str:
        text: str = self.session.run(
            make_event(), lambda connection: connection.execute("SELECT current_setting(:name)", name=name)
        )[0][0]
        return text

    def failure(self, seconds: float = 60) -> str:
        with pytest.raises(AttemptFailed) as failed:
            self.session.run(make_event(seconds=seconds), lambda connection: connection.run("SELECT 1"))
        return failed.value.error

    def _read(self) -> list[str]:
        self.reads += 1
        return list(self.secrets)


@pytest.fixture
def bench(server: PostgresServer) -> Iterator[Bench]:
    bench = Bench(server.secret)
    yield bench
    bench.session.close()


def end(server: PostgresServer, process: int) -> None:
    """Ends a connection from the server's side, and waits until it has ended."""
    with closing(server.connect()) as database:
        assert database.run("SELECT pg_terminate_backend(:process, 60000)", process=process) == [[True]]


def test_the_connection_is_kept(bench: Bench) -> None:
    assert bench.process() == bench.process()
    assert bench.reads == 1


def test_a_connection_that_the_server_ended_is_made_anew_within_the_attempt(
    bench: Bench, server: PostgresServer
) -> None:
    first = bench.process()
    end(server, first)

    assert bench.process() != first


def test_a_row_is_written_although_the_connection_broke_before(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)
    handle = writer(server)
    handle(make_event())
    for (process,) in database.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'webhook shop'"):
        end(server, process)

    assert handle(make_event(id="evt_2")) == "row written"


def test_work_is_repeated_once_and_no_more(bench: Bench, server: PostgresServer) -> None:
    bench.process()
    calls = []

    def work(connection: Connection) -> None:
        ((process,),) = connection.run("SELECT pg_backend_pid()")
        calls.append(process)
        end(server, process)
        connection.run("SELECT 1")

    with pytest.raises(AttemptFailed) as failed:
        bench.session.run(make_event(), work)

    assert failed.value.error == "postgres: connection lost"
    assert len(set(calls)) == 2


def test_on_a_new_connection_work_is_not_repeated(bench: Bench, server: PostgresServer) -> None:
    calls = []

    def work(connection: Connection) -> None:
        calls.append(1)
        end(server, connection.run("SELECT pg_backend_pid()")[0][0])
        connection.run("SELECT 1")

    with pytest.raises(AttemptFailed):
        bench.session.run(make_event(), work)
    assert calls == [1]


@pytest.mark.parametrize("later", [IDLE_SECONDS, 100_000, -1])
def test_a_connection_that_was_idle_for_long_is_not_relied_upon(bench: Bench, later: float) -> None:
    first = bench.process()
    bench.now += later

    assert bench.process() != first


def test_the_server_ends_a_connection_that_nobody_uses_any_more(bench: Bench) -> None:
    assert bench.setting("idle_session_timeout") == f"{IDLE_SECONDS // 60}min"
    assert bench.setting("idle_in_transaction_session_timeout") == f"{IDLE_SECONDS // 60}min"


def test_the_server_gives_up_a_statement_that_takes_too_long(bench: Bench) -> None:
    assert bench.setting("statement_timeout") == f"{STATEMENT_SECONDS}s"
    assert bench.setting("client_connection_check_interval") == "1s"


def test_no_statement_is_given_more_than_the_remaining_time(server: PostgresServer, database: Database) -> None:
    """And the next event gets all of its own again."""
    database.run(ORDERS)
    database.run(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.amount = (SELECT setting FROM pg_settings WHERE name = 'statement_timeout'); RETURN NEW; END $$;"
        "CREATE TRIGGER note BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note()"
    )
    handle = writer(server)
    for number, seconds in enumerate((60, 8, 60)):
        handle(make_event(id=str(number), seconds=seconds))

    first, second, third = (int(amount) for _, amount in database.run("SELECT * FROM orders ORDER BY 1"))
    assert first == third == STATEMENT_SECONDS * 1000
    assert second <= 8_000


def test_a_server_that_has_gone_without_a_word_is_noticed(bench: Bench) -> None:
    def options(connection: Connection) -> tuple[int, int]:
        handle = connection._handle
        return (
            handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        )

    assert bench.session.run(make_event(), options) == (1, CONNECT_SECONDS * 1000)


def test_the_connection_says_whose_it_is(bench: Bench) -> None:
    assert bench.setting("application_name") == "webhook shop"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("synchronous_commit", "off", "on"),
        ("synchronous_commit", "remote_apply", "remote_apply"),
        ("default_transaction_isolation", "serializable", "read committed"),
        ("default_transaction_read_only", "on", "off"),
    ],
)
def test_a_roles_settings_do_not_undo_what_is_promised(
    bench: Bench, server: PostgresServer, name: str, value: str, expected: str
) -> None:
    with closing(server.connect()) as database:
        database.run(f"ALTER ROLE webhook SET {name} = '{value}'")
        try:
            assert bench.setting(name) == expected
        finally:
            database.run(f"ALTER ROLE webhook RESET {name}")


def test_text_arrives_whatever_the_databases_encoding(server: PostgresServer) -> None:
    with closing(server.connect()) as database:
        database.run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 OWNER webhook")
    bench = Bench(with_login(server, dbname="latin"))
    rows = bench.session.run(make_event(), lambda connection: connection.execute("SELECT :text::text", text="ü"))
    bench.session.close()
    with closing(server.connect()) as database:
        database.run("DROP DATABASE latin WITH (FORCE)")

    assert rows == [["ü"]]


@pytest.mark.parametrize("fields", [{"password": "wrong"}, {"username": "nobody"}])
def test_a_login_that_is_refused_fails_the_attempt(server: PostgresServer, fields: dict[str, str]) -> None:
    assert Bench(with_login(server, **fields)).failure() == "postgres: 28P01, the login is refused"


def test_the_previous_login_serves_while_the_newest_is_not_known_yet(server: PostgresServer) -> None:
    bench = Bench(with_login(server, password="next"), server.secret)

    assert bench.process() > 0
    bench.session.close()


def test_a_login_that_was_changed_is_read_again_within_the_attempt(server: PostgresServer) -> None:
    bench = Bench(with_login(server, password="old"))
    assert bench.failure() == "postgres: 28P01, the login is refused"

    bench.secrets = [server.secret, *bench.secrets]
    bench.now += MIN_AGE_SECONDS + 1
    assert bench.process() > 0
    bench.session.close()


def test_a_secret_is_not_read_for_each_refusal(server: PostgresServer) -> None:
    bench = Bench(with_login(server, password="wrong"))
    for _ in range(3):
        bench.failure()

    assert bench.reads == 1


@pytest.mark.parametrize("secret", ["hush", "{}", '{"password": "hush"}'])
def test_a_secret_that_is_no_login_fails_the_attempt_and_is_not_quoted(secret: str) -> None:
    error = Bench(secret).failure()

    assert error.startswith("postgres: the secret")
    assert "hush" not in error


def test_an_empty_list_of_secrets_fails_the_attempt() -> None:
    assert Bench().failure() == "postgres: the secret is empty"


def test_a_database_that_is_not_there_fails_the_attempt(server: PostgresServer) -> None:
    assert Bench(with_login(server, dbname="nothing")).failure() == "postgres 3D000"


def test_a_port_where_nobody_listens_fails_the_attempt(server: PostgresServer) -> None:
    with Partner() as partner:
        port = partner.port

    assert Bench(with_login(server, port=port)).failure() == "postgres: connection refused"


def test_a_name_without_an_address_fails_the_attempt(server: PostgresServer) -> None:
    assert Bench(with_login(server, host="does-not-exist.invalid")).failure() == "postgres: name not resolved"


def test_a_server_that_does_not_answer_is_given_up(server: PostgresServer) -> None:
    def wait(_: socket.socket) -> None:
        partner.closing.wait(60)

    with Partner(speaks=wait, reads=False) as partner:
        bench = Bench(with_login(server, port=partner.port))
        assert bench.failure(seconds=0.5) == "postgres: timed out"


@pytest.mark.parametrize(
    "says",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"E", b"\x00" * 100, b"R\x00\x00\x00\x08\x00\x00\x00\x63", b"S\0\0\0\0"],
)
def test_a_server_that_is_no_postgresql_fails_the_attempt(server: PostgresServer, says: bytes) -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(says)

    with Partner(speaks=speak, reads=False) as partner:
        bench = Bench(with_login(server, port=partner.port))
        assert bench.failure(seconds=5).startswith("postgres: ")


def test_nothing_is_begun_without_time(bench: Bench) -> None:
    assert bench.failure(seconds=0) == "no time left"
    assert bench.reads == 0


def test_a_statement_that_outlives_the_attempt_is_cut_off(bench: Bench) -> None:
    with pytest.raises(AttemptFailed) as failed:
        bench.session.run(make_event(seconds=0.5), lambda connection: connection.run("SELECT pg_sleep(60)"))

    assert failed.value.error == "postgres: timed out"
    assert bench.process() > 0


def test_too_many_connections_fail_the_attempt() -> None:
    with PostgresServer(max_connections=5, superuser_reserved_connections=3) as server:
        benches = [Bench(server.secret) for _ in range(3)]
        for bench in benches[:2]:
            bench.process()

        assert benches[2].failure() == "postgres 53300"
        assert server.refused_connections == 1
        assert server.most_connections == 2
        benches[0].session.close()
        with closing(server.connect()) as database:
            while database.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'webhook'") != [[1]]:
                time.sleep(0.02)
        assert benches[2].process() > 0
        for bench in benches:
            bench.session.close()


def test_an_environment_has_one_connection_whatever_happens(server: PostgresServer, database: Database) -> None:
    database.run(ORDERS)
    before = server.most_connections
    handle = writer(server)
    for number in range(20):
        body = b'{"amount": -1}' if number % 3 else b'{"amount": 1}'
        with suppress(Reject, AttemptFailed):
            handle(make_event(body, id=str(number)))
        if number % 7 == 0:
            for (process,) in database.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'webhook shop'"):
                end(server, process)

    open_now = database.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'webhook shop'")
    assert open_now == [[1]]
    assert server.most_connections <= max(before, 2)


def relay(server: PostgresServer, context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """The binaries know no TLS: somebody before them does (in the protocol's own way, by an SSLRequest)."""

    def speak(plain: socket.socket) -> None:
        assert struct.unpack("!ii", plain.recv(8)) == (8, 80877103)
        plain.sendall(b"S")
        with (
            context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(("127.0.0.1", server.port)) as behind,
        ):
            answers = threading.Thread(target=pump, args=(behind, client))
            answers.start()
            pump(client, behind)
            answers.join()

    return speak


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end_of in (source, target):
        with suppress(OSError):
            socket.socket.shutdown(end_of, socket.SHUT_RDWR)


def test_the_servers_certificate_is_verified(server: PostgresServer) -> None:
    authority = Authority()
    ca, stranger = authority.pem.decode(), Authority().pem.decode()
    with Partner(speaks=relay(server, authority.server_context("127.0.0.1")), reads=False) as front:
        bench = Bench(with_login(server, port=front.port, sslmode="verify-full", ca_certificate=ca))
        assert bench.process() > 0
        bench.session.close()
        for fields in (
            {"sslmode": "verify-full"},
            {"sslmode": None},
            {"sslmode": "verify-full", "ca_certificate": stranger},
            {"sslmode": "verify-full", "ca_certificate": ca, "host": "localhost"},
        ):
            assert Bench(with_login(server, port=front.port, **fields)).failure() == "postgres: tls"


def test_a_statement_over_tls_that_outlives_the_attempt_is_cut_off(server: PostgresServer) -> None:
    authority = Authority()
    fields = {"sslmode": "verify-full", "ca_certificate": authority.pem.decode()}
    with Partner(speaks=relay(server, authority.server_context("127.0.0.1")), reads=False) as front:
        bench = Bench(with_login(server, port=front.port, **fields))
        bench.process()
        with pytest.raises(AttemptFailed) as failed:
            bench.session.run(make_event(seconds=0.5), lambda connection: connection.run("SELECT pg_sleep(60)"))

    assert failed.value.error == "postgres: timed out"


def test_a_server_without_tls_is_not_spoken_to_in_plain_text(server: PostgresServer) -> None:
    bench = Bench(with_login(server, sslmode="verify-full"))

    assert bench.failure() == "postgres: the server refuses TLS"


def test_the_password_is_nowhere_in_a_failure_or_a_log(
    server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = json.loads(server.secret)["password"]
    bench = Bench(with_login(server, dbname="nothing"))
    with pytest.raises(AttemptFailed) as failed:
        bench.process()

    assert password not in str(failed.value.__dict__)
    assert password not in caplog.text


def test_the_servers_code_is_found_behind_the_drivers_farewell() -> None:
    farewell = pg8000.native.InterfaceError("network error")
    farewell.__context__ = pg8000.native.DatabaseError({"C": "53300", "M": "secret"})

    assert sqlstate(farewell) == "53300"
    assert sqlstate(pg8000.native.InterfaceError("network error")) == ""
    assert sqlstate(None) == ""
