import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pg8000.native
import pytest

from webhookctl.local.postgres_server import PostgresServer

# A process that has a server, and says where.
HOLDER = """
import sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from webhookctl.local.postgres_server import PostgresServer
with PostgresServer() as server:
    print(server.port, flush=True)
    time.sleep(600)
"""


def login(server: PostgresServer, **fields: object) -> pg8000.native.Connection:
    document = {**json.loads(server.secret), **fields}
    return pg8000.native.Connection(
        document["username"],
        host=document["host"],
        port=document["port"],
        password=document["password"],
        database=document["dbname"],
        ssl_context=False,
    )


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer(max_connections=7, superuser_reserved_connections=2, work_mem="5MB") as server:
        yield server


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In place of the system's folder for temporary files. pytest's own is root's alone, as PostgreSQL can't be."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        monkeypatch.setattr("tempfile.tempdir", name)
        yield Path(name)


def test_its_secret_is_of_an_ordinary_role_that_may_make_tables(server: PostgresServer) -> None:
    with closing(login(server)) as connection:
        connection.run("CREATE TABLE things (id int)")
        connection.run("DROP TABLE things")

        assert connection.run("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [[False]]


def test_a_look_from_beside_is_a_superusers(server: PostgresServer) -> None:
    with closing(server.connect()) as connection:
        assert connection.run("SELECT current_setting('is_superuser')") == [["on"]]


def test_it_wants_the_password(server: PostgresServer) -> None:
    with pytest.raises(pg8000.native.DatabaseError, match="28P01"):
        login(server, password="wrong")


def test_it_has_the_settings_that_are_asked_for(server: PostgresServer) -> None:
    names = ("max_connections", "superuser_reserved_connections", "work_mem", "fsync", "listen_addresses")
    with closing(server.connect()) as connection:
        found = [connection.run("SELECT current_setting(:name)", name=name)[0][0] for name in names]

    assert found == ["7", "2", "5MB", "off", "127.0.0.1"]


def test_it_counts_the_connections_of_the_role_and_those_it_refused() -> None:
    with PostgresServer(max_connections=5, superuser_reserved_connections=2) as server:
        connections = [login(server) for _ in range(3)]
        for _ in range(2):
            with pytest.raises(pg8000.native.DatabaseError, match="53300"):
                login(server)
        for connection in connections:
            connection.close()

        assert (server.most_connections, server.refused_connections) == (3, 2)


def test_two_of_them_run_side_by_side(server: PostgresServer) -> None:
    with PostgresServer() as other, closing(login(other)) as connection, closing(login(server)):
        assert other.port != server.port
        assert other.secret != server.secret
        assert connection.run("SELECT 1") == [[1]]


def test_nothing_is_left_of_it(folder: Path) -> None:
    with PostgresServer() as server, closing(login(server)) as connection:
        connection.run("CREATE TABLE things (id int)")
        assert list(folder.iterdir())

    assert list(folder.iterdir()) == []
    assert not is_listening(server.port)


def test_it_starts_where_the_folder_for_temporary_files_is_closed_to_its_user(folder: Path) -> None:
    folder.chmod(0o700)

    with PostgresServer() as server, closing(login(server)) as connection:
        assert connection.run("SELECT 1") == [[1]]


def test_a_setting_that_is_none_is_reported_with_the_servers_words(folder: Path) -> None:
    with (
        pytest.raises(RuntimeError, match='unrecognized configuration parameter "no_setting"'),
        PostgresServer(no_setting=1),
    ):
        pass

    assert list(folder.iterdir()) == []


def test_killing_this_process_ends_it_and_removes_its_data(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        assert is_listening(port)
        holder.send_signal(signal.SIGKILL)
        holder.wait()

        while list(folder.iterdir()):  # its data goes last
            time.sleep(0.02)
    assert not is_listening(port)
