"""`webhookctl local up`: an environment on this machine, until Ctrl-C."""

import json
import logging
import shlex
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from processor.effects.postgres_login import InvalidLogin, read_login
from webhookctl.applying import applied_state
from webhookctl.arguments import read_bytes
from webhookctl.cache import cache_directory
from webhookctl.environment import Environment, Source, from_outputs
from webhookctl.failure import Failure, WrongUsage
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


def local_up(environment_dir: Path, *, port: int, apply: bool, plain: bool, postgres_file: str | None = None) -> None:
    """Builds, applies and starts whatever is not there yet, and shows what passes through. Raises Failure."""
    console = Console(force_terminal=False if plain else None, highlight=False)
    postgres = read_postgres(postgres_file) if postgres_file else None
    try:
        _check_port(port)  # before what takes a minute
        build_dir = ensure_packages(environment_dir.resolve().parent.parent)
        state = applied_state(environment_dir, console, force=apply)
        uvloop.run(_run(state, build_dir, port, console, postgres))
    except PortInUse as error:
        raise Failure(f"{error} --port 0 takes any that is free.") from error
    except MissingPackage as error:
        raise Failure(str(error)) from error


def _check_port(port: int) -> None:
    try:
        with closing(listen(port)):
            pass
    except PermissionError:
        raise WrongUsage(f"Port {port} is not for every user: choose one from 1024 on with --port.") from None


def read_postgres(path: str) -> Mapping[str, Any]:
    """How to log on to PostgreSQL, from a file in the form of the lanes' secrets. Raises WrongUsage."""
    try:
        text = read_bytes(path).decode("utf-8")
        read_login(text)
    except UnicodeDecodeError:
        raise WrongUsage(f"{path} is not UTF-8 text.") from None
    except InvalidLogin as error:
        raise WrongUsage(f"{path} is no PostgreSQL login: {error}.") from None
    login: Mapping[str, Any] = json.loads(text)
    return login


async def _run(
    state: State, build_dir: Path, port: int, console: Console, postgres: Mapping[str, Any] | None = None
) -> None:
    with stop_signals() as stop, _log_in(cache_directory() / "logs"):
        async with LocalStack(
            state, build_dir=build_dir, cache_dir=cache_directory(), port=port, postgres=postgres
        ) as stack:
            _introduce(stack, console)
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


def _introduce(stack: LocalStack, console: Console) -> None:
    environment = from_outputs(stack.outputs, "the local stack", aws_endpoint_url=stack.aws_endpoint_url)
    write("The local stack runs. Ctrl-C stops it, and what it holds is gone.")
    write_fields(
        [
            ("endpoint", f"{stack.endpoint}/webhooks/<source>"),
            ("sources", listed(environment.sources, console)),
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


def listed(names: Iterable[str], console: Console) -> str:
    """The names, on a terminal in lines that end between two of them, below each other as the first is indented."""
    text = ", ".join(names)
    if not console.is_terminal:
        return text
    indent = len("  endpoint  ")
    lines = textwrap.wrap(text, max(console.width - indent, indent), break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)


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
