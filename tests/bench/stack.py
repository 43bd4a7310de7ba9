"""How many webhooks a second the local stack accepts, and how many it stores, on this machine; and where its time goes.

usage: python -m tests.bench.stack [--seconds 10] [--rate 0] [--connections 32] [--profile] [--json FILE]

Four runs from the applied state of envs/dev: into one lane that only stores and into all of them, each once with its
lanes paused (nothing but accepting) and once with them running. Each ends with the table held against what was
accepted: every event is there once.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import hashlib
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import uvloop

from common.keys import read_keys
from common.scheme import load
from tests.altered import altered
from tests.bench import load as generator
from tests.bench.load import Plan, Sent, write_requests
from webhookctl.cache import cache_directory
from webhookctl.local.stack import LocalStack
from webhookctl.local.state import State
from webhookctl.local.terraform import apply
from webhookctl.sender import sign, with_query

PROJECT = Path(__file__).parents[2]
BUILD = PROJECT / "build"

CONNECTIONS = 32
MAX_PER_SECOND = 4_000  # so many requests are signed before a run
BODY_BYTES = 1_024
TICKETS = 200  # groups of the lane that keeps an order
WARM_UP_PER_LANE = 120
SAMPLE_SECONDS = 0.001
GATEWAY, GENERATOR = "gateway", "generator"


@dataclass(frozen=True)
class Event:
    """One webhook to be sent: the request as it goes over the wire, and the body that must be in the table once."""

    source: str
    body: bytes
    request: bytes


@dataclass(frozen=True)
class Run:
    """One run. `cpu_ms` are the CPU milliseconds for each accepted event, by kind of process, until all was stored.

    `drained_per_second` is over all of the run, from the first request to the last event stored, and 0 with paused
    lanes. `parts` are shares of the gateway's own CPU, where a profile was asked for.
    """

    lanes: int
    paused: bool
    sent: int
    accepted: int
    sending_seconds: float
    draining_seconds: float
    p50_ms: float
    p99_ms: float
    drained_per_second: float
    drained_while_sending: int
    cpu_ms: Mapping[str, float]
    problems: Sequence[str]
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def accepted_per_second(self) -> float:
        """While it was sent."""
        return self.accepted / self.sending_seconds


def store_only_lanes(state: State) -> list[str]:
    """The sources whose events are stored and nothing more."""
    return [source for source, output in state.outputs["sources"].items() if not output.get("effect")]


def configured(state: State, *, paused: bool) -> State:
    """The applied environment without its throttles, its lanes paused or not."""

    def change(type_: str, values: dict[str, Any]) -> None:
        if type_ == "aws_lambda_event_source_mapping":
            values["enabled"] = not paused
        elif type_ == "aws_api_gateway_method_settings":
            values["settings"][0] |= {"throttling_rate_limit": 1_000_000, "throttling_burst_limit": 1_000_000}

    return altered(state, change)


def events(stack: LocalStack, sources: Sequence[str], count: int, name: str, seed: int = 0) -> list[Event]:
    """So many signed webhooks, of 1 KB each, evenly mixed over the sources."""
    choice = random.Random(seed)  # noqa: S311
    senders = {source: _sender(stack, source) for source in sources}
    return [
        senders[sources[number % len(sources)]](f"{name}-{number}", choice.randrange(TICKETS))
        for number in range(count)
    ]


def _sender(stack: LocalStack, source: str) -> Callable[[str, int], Event]:
    output = stack.outputs["sources"][source]
    scheme = load(output["scheme"] or json.loads(output["custom_scheme_json"]))
    key = read_keys([stack.secrets[source]], scheme.key_encoding)[0]
    url = f"{stack.endpoint}/webhooks/{source}"
    # API Gateway takes https alone, so that is how the authorizer reads every URL.
    https_url = url.replace("http://", "https://", 1)
    padding = "x" * (BODY_BYTES - 200)

    def make(event_id: str, ticket: int) -> Event:
        document = {
            "id": event_id,
            "event_id": event_id,
            "event": {"id": event_id},
            "type": "paid",
            "data": {"ticket_id": f"ticket-{ticket}"},
            "note": padding,
        }
        body = json.dumps(document).encode()
        signed = sign(scheme, key, body, at=time.time(), event_id=event_id, url=https_url)
        headers = {"Content-Type": "application/json", **signed.headers}
        return Event(source, signed.body, _request(with_query(url, signed.query), headers, signed.body))

    return make


def _request(url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    given = {"Host": parts.netloc, "User-Agent": "load", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def measure(
    state: State,
    sources: Sequence[str],
    *,
    paused: bool,
    seconds: float,
    cache_dir: Path,
    build_dir: Path = BUILD,
    rate_per_second: float = 0,
    connections: int = CONNECTIONS,
    profile: bool = False,
) -> Run:
    """Sends for so many seconds to these sources of a stack of its own, waits until all is stored, and looks for it."""
    async with LocalStack(configured(state, paused=paused), build_dir=build_dir, cache_dir=cache_dir) as stack:
        warm_up = events(stack, sources, WARM_UP_PER_LANE * len(sources), "warm-up")
        plan = Plan(urlsplit(stack.endpoint).port or 0, connections, 60, 0)
        await _send(warm_up, plan, cache_dir)
        if not paused:
            await stack.idle()
        made = events(stack, sources, round(seconds * (rate_per_second or MAX_PER_SECOND)), "event")
        plan = dataclasses.replace(plan, seconds=seconds, rate_per_second=rate_per_second)
        watch = _Watch(stack)
        with _sampled() if profile else contextlib.nullcontext(Counter[str]()) as samples:
            sent = await _send(made, plan, cache_dir, watch.begin)
            sent_at, stored = time.perf_counter(), watch.stored()
            if not paused:
                await stack.idle()
            drained_at = time.perf_counter()
        accepted = [event for event, status in zip(made, sent.statuses, strict=False) if 200 <= status < 300]
        cpu = watch.cpu_seconds() | {GENERATOR: sent.cpu_seconds}
        return Run(
            lanes=len(sources),
            paused=paused,
            sent=len(sent.statuses),
            accepted=len(accepted),
            sending_seconds=sent.seconds,
            draining_seconds=0 if paused else drained_at - sent_at,
            p50_ms=statistics.median(sent.latencies_ms),
            p99_ms=statistics.quantiles(sent.latencies_ms, n=100)[98],
            drained_per_second=0 if paused else len(accepted) / (sent.seconds + drained_at - sent_at),
            drained_while_sending=stored,
            cpu_ms={name: used * 1000 / max(1, len(accepted)) for name, used in cpu.items()},
            problems=_problems(stack, [*warm_up, *accepted], paused=paused),
            parts={part: count / samples.total() for part, count in samples.most_common()},
        )


async def _send(made: Sequence[Event], plan: Plan, folder: Path, on_begin: Callable[[], None] = lambda: None) -> Sent:
    file = folder / "requests"
    write_requests((event.request for event in made), file)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", str(Path(generator.__file__)), str(file), json.dumps(dataclasses.asdict(plan))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**28,
    )
    assert process.stdin
    assert process.stdout
    await process.stdout.readline()
    on_begin()
    process.stdin.write(b"go\n")
    answer = await process.stdout.readline()
    await process.wait()
    return Sent(**json.loads(answer))


class _Watch:
    """What the processes of a stack used, and what its lanes stored, since `begin`."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._cpu: Mapping[int, float] = {}
        self._own_cpu = 0.0
        self._stored = 0

    def begin(self) -> None:
        self._stored = 0
        self._stored = self.stored()
        self._cpu = {pid: _cpu_seconds(pid) for pid in self._processes()}
        self._own_cpu = time.process_time()

    def stored(self) -> int:
        return sum(lane.stored for lane in self._stack.lanes()) - self._stored

    def cpu_seconds(self) -> dict[str, float]:
        used = {GATEWAY: time.process_time() - self._own_cpu}
        for pid, kind in self._processes().items():
            used[kind] = used.get(kind, 0) + _cpu_seconds(pid) - self._cpu.get(pid, 0)
        return used

    def _processes(self) -> Mapping[int, str]:
        processors = {output["function_name"] for output in self._stack.outputs["sources"].values()}
        return {
            environment._process.pid: "processors" if name in processors else name.rpartition("-")[2]
            for name, function in self._stack.functions.by_name.items()
            for environment in function._environments
            if environment._process is not None
        }


def _cpu_seconds(pid: int) -> float:
    """Of a process that still runs, where the system tells it in /proc; else 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _problems(stack: LocalStack, accepted: Sequence[Event], *, paused: bool) -> list[str]:
    """What is wrong with the end of a run, as sentences."""
    if paused:
        waiting = sum(lane.waiting for lane in stack.lanes())
        return [] if waiting == len(accepted) else [f"{waiting} messages wait, of {len(accepted)} accepted"]
    held = Counter(_stored_bodies(stack))
    wanted = Counter(_key(event.source, event.body) for event in accepted)
    problems = [f"{count} accepted and not stored, e.g. {key}" for key, count in [*(wanted - held).items()][:3]]
    problems += [f"{count} stored and not accepted, e.g. {key}" for key, count in [*(held - wanted).items()][:3]]
    for lane in stack.lanes():
        odd = {"failed": lane.failed, "dead-lettered": lane.dead_lettered, "quarantined": lane.quarantined}
        problems += [f"{lane.source}: {count} {name}" for name, count in odd.items() if count]
    return problems


def _stored_bodies(stack: LocalStack) -> Iterator[str]:
    """The source and the digest of each stored event, from moto's own table: a Scan of so many would take minutes."""
    for table in stack.backend._moto.tables.tables.values():
        for item in table.all_items():
            values = {name: value.value for name, value in item.attrs.items()}
            if values["sk"] == "event":
                yield f"{values['source']} {values['body_sha256']}"


def _key(source: str, body: bytes) -> str:
    return f"{source} {hashlib.sha256(body).hexdigest()}"


@contextlib.contextmanager
def _sampled() -> Iterator[Counter[str]]:
    """Counts in which part of the local stack this process spends its CPU time, once per millisecond of it."""
    samples: Counter[str] = Counter()

    def sample(_signal: int, frame: FrameType | None) -> None:
        samples[_part(frame)] += 1

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


# The innermost file of a stack that is under one of these says which part it is.
_PARTS = (
    ("webhookctl/local/aws/moto", "DynamoDB and secrets (moto)"),
    ("webhookctl/local/aws/backend", "AWS API"),
    ("webhookctl/local/aws/extensions", "DynamoDB and secrets (moto)"),
    ("webhookctl/local/aws", "SQS"),
    ("webhookctl/local/event_source", "event source mappings"),
    ("webhookctl/local/sqs_event", "event source mappings"),
    ("webhookctl/local/batch_response", "event source mappings"),
    ("webhookctl/local/functions", "invoking functions"),
    ("webhookctl/local/environment", "invoking functions"),
    ("webhookctl/local/runtime_api", "invoking functions"),
    ("webhookctl/local/log_pipe", "logs and counts"),
    ("webhookctl/local/counts", "logs and counts"),
    ("webhookctl/local/line_file", "logs and counts"),
    ("webhookctl/local/gateway/access_log", "logs and counts"),
    ("webhookctl/local/gateway/vtl", "gateway: templates"),
    ("webhookctl/local/gateway/compiled", "gateway: templates"),
    ("webhookctl/local/gateway/reference", "gateway: templates"),
    ("webhookctl/local/gateway/template", "gateway: templates"),
    ("webhookctl/local/gateway/policy", "gateway: policies"),
    ("webhookctl/local/gateway/authorizer", "gateway: authorizer's event and answer"),
    ("webhookctl/local/gateway", "gateway: the rest"),
    ("aiohttp/", "HTTP server"),
)


def _part(frame: FrameType | None) -> str:
    while frame is not None:
        for place, part in _PARTS:
            if place in frame.f_code.co_filename:
                return part
        frame = frame.f_back
    return "event loop"


async def measure_all(state: State, *, cache_dir: Path, **options: Any) -> list[Run]:
    """The four runs: one lane and all, paused and not. `options` are those of `measure`."""
    lanes = store_only_lanes(state)
    return [
        await measure(state, sources, paused=paused, cache_dir=cache_dir, **options)
        for sources in (lanes[:1], lanes)
        for paused in (True, False)
    ]


def table(runs: Sequence[Run]) -> str:
    """The runs as text for people."""
    head = ("lanes", "", "accepted/s", "p50 ms", "p99 ms", "stored meanwhile/s", "then empty in s", "stored/s")
    rows = [
        (
            str(run.lanes),
            "paused" if run.paused else "",
            f"{run.accepted_per_second:,.0f}",
            f"{run.p50_ms:.1f}",
            f"{run.p99_ms:.1f}",
            f"{run.drained_while_sending / run.sending_seconds:,.0f}",
            f"{run.draining_seconds:.1f}",
            f"{run.drained_per_second:,.0f}",
        )
        for run in runs
    ]
    lines = [
        "  ".join(f"{cell:>{len(name) or 6}}" for cell, name in zip(row, head, strict=True)) for row in [head, *rows]
    ]
    for run in runs:
        cpu = ", ".join(f"{name} {used:.2f}" for name, used in run.cpu_ms.items())
        lines.append(f"{run.lanes} {'paused' if run.paused else 'running'}: CPU ms per event: {cpu}")
        lines += [f"    {share:6.1%} {part}" for part, share in run.parts.items()]
        lines += [f"    PROBLEM: {problem}" for problem in run.problems]
    return "\n".join(lines)


def main() -> int:
    """Measures, prints, and fails when an accepted event is not in the table once."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stack")
    parser.add_argument("--seconds", type=float, default=10, help="how long each run sends (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=0, help="requests a second; 0 is as fast as they are answered")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="kept open (default: %(default)s)")
    parser.add_argument("--profile", action="store_true", help="sample which part of the gateway's process is busy")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    state = apply(PROJECT / "envs" / "dev", cache_directory()).state
    with tempfile.TemporaryDirectory() as folder:
        runs = uvloop.run(
            measure_all(
                state,
                cache_dir=Path(folder),
                seconds=options.seconds,
                rate_per_second=options.rate,
                connections=options.connections,
                profile=options.profile,
            )
        )
    print(table(runs))  # noqa: T201
    if options.json:
        figures = [dataclasses.asdict(run) | {"accepted_per_second": run.accepted_per_second} for run in runs]
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 1 if any(run.problems for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
