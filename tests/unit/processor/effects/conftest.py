from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from processor.effects import postgres
from processor.effects.postgres_marker import SCHEMA
from processor.effects.postgres_session import Session
from webhookctl.local.postgres_server import Database, PostgresServer

TABLES = """
DROP SCHEMA public CASCADE;
CREATE SCHEMA public AUTHORIZATION webhook;
SET ROLE webhook;
"""


@pytest.fixture(scope="session")
def running_server() -> Iterator[PostgresServer]:
    with PostgresServer(max_connections=40) as server:
        yield server


@pytest.fixture
def server(running_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """A database with the markers' table and nothing else in it, and nobody connected to it afterwards."""
    with closing(running_server.connect()) as connection:
        connection.run(TABLES + SCHEMA)
    sessions = []

    class Recorded(Session):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            sessions.append(self)

    monkeypatch.setattr(postgres, "Session", Recorded)
    yield running_server
    for session in sessions:  # which an execution environment keeps for as long as it lives
        session.close()


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    """A look into the database from beside."""
    connection = server.connect("webhook")
    yield connection
    connection.close()
