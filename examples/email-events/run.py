"""Runs the example on this machine: a real PostgreSQL, the lane as Terraform describes it, and an account at the end.

`make email-events` builds the handler's package first.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from common.keys import Key, read_keys
from common.scheme import preset
from webhookctl.cache import cache_directory
from webhookctl.environment import Environment, from_outputs
from webhookctl.failure import FAILED, INTERRUPTED, Failure
from webhookctl.local.demo.delivery import Delivery, Kind
from webhookctl.local.demo.sending import Progress, send_all
from webhookctl.local.demo.traffic import Sender
from webhookctl.local.package import MissingPackage
from webhookctl.local.postgres_server import Database, PostgresServer
from webhookctl.local.state import State

if TYPE_CHECKING:
    from webhookctl.local.stack import LocalStack

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"

SOURCE = "email"
EVENTS = 300
SENT_AGAIN = 60
FORGERIES = 6
SEED = 1851
TYPES = ("open",) * 14 + ("click",) * 5 + ("spam_report",)
VIEWS = ("open", "click")
PRODUCTS = tuple(f"p-{number:02}" for number in range(20))
LATE_PRODUCT = PRODUCTS[-1]
"""The shop has it only after the first events about it came."""
# Those that no attempt could count: a type that the handler does not know, and a click on nothing.
POISON: tuple[dict[str, Any], ...] = ({"type": "bounce"}, {"type": "click", "url": "https://shop.example/"})

SUPERUSER_CONNECTIONS = 3  # that PostgreSQL keeps for its superuser
OWN_CONNECTIONS = 2
EVENTS_BETWEEN_KILLS = 25
CHECK_SECONDS = 0.2
GIVE_UP_SECONDS = 1_200


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is sent, and what must become of it: events by type, and the product of each event that is a view of one."""

    deliveries: Sequence[Delivery]
    types: Mapping[str, int]
    viewed: Mapping[str, str]

    @property
    def late_events(self) -> frozenset[str]:
        """Those that wait for their product."""
        return frozenset(event for event, product in self.viewed.items() if product == LATE_PRODUCT)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the account. `found` must be `expected`, or, if it is a bound, no more than that."""

    what: str
    expected: int
    found: int
    is_bound: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether it is as promised."""
        return self.found <= self.expected if self.is_bound else self.found == self.expected


@dataclass(frozen=True, slots=True)
class Account:
    """Where everything ended. `seconds` are from the first request until the lane had nothing left to do."""

    lines: Sequence[Line]
    seconds: float
    killed: int

    @property
    def is_kept(self) -> bool:
        """Whether every line is as promised."""
        return all(line.is_kept for line in self.lines)


def traffic(key: Key, at: float) -> Traffic:
    """The same events at every call, signed now; some of them sent again, and forgeries among them, in mixed order."""
    generator = random.Random(SEED)  # noqa: S311 - to be repeated, not a secret
    sender = Sender(SOURCE, preset("standard-webhooks"), key)
    forger = replace(sender, key=Key(b"a guess " + key.value[8:]))
    documents = {f"event-{number}": _document(number, generator, at) for number in range(EVENTS)}
    events = [_delivery(sender, Kind.GENUINE, event, document, at) for event, document in documents.items()]
    deliveries = [
        *events,
        *(replace(event, kind=Kind.DUPLICATE) for event in generator.choices(events, k=SENT_AGAIN)),
        *(_delivery(sender, Kind.GENUINE, f"poison-{n}", document, at) for n, document in enumerate(POISON)),
        *(_delivery(forger, Kind.FORGED, f"event-{n}", documents[f"event-{n}"], at) for n in range(FORGERIES)),
    ]
    generator.shuffle(deliveries)
    types = Counter(document["type"] for document in documents.values())
    viewed = {event: document["product_id"] for event, document in documents.items() if document["type"] in VIEWS}
    sent = Traffic(deliveries, types, viewed)
    # Late ones first, which are tried in vain while there is enough else to do; what a sender sends again comes last.
    deliveries.sort(key=lambda delivery: (delivery.kind is Kind.DUPLICATE, delivery.event not in sent.late_events))
    return sent


async def rehearse(state: State, *, build_dir: Path, cache_dir: Path, progress: Progress, kills: int = 0) -> Account:
    """Runs a PostgreSQL and the lane, sends, and compares. `kills` is how often a processor is killed at its work.

    Raises Failure when the lane does not come to an end, as with a handler that can't be imported.
    """
    from webhookctl.local.stack import LocalStack

    lane_connections = state.outputs["sources"][SOURCE]["max_concurrency"]
    progress.begin("Starting PostgreSQL and the lane", None)
    with PostgresServer(max_connections=lane_connections + SUPERUSER_CONNECTIONS + OWN_CONNECTIONS) as server:
        with closing(server.connect(server.name)) as owner:
            owner.run((HERE / "schema.sql").read_text(encoding="utf-8"))
        async with LocalStack(state, build_dir=build_dir, cache_dir=cache_dir) as stack:
            with closing(server.connect()) as database:
                try:
                    async with asyncio.timeout(GIVE_UP_SECONDS):
                        return await _Rehearsal(stack, server, database, progress, kills).run()
                except TimeoutError:
                    minutes = GIVE_UP_SECONDS // 60
                    raise Failure(f"The lane was not done after {minutes} minutes: see {stack.log_dir}") from None


class _Rehearsal:
    def __init__(
        self, stack: "LocalStack", server: PostgresServer, database: Database, progress: Progress, kills: int
    ) -> None:
        self.stack = stack
        self.server = server
        self.database = database
        self.progress = progress
        self.kills = kills
        self.killed = 0
        self.output: Mapping[str, Any] = stack.outputs["sources"][SOURCE]
        self.environment: Environment = from_outputs(
            stack.outputs, "the example", aws_endpoint_url=stack.aws_endpoint_url
        )

    async def run(self) -> Account:
        secret = {"SecretId": self.output["postgres_secret_name"], "SecretString": self.server.secret}
        self.stack.backend.call("secretsmanager.PutSecretValue", secret)
        self._add_products(PRODUCTS[:-1])
        key = read_keys([self.stack.secrets[SOURCE]], preset("standard-webhooks").key_encoding)[0]
        sent = traffic(key, time.time())
        started = time.monotonic()
        killer = asyncio.create_task(self._kill())
        try:
            self.progress.begin("Sending", len(sent.deliveries))
            sending = send_all(sent.deliveries, {SOURCE: self.output["url"]}, self.progress.advance)
            answers, _ = await asyncio.gather(sending, self._add_late_product(sent.late_events))
            self.progress.begin("Waiting until nothing is left to do", None)
            await self.stack.idle()
        finally:
            killer.cancel()
            with suppress(asyncio.CancelledError):
                await killer
        seconds = time.monotonic() - started
        accepted = sum(answer.is_accepted for answer in answers)
        return Account([*self._lines(sent, accepted, await self._items())], seconds, self.killed)

    async def _kill(self) -> None:
        """In between, so that there is work to be cut off."""
        function = self.stack.functions.function(self.output["function_name"])
        while self.killed < self.kills:
            await asyncio.sleep(CHECK_SECONDS / 10)
            done = self.database.run("SELECT count(*) FROM webhook_effects")[0][0]
            if done >= (self.killed + 1) * EVENTS_BETWEEN_KILLS:
                self.killed += function.kill_one()

    async def _add_late_product(self, events: frozenset[str]) -> None:
        """Once each of its events has been tried in vain."""
        tried: set[str] = set()
        while not events <= tried:
            await asyncio.sleep(CHECK_SECONDS)
            tried = {item["event_id"]["S"] for item in await self._items() if "last_error" in item}
        self._add_products([LATE_PRODUCT])

    def _lines(self, sent: Traffic, accepted: int, items: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
        yield Line("accepted", len(sent.deliveries), accepted)
        counted = dict(self.database.run("SELECT type, count FROM event_counts"))
        for type_ in sorted({*sent.types, *counted}):
            yield Line(f"counted in PostgreSQL: {type_}", sent.types.get(type_, 0), counted.get(type_, 0))
        views = dict(self.database.run("SELECT product_id, views FROM product_views"))
        expected_views = Counter(sent.viewed.values())
        right = sum(views.get(product) == count for product, count in expected_views.items())
        yield Line("product views in PostgreSQL", expected_views.total(), sum(views.values()))
        yield Line("products with exactly their views", len(expected_views), right)
        ends = Counter(item.get("effect", item["outcome"])["S"] for item in items)
        for end, expected in {"done": EVENTS, "rejected": len(POISON), "quarantined": FORGERIES}.items():
            yield Line(f"in DynamoDB: {end}", expected, ends.pop(end, 0))
        yield Line("in DynamoDB: anything else", 0, ends.total())
        tried_again = {item["event_id"]["S"] for item in items if int(item.get("attempts", {}).get("N", 0)) > 1}
        yield Line("waited for a late product", len(sent.late_events), len(sent.late_events & tried_again))
        if not self.kills:  # else the server may not have noticed yet that a killed one is gone
            most = self.server.most_connections
            yield Line("connections at once", self.output["max_concurrency"], most, is_bound=True)
            yield Line("connections refused", 0, self.server.refused_connections)

    def _add_products(self, products: Sequence[str]) -> None:
        self.database.run("INSERT INTO products SELECT unnest(CAST(:products AS text[]))", products=list(products))

    async def _items(self) -> list[Mapping[str, Any]]:
        """Every webhook in the table. In a thread, since the stack answers from this one."""
        return await asyncio.to_thread(_scan, self.environment)


def _document(number: int, generator: random.Random, at: float) -> dict[str, Any]:
    """What SendGrid's event webhook tells of one event, but with `type` where it says `event`."""
    kind, product = generator.choice(TYPES), generator.choice(PRODUCTS)
    document = {"type": kind, "timestamp": int(at), "email": f"reader-{number}@example.com", "product_id": product}
    return document | ({"url": f"https://shop.example/products/{product}"} if kind == "click" else {})


def _delivery(sender: Sender, kind: Kind, event_id: str, document: Mapping[str, Any], at: float) -> Delivery:
    return sender.deliver(kind, json.dumps(document).encode(), event_id, at)


def _scan(environment: Environment) -> list[Mapping[str, Any]]:
    pages = environment.dynamodb().get_paginator("scan").paginate(TableName=environment.table_name)
    return [item for page in pages for item in page["Items"] if "outcome" in item]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code is 0 when the account is as expected."""
    options = _options(arguments)
    console = Console(stderr=options.json, highlight=False)
    try:
        # Now, since they take a while: --help answers at once, and Ctrl-C is understood.
        from webhookctl.applying import applied_state
        from webhookctl.local_demo import ShownProgress

        state = applied_state(HERE, console, force=options.apply)
        progress = ShownProgress(console)
        with progress.bars:
            account = uvloop.run(
                rehearse(
                    state,
                    build_dir=BUILD,
                    cache_dir=cache_directory() / "email-events",
                    progress=progress,
                    kills=options.kill,
                )
            )
    except (Failure, MissingPackage) as error:
        print(f"email-events: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    if options.json:
        print(json.dumps({"is_kept": account.is_kept, **asdict(account)}, indent=2))  # noqa: T201
    else:
        _show(account, console)
    return 0 if account.is_kept else FAILED


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of times")
    return int(text)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Runs the example on this machine, and exits with 0 when all was counted exactly once.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document, and nothing else")
    parser.add_argument("--apply", action="store_true", help="apply main.tf anew, even if nothing has changed")
    parser.add_argument(
        "--kill",
        type=_count,
        default=0,
        metavar="N",
        help="kill a processor N times at its work; what it had comes back after minutes",
    )
    return parser.parse_args(arguments)


def _show(account: Account, console: Console) -> None:
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("")
    table.add_column("expected", justify="right")
    table.add_column("found", justify="right")
    for line in account.lines:
        expected = f"at most {line.expected}" if line.is_bound else str(line.expected)
        table.add_row(line.what, expected, str(line.found), style="" if line.is_kept else "red")
    console.print(table)
    killed = f" A processor was killed {account.killed} times." if account.killed else ""
    console.print(f"Nothing was left to do after {account.seconds:.1f} s.{killed}")
    if account.is_kept:
        console.print("[green]kept:[/green] every event took effect exactly once.")
    else:
        console.print("[red]broken:[/red] what is red in the table.")


if __name__ == "__main__":
    sys.exit(main())
