"""Start and stop moto's server for an apply."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from webhookctl.local.leash import let_go


class MotoFailed(Exception):
    """moto's server did not start. The message names its log."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"The stand-in for AWS did not start: see {log}.")
        self.log = log


@contextmanager
def moto_server(account_id: str, log: Path) -> Iterator[Callable[[], str]]:
    """A server that lives as long as the block. What it gives is called for its URL, and waits until it listens."""
    with (
        log.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "webhookctl.local.aws.server"],
            env=_environment(account_id),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        ) as process,
    ):

        def url() -> str:
            port = process.stdout.readline().strip() if process.stdout else ""
            if not port:
                raise MotoFailed(log)
            return f"http://127.0.0.1:{port}"

        try:
            yield url
        finally:
            let_go(process)


def _environment(account_id: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    # Without a key of its own botocore, which moto is made of, looks for one on the network.
    return kept | {"MOTO_ACCOUNT_ID": account_id, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
