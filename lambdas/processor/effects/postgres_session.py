"""The one connection to PostgreSQL that an execution environment has: made at its first event, kept, made anew.

A function that runs a thousand times at once has a thousand of them, so nobody here opens a second, and none outlives
its use by more than a minute: the environment that had it may be frozen, and never thawed.
"""

import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, TypeVar

from processor.effects import wire
from processor.effects.live_secret import LiveSecret
from processor.effects.postgres_driver import ScramException, pg8000
from processor.effects.postgres_login import InvalidLogin, Login, read_login
from processor.handling import AttemptFailed, HandlerEvent

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10
IDLE_SECONDS = 60

Result = TypeVar("Result")

_LOST = (OSError, pg8000.native.InterfaceError)

_NO_WELCOME = (pg8000.native.Error, OSError, ScramException, LookupError, ValueError, struct.error)
"""What the driver raises, given a login that is refused, a connection that ends, or a server that is no PostgreSQL."""

_REFUSED = {"28P01", "28000"}  # invalid_password, invalid_authorization_specification

_HARMLESS = ("22", "23", "25P02", "40", "55P03", "57014")
"""Errors of one statement, by how their SQLSTATE begins. After any other the connection is given up: the server may be
another one by now (25006, after a failover), or a table another than the prepared statement was made for (42, 0A)."""

# Some of these are younger than the oldest PostgreSQL there is (idle_session_timeout: 14). A role that has given up on
# durable commits has given up on "exactly once", too.
_SETTINGS = f"""
SELECT set_config(name, value, false)
FROM (VALUES
    ('statement_timeout', '{STATEMENT_SECONDS}s'),
    ('idle_in_transaction_session_timeout', '{IDLE_SECONDS}s'),
    ('idle_session_timeout', '{IDLE_SECONDS}s'),
    ('default_transaction_isolation', 'read committed'),
    ('default_transaction_read_only', 'off')
) AS wanted (name, value)
JOIN pg_settings USING (name)
UNION ALL SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""  # noqa: S608
_SETTING_OF_SOME_SYSTEMS = """
SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'
"""


class _Driver(pg8000.native.Connection):  # type: ignore[misc]
    """The driver leaves its farewell to a server that has gone in a buffer, for the garbage collector to fail at."""

    def close(self) -> None:
        stream = self._sock
        try:
            super().close()
        finally:
            with suppress(AttributeError, OSError, ValueError):
                stream.close()


class Connection:
    """A connection and what was found out on it. `is_usable` is false once its state is unknown.

    `plan` is for whoever writes rows: a statement, and the types of the columns that it was made for.
    """

    def __init__(self, driver: Any, handle: socket.socket) -> None:
        self._driver = driver
        self.is_usable = True
        self.plan: tuple[str, dict[str, str]] | None = None
        self._prepared: dict[str, Any] = {}
        self._handle = handle
        self._statement_ms = STATEMENT_SECONDS * 1000

    def run(self, sql: str) -> list[list[Any]]:
        """Runs statements without parameters, in one round trip."""
        with self._exchange():
            return self._driver.run(sql) or []

    def execute(self, sql: str, /, **parameters: Any) -> list[list[Any]]:
        """Runs one statement; from the second time on in one round trip."""
        with self._exchange():
            if sql not in self._prepared:
                self._prepared[sql] = self._driver.prepare(sql)
            return self._prepared[sql].run(**parameters) or []

    def execute_once(self, sql: str, /, **parameters: Any) -> list[list[Any]]:
        """Runs one statement that nobody is known to run again."""
        with self._exchange():
            statement = self._driver.prepare(sql)
            rows: list[list[Any]] = statement.run(**parameters) or []
            statement.close()
            return rows

    def limit_statements(self, seconds: float) -> None:
        """A statement is given up by the server after so long, and in any case after STATEMENT_SECONDS."""
        milliseconds = max(1, int(min(seconds, STATEMENT_SECONDS) * 1000))
        if milliseconds != self._statement_ms:
            self.run(f"SET statement_timeout = {milliseconds}")
            self._statement_ms = milliseconds

    def cut_off(self, seconds: float) -> AbstractContextManager[wire.Cut]:
        """Within the block, the connection ends `seconds` from now, whatever it is at."""
        return wire.cut_off(self._handle, seconds)

    def close(self) -> None:
        """May be called in any state."""
        self.is_usable = False
        with suppress(*_LOST):
            self._driver.close()
        self._handle.close()

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """After an error that the server reported, its next answer is to the next question; else nobody knows."""
        try:
            yield
        except pg8000.native.DatabaseError:
            raise
        except BaseException:
            self.is_usable = False
            raise


class _ConnectionBroke(Exception):
    """Before it was known whether the server had done what it was asked."""


class Session:
    """The connection of this execution environment. Nothing is read or connected to before the first `run`."""

    def __init__(self, secret: LiveSecret, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock
        self._connection: Connection | None = None
        self._used_at = 0.0

    def run(self, event: HandlerEvent, work: Callable[[Connection], Result]) -> Result:
        """What `work` returns. It is called once more, on a new connection, where the kept one turned out to be broken:
        it must not do a second time what it may have done the first.

        Raises AttemptFailed, and what `work` raises; the transaction in which that happened is no more.
        """
        seconds_left(event)
        kept = self._kept()
        if kept is not None:
            with suppress(_ConnectionBroke):
                return self._work(kept, event, work)
        try:
            return self._work(self._connect(event), event, work)
        except _ConnectionBroke:
            raise AttemptFailed("postgres: connection lost") from None

    def settle(self, error: BaseException | None = None) -> None:
        """To be called after an error, or at a transaction's end: leaves no transaction and no broken connection."""
        connection = self._connection
        if connection is None:
            return
        if connection.is_usable and (error is None or _is_harmless(error)):
            try:
                if error is not None:
                    connection.run("ROLLBACK")
            except (pg8000.native.DatabaseError, *_LOST):
                self.close()
            else:
                self._used_at = self._clock()
        else:
            self.close()

    def close(self) -> None:
        """Gives the connection up, if there is one; the next `run` makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _work(self, connection: Connection, event: HandlerEvent, work: Callable[[Connection], Result]) -> Result:
        with connection.cut_off(seconds_left(event)) as cut:
            try:
                result = work(connection)
            except _LOST:
                self.close()
                if cut.is_made:
                    raise AttemptFailed("postgres: timed out") from None
                raise _ConnectionBroke from None
            except BaseException as error:
                self.settle(error)
                raise
        self.settle()
        return result

    def _kept(self) -> Connection | None:
        """The connection, unless it has been idle for so long that the server has given it up, or soon will."""
        if not 0 <= self._clock() - self._used_at < IDLE_SECONDS - CONNECT_SECONDS:
            self.close()
        return self._connection

    def _connect(self, event: HandlerEvent) -> Connection:
        """With the newest login that the server takes. The secret is read again when it takes none."""
        refusals: dict[str, str] = {}
        for texts in (self._secret.texts, self._secret.texts_after_refusal):
            for text in (text for text in texts() if text not in refusals):
                try:
                    self._connection = _open(read_login(text), event)
                except (InvalidLogin, _LoginRefused) as refusal:
                    refusals[text] = str(refusal)
                else:
                    return self._connection
        raise AttemptFailed(f"postgres: {next(iter(refusals.values()), 'the secret is empty')}")


class _LoginRefused(Exception):
    """The server knows no such user, or another password."""


def _open(login: Login, event: HandlerEvent) -> Connection:
    """Raises AttemptFailed, InvalidLogin and _LoginRefused."""
    seconds = min(CONNECT_SECONDS, seconds_left(event))
    deadline = time.monotonic() + seconds
    tls = login.tls()
    try:
        plain = wire.connect(login.host, login.port, seconds)
    except (OSError, UnicodeError) as error:
        raise AttemptFailed(f"postgres: {wire.describe(error)}") from None
    _keep_alive(plain)
    handle = plain.dup()  # what the driver makes of the other, TLS for instance, is its own affair
    try:
        with wire.cut_off(handle, deadline - time.monotonic()) as cut:
            return _introduced(plain, handle, login, tls, event.source)
    except BaseException as error:
        plain.close()
        handle.close()
        if isinstance(error, _NO_WELCOME):
            raise _failure(error, is_late=cut.is_made) from None
        raise


def _introduced(
    plain: socket.socket, handle: socket.socket, login: Login, tls: ssl.SSLContext | None, source: str
) -> Connection:
    driver = _Driver(
        login.username,
        host=login.host,  # whose name the certificate must have
        sock=plain,
        database=login.dbname,
        password=login.password,
        ssl_context=tls or False,
        application_name=f"webhook {source}",
        startup_params={"client_encoding": "UTF8"},
    )
    connection = Connection(driver, handle)
    try:
        connection.run(_SETTINGS)
        with suppress(pg8000.native.DatabaseError):
            connection.run(_SETTING_OF_SOME_SYSTEMS)
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_alive(connection: socket.socket) -> None:
    """A connection whose other end has gone without a word breaks within seconds, before the attempt's time is up."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    milliseconds = CONNECT_SECONDS * 1000
    for name, value in (
        ("TCP_NODELAY", 1),
        ("TCP_KEEPIDLE", 10),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", milliseconds),
    ):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _failure(error: Exception, *, is_late: bool) -> Exception:
    code = sqlstate(error)
    if is_late:
        return AttemptFailed("postgres: timed out")
    if code in _REFUSED:
        return _LoginRefused(f"{code}, the login is refused")
    if code:
        return AttemptFailed(f"postgres {code}")
    if isinstance(error, OSError):
        return AttemptFailed(f"postgres: {wire.describe(error)}")
    refuses_tls = error.args[:1] == ("Server refuses SSL",)
    return AttemptFailed(f"postgres: {'the server refuses TLS' if refuses_tls else 'connection failed'}")


def seconds_left(event: HandlerEvent) -> float:
    """Raises AttemptFailed where nothing is left."""
    seconds = event.remaining_seconds()
    if seconds <= 0:
        raise AttemptFailed("no time left")
    return seconds


def sqlstate(error: BaseException | None) -> str:
    """The server's error code; empty where it is not the server who says so.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    while error is not None and not isinstance(error, pg8000.native.DatabaseError):
        error = error.__context__  # the driver says goodbye to a server that has gone, and fails at that, too
    fields = error.args[0] if error is not None and error.args else None
    return str(fields.get("C", "")) if isinstance(fields, dict) else ""


def _is_harmless(error: BaseException) -> bool:
    if isinstance(error, pg8000.native.DatabaseError):
        return sqlstate(error).startswith(_HARMLESS)
    return True
