"""Records what the local stack does with three bursts, for the simulator to be held against.

usage: python -m tests.bench.record [NAME ...]        about two minutes for all, on a machine with nothing else to do

Each recording is a file in tests/data/bursts: what went in (when each request was sent, how long each answer and each
invocation took, how often the partner failed), and what came out. The lane's effect is a partner that sleeps, so that
what is measured is waiting and not this machine's speed.
"""

import argparse
import asyncio
import dataclasses
import json
import platform
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from common.keys import read_keys
from common.scheme import preset
from tests.altered import altered
from tests.bench.lanes import _http
from webhookctl.cache import cache_directory
from webhookctl.environment import from_outputs
from webhookctl.local.http_server import HttpServer, listen
from webhookctl.local.stack import LocalStack
from webhookctl.local.state import State, read_state
from webhookctl.local.terraform import apply
from webhookctl.sender import sign

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "tests" / "data" / "bursts"

LANE = "relay"
WARM_UP_REQUESTS = 24
WARM_UP_PAUSE_SECONDS = 2  # the route's bucket fills again
SAMPLE_SECONDS = 0.01
DIGITS = 4


@dataclass(frozen=True)
class Burst:
    """`count` requests over `seconds`, evenly spread, to a lane of these limits, whose partner is slow and may fail."""

    count: int
    seconds: float
    max_concurrency: int
    partner_seconds: tuple[float, float]
    batch_size: int = 1
    window_seconds: int = 0
    rate_per_second: float = 10_000
    burst: int = 10_000
    failure_probability: float = 0.0
    retry_delay_seconds: int = 3
    timeout_seconds: int = 30
    visibility_seconds: int = 180


BURSTS = {
    # Far more than the lane works off: a backlog, and every place taken until it is gone.
    "backlog": Burst(count=400, seconds=2, max_concurrency=2, partner_seconds=(0.1, 0.1)),
    # Twice what the route lets in: nearly half of it is refused, and the rest is more than the lane keeps up with.
    "throttled": Burst(
        count=500, seconds=5, max_concurrency=5, partner_seconds=(0.1, 0.16), rate_per_second=50, burst=40
    ),
    # In batches, for which Lambda waits; one attempt in ten fails, and comes back a second later.
    "redelivered": Burst(
        count=900,
        seconds=6,
        max_concurrency=4,
        partner_seconds=(0.08, 0.12),
        batch_size=5,
        window_seconds=1,
        failure_probability=0.1,
        retry_delay_seconds=1,
    ),
}


@dataclass
class Partner:
    """Sleeps as long as it is told, and then fails as often."""

    burst: Burst
    failing: bool = False
    attempts: int = 0
    failures: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(0)  # noqa: S311

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        await asyncio.sleep(self._random.uniform(*self.burst.partner_seconds))
        failed = self.failing and self._random.random() < self.burst.failure_probability
        self.attempts += self.failing
        self.failures += failed
        return web.Response(status=500 if failed else 204)


@dataclass
class Seen:
    """What is noted while a burst lasts."""

    sent_at: list[float] = field(default_factory=list)
    answers: list[tuple[int, float]] = field(default_factory=list)
    invocations: list[tuple[int, float]] = field(default_factory=list)
    running: int = 0
    peak_running: int = 0
    peak_in_flight: int = 0
    peak_waiting: int = 0


def configured(state: State, burst: Burst, partner_url: str) -> State:
    """The applied environment with the burst's limits in its lane."""

    def change(type_: str, values: dict[str, Any]) -> None:
        if type_ == "aws_sqs_queue" and values["name"] == f"webhook-dev-{LANE}":
            values["visibility_timeout_seconds"] = burst.visibility_seconds
        elif type_ == "aws_lambda_function" and values["function_name"] == f"webhook-dev-{LANE}":
            values["timeout"] = burst.timeout_seconds
            variables = values["environment"][0]["variables"]
            variables["RETRY"] = json.dumps({"delays_seconds": [burst.retry_delay_seconds] * 20, "jitter": False})
            variables["EFFECT"] = json.dumps(_http(partner_url))
        elif type_ == "aws_lambda_event_source_mapping" and values["event_source_arn"].endswith(f"-dev-{LANE}"):
            values["scaling_config"] = [{"maximum_concurrency": burst.max_concurrency}]
            values["batch_size"] = burst.batch_size
            values["maximum_batching_window_in_seconds"] = burst.window_seconds
        elif type_ == "aws_api_gateway_method_settings" and f"~1{LANE}/" in values["method_path"]:
            values["settings"][0] |= {
                "throttling_rate_limit": burst.rate_per_second,
                "throttling_burst_limit": burst.burst,
            }

    return altered(state, change)


async def record(state: State, burst: Burst, cache_dir: Path) -> Mapping[str, Any]:
    """Makes the burst and waits until its lane is empty; the recording."""
    partner = Partner(burst)
    async with (
        HttpServer(partner.handle, listen(0), grace_seconds=1) as server,
        LocalStack(configured(state, burst, server.url), build_dir=PROJECT / "build", cache_dir=cache_dir) as stack,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        seen = Seen()
        _watch_invocations(stack, seen)
        for _ in range(2):  # every execution environment starts, and every connection is opened
            await _send(stack, session, Seen(), "warm-up", WARM_UP_REQUESTS, 0.2)
            await stack.idle()
        await asyncio.sleep(WARM_UP_PAUSE_SECONDS)
        seen.invocations.clear()
        seen.peak_running = 0
        partner.failing = True
        async with _sampled(stack, seen):
            await _send(stack, session, seen, "event", burst.count, burst.seconds)
            await stack.idle()
        delays, drained_at = await asyncio.to_thread(_delays, stack)
    began = seen.sent_at[0]
    accepted = sum(status < 300 for status, _ in seen.answers)
    return {
        "recorded": datetime.now(UTC).date().isoformat(),
        "with": f"Python {platform.python_version()} on {platform.machine()}",
        "parameters": dataclasses.asdict(burst) | {"failure_share": partner.failures / partner.attempts},
        "arrivals_seconds": _rounded(at - began for at in seen.sent_at),
        "answer_seconds": _rounded(seconds for status, seconds in seen.answers if status < 300),
        "invocations": [[count, round(seconds, DIGITS)] for count, seconds in seen.invocations],
        "outcome": {
            "accepted": accepted,
            "refused": len(seen.answers) - accepted,
            "done": len(delays),
            "p50_seconds": _percentile(delays, 50),
            "p95_seconds": _percentile(delays, 95),
            "p99_seconds": _percentile(delays, 99),
            "max_seconds": max(delays),
            "drain_seconds": round(drained_at - began, DIGITS),
            "peak_messages_in_flight": seen.peak_in_flight,
            "peak_invocations": seen.peak_running,
            "peak_waiting": seen.peak_waiting,
        },
    }


def _watch_invocations(stack: LocalStack, seen: Seen) -> None:
    event_source = stack._event_sources[f"webhook-dev-{LANE}"]
    invoke: Callable[[str, Any], Awaitable[Any]] = event_source._invoke

    async def timed(arn: str, event: Any) -> Any:
        began = time.monotonic()
        seen.running += 1
        seen.peak_running = max(seen.peak_running, seen.running)
        try:
            return await invoke(arn, event)
        finally:
            seen.running -= 1
            seen.invocations.append((len(event["Records"]), time.monotonic() - began))

    event_source._invoke = timed


@asynccontextmanager
async def _sampled(stack: LocalStack, seen: Seen) -> AsyncIterator[None]:
    queue = stack.backend.queues[f"webhook-dev-{LANE}"]

    async def sample() -> None:
        while True:
            counts = queue.counts()
            seen.peak_in_flight = max(seen.peak_in_flight, counts.in_flight)
            seen.peak_waiting = max(seen.peak_waiting, counts.visible)
            await asyncio.sleep(SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield
    finally:
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling


async def _send(
    stack: LocalStack, session: aiohttp.ClientSession, seen: Seen, name: str, count: int, seconds: float
) -> None:
    scheme = preset("standard-webhooks")
    key = read_keys([stack.secrets[LANE]], "base64-after-whsec_")[0]
    run = f"{name}-{random.randrange(10**9)}"  # noqa: S311
    began = time.time()

    async def post(number: int) -> None:
        body = json.dumps({"type": "paid", "data": {"amount": number}}).encode()
        signed = sign(scheme, key, body, at=time.time(), event_id=f"{run}-{number}")
        headers = {"Content-Type": "application/json", **signed.headers}
        sent_at = time.time()
        async with session.post(f"{stack.endpoint}/webhooks/{LANE}", data=body, headers=headers) as answer:
            await answer.read()
            seen.sent_at.append(sent_at)
            seen.answers.append((answer.status, time.time() - sent_at))

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0, began + number * seconds / count - time.time()))
            group.create_task(post(number))
    seen.sent_at.sort()


def _delays(stack: LocalStack) -> tuple[Sequence[float], float]:
    """From API Gateway's receipt to the effect's end, of the burst's events; and when the last of them ended."""
    environment = from_outputs(stack.outputs, "the stack", aws_endpoint_url=stack.aws_endpoint_url)
    pages = environment.dynamodb().get_paginator("scan").paginate(TableName=environment.table_name)
    times = [
        (int(item["received_at_ms"]["N"]), int(item["effect_at_ms"]["N"]))
        for page in pages
        for item in page["Items"]
        if item["sk"]["S"] == "event" and "#event-" in item["pk"]["S"]
    ]
    return sorted((ended - received) / 1000 for received, ended in times), max(ended for _, ended in times) / 1000


def _percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank, of sorted values."""
    return values[max(0, -int(-len(values) * percent // 100) - 1)]


def _rounded(values: Any) -> list[float]:
    return [round(value, DIGITS) for value in values]


def main(names: Sequence[str], state: State) -> None:
    """Records the bursts of these names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names or BURSTS:
        with tempfile.TemporaryDirectory() as folder:
            recording = uvloop.run(record(state, BURSTS[name], Path(folder)))
        lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in recording.items())
        (FOLDER / f"{name}.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        print(name, json.dumps(recording["outcome"]))  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BURSTS)}; all by default")
    parser.add_argument("--state", type=Path, metavar="FILE", help="a kept state of envs/dev, instead of applying it")
    arguments = parser.parse_args()
    applied = (
        apply(PROJECT / "envs" / "dev", cache_directory()).state
        if arguments.state is None
        else read_state(arguments.state)
    )
    main(arguments.names, applied)
