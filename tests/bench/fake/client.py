"""Starts the fake services, tells them what to do, and asks what they counted."""

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

PROJECT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the services were asked since the last reset."""

    requests: Mapping[str, int]
    request_bytes: int
    response_bytes: int
    write_units: float
    read_units: float

    @property
    def writes(self) -> int:
        """Requests to DynamoDB that write."""
        return sum(count for name, count in self.requests.items() if name not in ("GetSecretValue", "GetItem"))


class FakeAws:
    """The services' process, while its context is entered."""

    def __init__(self, certificate: Path | None = None) -> None:
        # A session of its own: Ctrl-C is for the bench, whose end closes the standard input, upon which this one ends.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.fake.server", *map(str, [certificate] if certificate else [])],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        self._ports: Mapping[str, int] = json.loads(self._process.stdout.readline())
        self._control = http.client.HTTPConnection("127.0.0.1", self._ports["http"])
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.communicate()

    @property
    def url(self) -> str:
        """Without TLS."""
        return f"http://127.0.0.1:{self._ports['http']}"

    @property
    def secure_url(self) -> str:
        """With TLS."""
        return f"https://127.0.0.1:{self._ports['https']}"

    @property
    def trace_address(self) -> str:
        """Where traces may be sent, to be forgotten."""
        return f"127.0.0.1:{self._ports['traces']}"

    def create(self, table: str, keys: Sequence[str] = ("pk", "sk")) -> None:
        """An empty table, in the place of one of that name."""
        self._ask("Create", table=table, keys=list(keys))

    def items(self, table: str) -> list[dict[str, dict[str, Any]]]:
        """All of a table's items."""
        found: list[dict[str, dict[str, Any]]] = self._ask("Items", table=table)
        return found

    def set_latency(self, milliseconds: float, per_further_item: float = 0) -> None:
        """How long a request to DynamoDB takes, and by how much more for each item of a batch but the first."""
        self._ask("Latency", seconds=milliseconds / 1000, per_item_seconds=per_further_item / 1000)

    def reset(self) -> None:
        """Forget what was counted."""
        self._ask("Reset")

    def counts(self) -> Counts:
        """What was counted since."""
        return Counts(**self._ask("Counts"))

    def _ask(self, operation: str, **request: Any) -> Any:
        self._control.request("POST", "/", json.dumps(request), {"X-Amz-Target": f"Bench.{operation}"})
        return json.loads(self._control.getresponse().read())
