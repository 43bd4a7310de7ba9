"""`webhookctl local up`: an environment on this machine, until Ctrl-C."""

import asyncio
import logging
import shlex
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console

from webhookctl.applying import applied_state
from webhookctl.cache import cache_directory
from webhookctl.environment import Environment, Source, from_outputs
from webhookctl.failure import Failure
from webhookctl.local.http_server import PortInUse, listen
from webhookctl.local.package import MissingPackage
from webhookctl.local.stack import LocalStack
from webhookctl.local.state import State
from webhookctl.local.stop_signals import stop_signals
from webhookctl.local.watch import watch
from webhookctl.output import write, write_fields
from webhookctl.packages import ensure_packages
from webhookctl.sender import with_query
from webhookctl.signing import first_key, fresh_id, signed_request

LOG_NAME = "stack.log"
EXAMPLE_BODY = b'{"hello":"world"}'


def local_up(environment_dir: Path, *, port: int, apply: bool, plain: bool) -> None:
    """Builds, applies and starts whatever is not there yet, and shows what passes through. Raises Failure."""
    console = Console(force_terminal=False if plain else None, highlight=False)
    try:
        with closing(listen(port)):  # before what takes a minute
            pass
        build_dir = ensure_packages(environment_dir.resolve().parent.parent)
        state = applied_state(environment_dir, console, force=apply)
        asyncio.run(_run(state, build_dir, port, console))
    except (PortInUse, MissingPackage) as error:
        raise Failure(str(error)) from error


async def _run(state: State, build_dir: Path, port: int, console: Console) -> None:
    with stop_signals() as stop, _log_in(cache_directory() / "logs"):
        async with LocalStack(state, build_dir=build_dir, cache_dir=cache_directory(), port=port) as stack:
            _introduce(stack)
            await watch(stack, stop, console)
            write("Stopping")


@contextmanager
def _log_in(folder: Path) -> Iterator[None]:
    """Keeps what the stack itself warns of: on the terminal it would tear the view apart."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(folder / LOG_NAME, encoding="utf-8", delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _introduce(stack: LocalStack) -> None:
    environment = from_outputs(stack.outputs, "the local stack", aws_endpoint_url=stack.aws_endpoint_url)
    write("The local stack runs. Ctrl-C stops it, and what it holds is gone.")
    write_fields(
        [
            ("endpoint", f"{stack.endpoint}/webhooks/<source>"),
            ("sources", ", ".join(environment.sources)),
            ("AWS API", f"{stack.aws_endpoint_url} (region {environment.region}, any credentials)"),
            ("logs", str(stack.log_dir)),
        ]
    )
    source = example_source(environment)
    if source is None:
        return
    write(f"\nSigned for the source {source.name}{_validity(source)}; paste it into another terminal:\n")
    write(signed_curl(source, stack.secrets.get(source.name, ""), time.time()))
    write("\nOr let webhookctl sign, and see what became of it:\n")
    write(f"  webhookctl send {source.name} FILE\n  webhookctl events\n")


def example_source(environment: Environment) -> Source | None:
    """The source for the example: one whose signature does not expire, if there is any."""
    can_sign = [source for source in environment.sources.values() if not source.scheme.needs_cryptography]
    return min(can_sign, key=lambda source: source.scheme.timestamp is not None, default=None)


def signed_curl(source: Source, secret: str, at: float) -> str:
    """A command for a POSIX shell that posts a genuine webhook."""
    key = first_key(secret, source.scheme, source.secret_name or "")
    signed = signed_request(
        source.scheme, key, EXAMPLE_BODY, at=at, event_id=fresh_id(), event_type="ping", url=source.signed_url
    )
    headers = {"Content-Type": "application/json", **signed.headers}
    options = [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    lines = [
        f"curl {shlex.quote(with_query(source.url, signed.query))}",
        *options,
        f"--data-raw {shlex.quote(signed.body.decode())}",
    ]
    return "  " + " \\\n    ".join(lines)


def _validity(source: Source) -> str:
    return " (good for a few minutes, since the time is signed)" if source.scheme.timestamp else ""
