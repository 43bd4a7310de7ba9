"""Batches of new events, stored once: wall time and processor time of the handler, requests and write units.

Every strategy is a real execution environment under AWS's runtime interface client, with a table of its own at the fake
DynamoDB, and is given the very same batches.
"""

import contextlib
import functools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.bench.fake.client import Counts
from tests.bench.figure import Comparison, Figure, compare, counted
from tests.bench.ratio import Sample
from tests.bench.rounds import interleave, only
from tests.bench.runtime import ExecutionEnvironment
from tests.bench.webhooks import PROCESSOR_VARIABLES, Delivery, batch, deliveries
from tests.bench.workshop import POWERTOOLS, Workshop

CODES = ("G8", "G9", "G10", "G11", "G12", "G16", "duplicates", "units")

LATENCY_MS = 5.0
LATENCY_MS_PER_ITEM = 0.3
BODY_BYTES = 2048
REPETITIONS = {10: 2, 25: 1, 100: 1}
SIZES = tuple(REPETITIONS)
MIDDLE = 25
MAX_STATEMENTS = 25
UNIT_BODIES = {"100 B": 100, "1 KB": 1024, "2 KB": 2048, "4 KB": 4096, "10 KB": 10_240, "50 KB": 51_200}

INSERT, SEQUENTIAL, THREADS = "insert", "sequential", "threads"
INSERT_ALONE, PUT_ALONE, THREADS_ALONE = "insert alone", "put alone", "threads alone"
SLOWER = "slower batches"


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to write a batch: the handler's name, and what its folder and its environment need."""

    handler: str
    modules: tuple[str, ...] = ()
    package: str = "processor"
    distributions: tuple[str, ...] = ()
    variables: Mapping[str, str] | None = None
    key_names: tuple[str, ...] = ("pk", "sk")
    entry: str = "timed.handle"
    """What answers with the times."""
    same_items: bool = True
    """Whether its items are those of the processor, or of another form."""


def _writing(how: str) -> Strategy:
    return Strategy("writing.handle", ("writing", "verified"), entry="writing.handle", variables={"WRITE": how})


_PUT = ("put_item", "verified")
STRATEGIES = {
    INSERT: Strategy("processor.handler.handle"),
    SEQUENTIAL: Strategy("put_item.handle", _PUT),
    "sequential again": Strategy("put_item.handle", _PUT),
    THREADS: Strategy("put_item.handle", _PUT, variables={"THREADS": "10"}),
    "BatchWriteItem": Strategy("batch_write.handle", ("batch_write", "verified")),
    "TransactWriteItems": Strategy("transact.handle", ("transact", "verified")),
    "subscriber": Strategy("subscriber.handle", ("subscriber",), package="", key_names=("id",), same_items=False),
    "Powertools": Strategy(
        "powertools.handle", ("powertools",), package="", distributions=POWERTOOLS, same_items=False
    ),
    INSERT_ALONE: _writing("insert"),
    PUT_ALONE: _writing("put"),
    f"{PUT_ALONE} again": _writing("put"),
    THREADS_ALONE: _writing("threads"),
    "insert, untraced": Strategy("processor.handler.handle", variables={"WITHOUT_TRACES": "1"}),
    "sequential, untraced": Strategy("put_item.handle", _PUT, variables={"WITHOUT_TRACES": "1"}),
}
GUARANTEES = {
    INSERT: "first wins",
    SEQUENTIAL: "first wins",
    THREADS: "first wins",
    "BatchWriteItem": "last wins",
    "TransactWriteItems": "all or nothing",
    "subscriber": "overwrites",
    "Powertools": "its own record",
}

OTHERS = ("BatchWriteItem", "TransactWriteItems", "Powertools")

# Of the writing alone: the wanted figures were measured on that.
WALL_LIMITS = {10: 0.15, 25: 0.06, 100: 0.06}
CPU_LIMITS = {10: 0.20, 25: 0.10, 100: 0.10}
THREAD_LIMITS = {10: 0.35, 25: 0.25, 100: 0.25}


def _comparisons() -> Iterable[Comparison]:
    put, subscriber = "sequential conditional PutItem", "cdk-patterns' subscriber, ported"
    for n in SIZES:
        name = f"the writing alone, batch of {n}, wall time"
        yield _wall("G8", name, INSERT_ALONE, PUT_ALONE, n, WALL_LIMITS[n], put)
    for n in SIZES:
        name = f"the writing alone, batch of {n}, wall time, +{LATENCY_MS_PER_ITEM} ms per further item"
        yield _wall("G8", name, f"{INSERT_ALONE}, {SLOWER}", PUT_ALONE, n, None, put)
    for n in SIZES:
        yield _wall("G8", f"the whole processor, batch of {n}, wall time", INSERT, SEQUENTIAL, n, None, put)
    for other in OTHERS:
        name = f"{other} ({GUARANTEES[other]}), batch of {MIDDLE}, wall time"
        yield _wall("G8", name, other, SEQUENTIAL, MIDDLE, None, put)
    yield from _noise("G8", _wall)
    for n in SIZES:
        yield _cpu("G9", f"the writing alone, batch of {n}, CPU", INSERT_ALONE, PUT_ALONE, n, CPU_LIMITS[n], put)
    for n in SIZES:
        yield _cpu("G9", f"the whole processor, batch of {n}, CPU", INSERT, SEQUENTIAL, n, None, put)
    for other in OTHERS:
        yield _cpu("G9", f"{other}, batch of {MIDDLE}, CPU", other, SEQUENTIAL, MIDDLE, None, put)
    yield from _noise("G9", _cpu)
    for n in SIZES:
        name = f"the writing alone, batch of {n}, wall time"
        yield _wall("G10", name, INSERT_ALONE, "subscriber", n, WALL_LIMITS[n], subscriber)
    for n in SIZES:
        yield _wall("G10", f"the whole processor, batch of {n}, wall time", INSERT, "subscriber", n, None, subscriber)
    off = "without tracing"
    yield _cpu("G12", f"tracing, batch of {MIDDLE}", INSERT, "insert, untraced", MIDDLE, 1.15, off)
    yield _cpu("G12", f"tracing, {MIDDLE} PutItem", SEQUENTIAL, "sequential, untraced", MIDDLE, 1.30, off)
    for n in SIZES:
        name = f"10 threads of PutItem, the writing alone, batch of {n}"
        yield _wall("G16", name, THREADS_ALONE, PUT_ALONE, n, THREAD_LIMITS[n], put)
    for n in SIZES:
        name = f"10 threads of PutItem, the whole processor, batch of {n}"
        yield _wall("G16", name, THREADS, SEQUENTIAL, n, None, put)
    again = "a batch of new events"
    yield _wall("duplicates", f"{MIDDLE} duplicates, wall time", "insert, duplicates", INSERT, MIDDLE, None, again)
    yield _cpu("duplicates", f"{MIDDLE} duplicates, CPU", "insert, duplicates", INSERT, MIDDLE, None, again)


def _noise(code: str, compared: Callable[..., Comparison]) -> Iterable[Comparison]:
    for again, baseline, what in (
        (f"{PUT_ALONE} again", PUT_ALONE, "the writing alone"),
        ("sequential again", SEQUENTIAL, "the whole processor"),
    ):
        yield compared(code, f"noise: {what}, sequential, batch of {MIDDLE}", again, baseline, MIDDLE, None, "itself")


def _wall(code: str, name: str, ours: str, baseline: str, n: int, limit: float | None, of: str) -> Comparison:
    return Comparison(code, name, f"{ours}/{n}", f"{baseline}/{n}", of, metric="wall", limit=limit)


def _cpu(code: str, name: str, ours: str, baseline: str, n: int, limit: float | None, of: str) -> Comparison:
    return Comparison(code, name, f"{ours}/{n}", f"{baseline}/{n}", of, limit=limit)


COMPARISONS = tuple(_comparisons())


class TablesDiffer(Exception):
    """Two strategies left other tables: their times must not be compared."""


def measure(
    workshop: Workshop, codes: Sequence[str], rounds: int, say: Callable[[str], None], shuffler: random.Random
) -> list[Figure]:
    """The figures of this subject among `codes`."""
    wanted = [each for each in COMPARISONS if each.code in codes]
    names = {name for each in wanted for name in (each.ours, each.baseline)}
    with contextlib.ExitStack() as stack:
        bench = _Bench(workshop, stack)
        figures: list[Figure] = []
        if wanted:
            variants = only(names, {name: partial(bench.sample, name) for name in names})
            measured = interleave(
                variants, rounds, lambda number: say(f"batches, round {number} of {rounds}"), shuffler
            )
            bench.check_tables()
            figures += [compare(each, measured) for each in wanted]
        if "G11" in codes:
            say("batches, requests and write units")
            figures += _counts(bench)
        if "duplicates" in codes:
            figures += _duplicates(bench)
        if "units" in codes:
            figures += _units(bench)
    return figures


class _Bench:
    """The environments of all strategies, each started when it is first needed."""

    def __init__(self, workshop: Workshop, stack: contextlib.ExitStack) -> None:
        self._workshop = workshop
        self._stack = stack
        self._environments: dict[str, ExecutionEnvironment] = {}
        self._calls: dict[str, int] = {}
        self.given: dict[str, list[Delivery]] = {}

    def sample(self, name: str) -> Sample:
        """One sample of a variant: of `insert/25`, the mean of a few batches of 25."""
        variant, _, count = name.rpartition("/")
        self._calls[name] = self._calls.get(name, 0) + 1
        samples = []
        for repetition in range(REPETITIONS[int(count)]):
            prefix = f"{self._calls[name]}-{count}-{repetition}"
            samples.append(self._run(variant, int(count), prefix))
        return {metric: sum(each[metric] for each in samples) / len(samples) for metric in ("cpu", "wall")}

    def _run(self, variant: str, count: int, prefix: str) -> Sample:
        strategy, _, how = variant.partition(", ")
        if how == "duplicates":
            self.write(strategy, f"first-{prefix}", count)
            return self.write(strategy, f"first-{prefix}", count, again=True)
        if how == SLOWER:
            return self.write(strategy, f"slower-{prefix}", count, per_item_ms=LATENCY_MS_PER_ITEM)
        return self.write(variant, prefix, count)

    def write(
        self,
        strategy: str,
        prefix: str,
        count: int,
        *,
        body_bytes: int = BODY_BYTES,
        again: bool = False,
        twice: bool = False,
        per_item_ms: float = 0,
    ) -> Sample:
        """One batch of that prefix through a strategy: what the handler took."""
        environment = self._environment(strategy)
        sent, event = _batch(count, body_bytes, prefix, again, twice)
        self._workshop.aws.set_latency(LATENCY_MS, per_item_ms)
        answer = environment.invoke(event)
        if (answer["answer"] or {"batchItemFailures": []}) != {"batchItemFailures": []}:
            raise RuntimeError(f"{strategy} did not write a batch")
        if not again:
            self.given.setdefault(strategy, []).extend(sent)
        return {"cpu": answer["cpu"], "wall": answer["wall"]}

    def counts(
        self,
        strategy: str,
        prefix: str,
        count: int,
        *,
        again: bool = False,
        twice: bool = False,
        body_bytes: int = BODY_BYTES,
    ) -> Counts:
        """What the fake DynamoDB counted of such a batch, on a warm environment."""
        self.write(strategy, f"warm-{prefix}", count)
        if again:
            self.write(strategy, prefix, count)
        self._workshop.aws.reset()
        self.write(strategy, prefix, count, again=again, twice=twice, body_bytes=body_bytes)
        return self._workshop.aws.counts()

    def items(self, strategy: str) -> list[dict[str, dict[str, Any]]]:
        """What is in a strategy's table."""
        return self._workshop.aws.items(_table(strategy))

    def check_tables(self) -> None:
        """Raises TablesDiffer unless each table has what was given to its strategy, once, and alike among alikes."""
        for name, given in self.given.items():
            check_table(name, STRATEGIES[name].same_items, self.items(name), given)

    def _environment(self, name: str) -> ExecutionEnvironment:
        if name not in self._environments:
            strategy = STRATEGIES[name]
            table = _table(name)
            self._workshop.aws.create(table, strategy.key_names)
            self._workshop.aws.create(f"{table}-idempotency", ["id"])
            root = self._workshop.task_root(
                package=strategy.package,
                modules=("timed", *strategy.modules),
                distributions=strategy.distributions,
            )
            own = {"MEASURED": strategy.handler, "TABLE_NAME": table, **(strategy.variables or {})}
            environment = self._workshop.environment(root, strategy.entry, {**PROCESSOR_VARIABLES, **own})
            self._environments[name] = self._stack.enter_context(ExecutionEnvironment(strategy.entry, environment))
        return self._environments[name]


def check_table(
    name: str, same_items: bool, items: Sequence[Mapping[str, Mapping[str, Any]]], given: Sequence[Delivery]
) -> None:
    """Raises TablesDiffer unless every delivery is there once, under its id and with its body where it has both."""
    if same_items:
        from processor.store import stored_body
        from tests.bench.fake.boto import as_boto3

        events = [as_boto3(item) for item in items if item["sk"]["S"] == "event"]
        found = sorted((item["event_id"]["S"], stored_body(item)) for item in events)
        if found != sorted((each.event_id, each.body) for each in given):
            raise TablesDiffer(f"{name} left {len(found)} events, of {len(given)} that it was given")
    elif len(items) != len(given):
        raise TablesDiffer(f"{name} left {len(items)} items, of {len(given)} that it was given")


@functools.lru_cache(maxsize=64)
def _batch(
    count: int, body_bytes: int, prefix: str, again: bool, twice: bool
) -> tuple[Sequence[Delivery], Mapping[str, Any]]:
    """The deliveries and their SQS event, with each of them in it once, or twice."""
    sent = deliveries(count, body_bytes, prefix)
    records = batch(sent, "again" if again else "first")["Records"]
    return sent, {"Records": records + (batch(sent, "second")["Records"] if twice else [])}


def _table(strategy: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in strategy)


def _counts(bench: _Bench) -> Iterable[Figure]:
    for n in SIZES:
        ours, theirs = bench.counts(INSERT, f"counted-{n}", n), bench.counts(SEQUENTIAL, f"counted-{n}", n)
        most = -(-n // MAX_STATEMENTS)
        yield counted("G11", f"batch of {n}, requests", "requests", ours.writes, most, theirs.writes, "PutItem")
    ours, theirs = (bench.counts(each, "twice", 2 * MIDDLE, twice=True) for each in (INSERT, SEQUENTIAL))
    name = f"batch of {4 * MIDDLE}, each event in it twice, requests"
    yield counted("G11", name, "requests", ours.writes, 2, theirs.writes, "PutItem")
    for n in SIZES:
        ours, theirs = bench.counts(INSERT, f"units-{n}", n), bench.counts(SEQUENTIAL, f"units-{n}", n)
        units = theirs.write_units
        yield counted("G11", f"batch of {n}, write units", "write units", ours.write_units, units, units, "PutItem")
    for other in ("subscriber", "Powertools", "TransactWriteItems"):
        counts = bench.counts(other, "counted", MIDDLE)
        ours = bench.counts(INSERT, f"beside-{other}", MIDDLE)
        name = f"batch of {MIDDLE}, "
        yield counted("G11", name + "requests", "requests", ours.writes, None, counts.writes, other)
        yield counted("G11", name + "write units", "write units", ours.write_units, None, counts.write_units, other)


def _duplicates(bench: _Bench) -> Iterable[Figure]:
    new = bench.counts(INSERT, "new", MIDDLE)
    ours = bench.counts(INSERT, "repeated", MIDDLE, again=True)
    theirs = bench.counts(SEQUENTIAL, "repeated", MIDDLE, again=True)
    name = f"{MIDDLE} duplicates, "
    for of, other in (("a batch of new events", new), ("sequential conditional PutItem", theirs)):
        requests, others = sum(ours.requests.values()), sum(other.requests.values())
        yield counted("duplicates", name + "requests", "requests", requests, None, others, of)
        yield counted("duplicates", name + "write units", "write units", ours.write_units, None, other.write_units, of)
    yield counted("duplicates", name + "read units", "read units", ours.read_units, None, theirs.read_units)


def _units(bench: _Bench) -> Iterable[Figure]:
    from tests.bench.fake.units import item_bytes, value_bytes, write_units

    for size, body_bytes in UNIT_BODIES.items():
        prefix = f"sized-{body_bytes}"
        ours = bench.counts(INSERT, prefix, 10, body_bytes=body_bytes).write_units / 10
        item = next(item for item in bench.items(INSERT) if item.get("event_id", {}).get("S") == f"{prefix}-0")
        plain = {name: value for name, value in item.items() if name not in ("body", "body_encoding")}
        uncompressed = write_units(item_bytes(plain) + len("body") + body_bytes)
        packed = "compressed" if "body_encoding" in item else "as it came"
        name = f"write units per event, body of {size} ({packed}, {value_bytes(item['body'])} bytes)"
        yield counted("units", name, "write units", ours, None, uncompressed, "the same item uncompressed")
