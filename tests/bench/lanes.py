"""Three lanes with an effect: `relay`, whose partner takes two seconds, `billing`, whose partner fails every other
call, and `ledger`, a row in PostgreSQL, which takes a tenth of a second. What does the third notice of the others, and
does every event have one effect while processors are killed?

usage: python -m tests.bench.lanes [EVENTS]        5,000 events by default, about a quarter of an hour
"""

import asyncio
import dataclasses
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from common.keys import read_keys
from common.scheme import preset
from processor.effects.postgres_marker import SCHEMA
from tests.altered import altered
from webhookctl.cache import cache_directory
from webhookctl.environment import from_outputs
from webhookctl.local.http_server import HttpServer, listen
from webhookctl.local.postgres_server import PostgresServer
from webhookctl.local.stack import LocalStack
from webhookctl.local.state import State
from webhookctl.local.terraform import apply
from webhookctl.sender import sign

PROJECT = Path(__file__).parents[2]

SLOW, FAILING, THIRD = "relay", "billing", "ledger"
CONCURRENCY = {SLOW: 12, FAILING: 3, THIRD: 3}
SHARES = {SLOW: 0.06, FAILING: 0.34, THIRD: 0.6}
SLOW_SECONDS = 2.0
THIRD_SECONDS = 0.1

# A message whose processor was killed comes back after the visibility time-out: shorter than deployed, for a test's
# sake, and still longer than a lease (time-out and 2 s).
TIMEOUT_SECONDS = 12
VISIBILITY_SECONDS = 16
ATTEMPTS = 40
RESERVED_CONNECTIONS = 3  # of PostgreSQL, for its superuser, as which the tests look

TABLES = (
    SCHEMA,
    "CREATE TABLE ledger (event_id text PRIMARY KEY, type text, amount integer NOT NULL, received_at timestamptz)",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO webhook",
    f"""CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep({THIRD_SECONDS}); RETURN new; END $$""",
    "CREATE TRIGGER take_time BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION take_time()",
)


@dataclass
class Partners:
    """Two partners on loopback. A repeated delivery is known by its `webhook-id`, as the receiver of one would."""

    seed: int = 0
    effects: dict[str, Counter[str]] = field(default_factory=lambda: {"slow": Counter(), "failing": Counter()})
    busy: Counter[str] = field(default_factory=Counter)
    peak: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Takes a delivery: slowly, or every other time not at all."""
        name = request.path.strip("/")
        await request.read()
        self.busy[name] += 1
        self.peak[name] = max(self.peak[name], self.busy[name])
        try:
            if name == "slow":
                await asyncio.sleep(SLOW_SECONDS)
            elif self._random.random() < 0.5:
                return web.Response(status=500)
            self.effects[name][request.headers["webhook-id"]] += 1
            return web.Response(status=204)
        finally:
            self.busy[name] -= 1


@dataclass(frozen=True)
class Run:
    """What was seen of one run.

    `delays_ms` are from API Gateway's receipt to the effect's end, of the third lane's events after the warm-up, which
    starts every execution environment.
    """

    sent: Mapping[str, int]
    distinct_effects: Mapping[str, int]
    repeated_deliveries: int
    ledger_rows: int
    ledger_amount: int
    states: Mapping[str, Mapping[str, int]]
    dead_lettered: int
    delays_ms: Sequence[int]
    kills: int
    peak_connections: int
    max_connections: int
    refused_connections: int
    peak_invocations: Mapping[str, int]
    seconds: float

    @property
    def p99_ms(self) -> float:
        """Of the third lane's delays."""
        return statistics.quantiles(self.delays_ms, n=100)[98]


def configured(state: State, partners_url: str) -> State:
    """The applied environment with these backends, and with time-outs that suit a test."""

    def change(type_: str, values: dict[str, Any]) -> None:
        for lane in (SLOW, FAILING, THIRD):
            if type_ == "aws_sqs_queue" and values["name"] == f"webhook-dev-{lane}":
                values["visibility_timeout_seconds"] = VISIBILITY_SECONDS
                values["redrive_policy"] = json.dumps(json.loads(values["redrive_policy"]) | {"maxReceiveCount": 1000})
            elif type_ == "aws_lambda_function" and values["function_name"] == f"webhook-dev-{lane}":
                values["timeout"] = TIMEOUT_SECONDS
                variables = values["environment"][0]["variables"]
                variables["RETRY"] = json.dumps({"delays_seconds": [1] * (ATTEMPTS - 1), "jitter": True})
                if lane != THIRD:
                    path = "slow" if lane == SLOW else "failing"
                    variables["EFFECT"] = json.dumps(_http(f"{partners_url}/{path}"))
            elif type_ == "aws_lambda_event_source_mapping" and values["event_source_arn"].endswith(f"-dev-{lane}"):
                values["scaling_config"] = [{"maximum_concurrency": CONCURRENCY[lane]}]
                values["batch_size"] = 1
            elif type_ == "aws_api_gateway_method_settings":
                values["settings"][0] |= {"throttling_rate_limit": 10_000, "throttling_burst_limit": 10_000}

    return altered(state, change)


async def run(
    state: State, counts: Mapping[str, int], per_second: float, *, kill: bool, cache_dir: Path, seed: int = 0
) -> Run:
    """Sends so many events to each lane, evenly mixed, and waits until every lane is empty."""
    partners = Partners(seed)
    max_connections = CONCURRENCY[THIRD] + RESERVED_CONNECTIONS
    async with HttpServer(partners.handle, listen(0), grace_seconds=1) as server:
        with PostgresServer(max_connections=max_connections, superuser_reserved_connections=RESERVED_CONNECTIONS) as db:
            _make_tables(db)
            async with _stack(configured(state, server.url), json.loads(db.secret), cache_dir) as stack:
                warm_up = {lane: 2 * CONCURRENCY[lane] for lane in counts}
                await _send(stack, warm_up, len(counts) * 100, random.Random(seed), "warm-up")  # noqa: S311
                await stack.idle()
                began = time.time()
                kills = await _under_fire(stack, counts, per_second, kill, seed)
                sent = {lane: counts[lane] + warm_up[lane] for lane in counts}
                return await asyncio.to_thread(_seen, stack, sent, partners, db, kills, began)


def _make_tables(db: PostgresServer) -> None:
    with closing(db.connect()) as connection:
        for statement in TABLES:
            connection.run(statement)


@asynccontextmanager
async def _stack(state: State, secret: Mapping[str, Any], cache_dir: Path) -> AsyncIterator[LocalStack]:
    async with LocalStack(state, build_dir=PROJECT / "build", cache_dir=cache_dir, postgres=secret) as stack:
        yield stack


def _http(url: str) -> Mapping[str, Any]:
    return {
        "kind": "http",
        "secret_name": f"webhook-dev/{SLOW}/delivery",
        "url": url,
        "timeout_seconds": 4,
        "allow_private_addresses": True,
    }


async def _under_fire(stack: LocalStack, counts: Mapping[str, int], per_second: float, kill: bool, seed: int) -> int:
    """Sends all, and waits until all lanes are empty. How many processors were killed while it sent."""
    kills: list[str] = []
    killer = asyncio.create_task(_kill_every_second(stack, random.Random(seed), kills)) if kill else None  # noqa: S311
    try:
        await _send(stack, counts, per_second, random.Random(seed), "event")  # noqa: S311
    finally:
        if killer is not None:
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)
    await stack.idle()
    return len(kills)


async def _kill_every_second(stack: LocalStack, choice: random.Random, kills: list[str]) -> None:
    while True:
        await asyncio.sleep(1)
        lane = choice.choice((SLOW, FAILING, THIRD))
        if stack.functions.by_name[f"webhook-dev-{lane}"].kill_one():
            kills.append(lane)


async def _send(
    stack: LocalStack, counts: Mapping[str, int], per_second: float, choice: random.Random, name: str
) -> None:
    order = [lane for lane, count in counts.items() for _ in range(count)]
    choice.shuffle(order)
    keys = {lane: read_keys([stack.secrets[lane]], "base64-after-whsec_")[0] for lane in counts}
    scheme = preset("standard-webhooks")
    began = time.monotonic()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:

        async def post(lane: str, number: int) -> None:
            body = json.dumps({"type": "paid", "data": {"amount": number}}).encode()
            signed = sign(scheme, keys[lane], body, at=time.time(), event_id=f"{name}-{number}")
            headers = {"Content-Type": "application/json", **signed.headers}
            async with session.post(f"{stack.endpoint}/webhooks/{lane}", data=body, headers=headers) as answer:
                if answer.status not in (200, 202):
                    raise RuntimeError(f"{lane} answered {answer.status}")

        for number, lane in enumerate(order):
            await asyncio.sleep(max(0, began + number / per_second - time.monotonic()))
            group.create_task(post(lane, number))


def _seen(
    stack: LocalStack,
    counts: Mapping[str, int],
    partners: Partners,
    db: PostgresServer,
    kills: int,
    began: float,
) -> Run:
    environment = from_outputs(stack.outputs, "the stack", aws_endpoint_url=stack.aws_endpoint_url)
    pages = environment.dynamodb().get_paginator("scan").paginate(TableName=environment.table_name)
    events = [item for page in pages for item in page["Items"] if item["sk"]["S"] == "event"]
    states: dict[str, Counter[str]] = {lane: Counter() for lane in counts}
    for item in events:
        states[item["source"]["S"]][item["effect"]["S"]] += 1
    delays = [
        int(item["effect_at_ms"]["N"]) - int(item["received_at_ms"]["N"])
        for item in events
        if item["source"]["S"] == THIRD and "effect_at_ms" in item and int(item["received_at_ms"]["N"]) > began * 1000
    ]
    with closing(db.connect()) as connection:
        ((rows, amount),) = connection.run("SELECT count(*), coalesce(sum(amount), 0) FROM ledger")
    lanes = {lane.source: lane for lane in stack.lanes()}
    deliveries = [count for effects in partners.effects.values() for count in effects.values()]
    return Run(
        sent=counts,
        distinct_effects={SLOW: len(partners.effects["slow"]), FAILING: len(partners.effects["failing"]), THIRD: rows},
        repeated_deliveries=sum(deliveries) - len(deliveries),
        ledger_rows=rows,
        ledger_amount=amount,
        states={lane: dict(found) for lane, found in states.items()},
        dead_lettered=sum(lane.dead_lettered for lane in lanes.values()),
        delays_ms=sorted(delays),
        kills=kills,
        peak_connections=db.most_connections,
        max_connections=CONCURRENCY[THIRD],
        refused_connections=db.refused_connections,
        peak_invocations={lane: lanes[lane].peak for lane in counts},
        seconds=time.time() - began,
    )


def shared(events: int) -> dict[str, int]:
    """So many events over the three lanes."""
    counts = {lane: round(events * SHARES[lane]) for lane in (SLOW, FAILING)}
    return {**counts, THIRD: events - sum(counts.values())}


def main(events: int) -> None:
    """The third lane alone, then with the others, then all with a processor killed every second."""
    state = apply(PROJECT / "envs" / "dev", cache_directory()).state
    counts = shared(events)
    with tempfile.TemporaryDirectory() as folder:

        def measure(counts: Mapping[str, int], per_second: float, *, kill: bool) -> Run:
            return uvloop.run(run(state, counts, per_second, kill=kill, cache_dir=Path(folder)))

        rate = 20.0
        alone = measure({THIRD: counts[THIRD]}, rate * SHARES[THIRD], kill=False)
        together = measure(counts, rate, kill=False)
        killed = measure(counts, rate, kill=True)
    for name, seen in (("alone", alone), ("together", together), ("killed", killed)):
        print(name, json.dumps(dataclasses.asdict(seen) | {"delays_ms": _percentiles(seen.delays_ms)}))  # noqa: T201
    print(f"p99 of {THIRD}, together / alone: {together.p99_ms / alone.p99_ms:.2f}")  # noqa: T201


def _percentiles(delays_ms: Sequence[int]) -> Mapping[str, float]:
    cuts = statistics.quantiles(delays_ms, n=100)
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": max(delays_ms)}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
