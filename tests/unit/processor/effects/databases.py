import json
from typing import Any

from processor.effects import load_effect
from processor.handling import Handle
from webhookctl.local.postgres_server import PostgresServer

CONFIGURATION = {
    "kind": "postgres",
    "secret_name": "webhook/shop/postgres",
    "table": "orders",
    "columns": {"id": "{id}", "amount": "/amount"},
    "key": ["id"],
}
ORDERS = "CREATE TABLE orders (id text PRIMARY KEY, amount numeric CHECK (amount > 0))"


def writer(server: PostgresServer, *secrets: str, **fields: Any) -> Handle:
    """An effect of kind postgres, as if in an execution environment of its own."""
    return load_effect({**CONFIGURATION, **fields}, lambda _: list(secrets or (server.secret,)))


def transacting(server: PostgresServer, reference: str) -> Handle:
    """A handler with a transaction, as if in an execution environment of its own."""
    names = {"handler": reference, "postgres_secret_name": "webhook/shop/postgres"}
    return load_effect({"kind": "handler", **names}, lambda _: [server.secret])


def with_login(server: PostgresServer, **fields: Any) -> str:
    """The server's secret with some of its members changed."""
    return json.dumps({**json.loads(server.secret), **fields})
