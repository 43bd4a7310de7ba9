"""What a simulation's limits mean for people: what was met, when, what it did, and what to change."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from webhookctl.simulation.limit import Hit, Limit
from webhookctl.simulation.result import Result
from webhookctl.simulation.scenario import Scenario

NEW_TABLE_UNITS_PER_SECOND = 4_000
"""What a new on-demand table takes at once, and then twice its peak of the last 30 minutes (DynamoDB Developer Guide,
"Understanding DynamoDB warm throughput in different scenarios")."""

TABLE_UNITS_PER_SECOND = 40_000
"""Write units of one table and of one index, until AWS is asked for more ("Quotas in Amazon DynamoDB"). It is also what
`max_write_units_per_second` is by default."""

PARTITION_UNITS_PER_SECOND = 1_000
"""Write units of one partition, as that of one key of an index (the same page). Keys in the order of time, as by_time's
are, are assumed to be in one partition for good."""

MIN_MAX_CONCURRENCY, MAX_MAX_CONCURRENCY = 2, 1_000

NOTICED_SECONDS = 1.0
"""A mapping that is behind for a moment, so that not one webhook in twenty is so much later, has met no limit."""


class Effect(IntEnum):
    """What it does to webhooks, the worst last."""

    DELAYS = 1
    REFUSES = 2
    LOSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """What one event writes: units of the table, and of the index, which has so many partitions for each source."""

    table_units: float
    index_units: float
    index_partitions: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One limit that was met: since when, what that did, and what would keep it from being met."""

    limit: str
    at: float
    effect: Effect
    what: str
    change: str


def findings(scenario: Scenario, result: Result, writes: Writes) -> Sequence[Finding]:
    """All limits that were met, the first that was met first."""
    found = [_of_hit(hit, scenario, result) for hit in result.hits if _is_noticed(hit, result)]
    return sorted([*found, *_of_table(result, writes)], key=lambda finding: finding.at)


@dataclass(frozen=True, slots=True)
class _Said:
    effect: Effect
    what: str
    change: str


def _of_hit(hit: Hit, scenario: Scenario, result: Result) -> Finding:
    said = _SAID[hit.limit](hit, scenario, result)
    return Finding(hit.limit.value, hit.first_at, said.effect, said.what, said.change)


def _is_noticed(hit: Hit, result: Result) -> bool:
    if hit.limit not in (Limit.MAPPING_GROWTH, Limit.MAX_CONCURRENCY):
        return True
    return (result.delays_seconds["p95"] or 0) >= NOTICED_SECONDS


def _route_rate(hit: Hit, scenario: Scenario, result: Result) -> _Said:
    route = scenario.route
    what = (
        f"The route lets in {route.rate_per_second:,.0f} requests a second and {route.burst:,.0f} more at once: "
        f"{hit.count:,} were answered 429."
    )
    rate, burst = _up(result.peak_requests_per_second), _up(hit.count + route.burst)
    return _Said(
        Effect.REFUSES, what, f"Set rate_per_second to {rate:,} or burst to {burst:,}; or leave it: senders retry."
    )


def _account_rate(hit: Hit, scenario: Scenario, result: Result) -> _Said:
    throttle = scenario.account.throttle
    what = (
        f"API Gateway lets in {throttle.rate_per_second:,.0f} requests a second of the whole account, and "
        f"{throttle.burst:,.0f} more at once: {hit.count:,} were answered 429."
    )
    rate = _up(1.1 * result.peak_requests_per_second)
    return _Said(
        Effect.REFUSES, what, f'Ask AWS for a "Throttle rate" of {rate:,} (Service Quotas, Amazon API Gateway).'
    )


def _account_concurrency(hit: Hit, scenario: Scenario, result: Result) -> _Said:
    what = (
        f"Lambda runs {scenario.account.concurrency:,} invocations at once in the whole account: {hit.count:,} could "
        f"not begin. {_failed(result)}"
    )
    change = (
        f'Ask AWS for "Concurrent executions" of {_up(_needed_concurrency(scenario, result)):,} (Service Quotas, AWS '
        f"Lambda), or keep {_needed_warm(result):,} authorizers warm (provisioned concurrency)."
    )
    return _Said(Effect.REFUSES, what, change)


def _invocation_rate(hit: Hit, scenario: Scenario, result: Result) -> _Said:
    account = scenario.account
    needed = (
        result.peak_requests_per_second + result.invocations / max(result.drain_seconds, 1.0)
    ) / account.requests_per_second_each
    what = (
        f"Lambda begins {account.requests_per_second_each:.0f} invocations a second for each of the account's "
        f"{account.concurrency:,} concurrent executions, used or not: {hit.count:,} could not begin. {_failed(result)}"
    )
    change = (
        f'Ask AWS for "Concurrent executions" of {_up(1.1 * needed):,} (Service Quotas, AWS Lambda). Fuller batches '
        "make fewer invocations: batch_window_seconds."
    )
    return _Said(Effect.REFUSES, what, change)


def _scaling_rate(hit: Hit, scenario: Scenario, result: Result) -> _Said:
    account = scenario.account
    what = (
        f"Lambda starts {account.new_environments:,} environments of a function at once, and as many again in "
        f"{account.new_environments_seconds:.0f} s: {hit.count:,} invocations could not begin. {_failed(result)}"
    )
    change = (
        f"No quota changes this. Before a load that begins at once keep {_needed_warm(result):,} authorizers "
        "warm (provisioned concurrency), or leave it: senders retry."
    )
    return _Said(Effect.REFUSES, what, change)


def _mapping_growth(hit: Hit, scenario: Scenario, _: Result) -> _Said:
    mapping = scenario.mapping
    least = min(mapping.initial_concurrency, mapping.max_concurrency)
    what = (
        f"The mapping begins with {least} batches at once and adds {mapping.growth_per_minute:,.0f} a minute: up to "
        f"{hit.count:,} webhooks waited."
    )
    change = (
        "No quota changes this, and what waits is kept. Larger batches need less of it: batch_size, and above 10 a "
        "batch_window_seconds."
    )
    return _Said(Effect.DELAYS, what, change)


def _max_concurrency(hit: Hit, scenario: Scenario, result: Result) -> _Said:
    what = (
        f"max_concurrency is {scenario.mapping.max_concurrency:,}, all of it busy: up to {hit.count:,} webhooks waited."
    )
    needed = _needed_processors(result)
    if needed <= scenario.mapping.max_concurrency:
        return _Said(Effect.DELAYS, what, "It keeps up with the peak; more would work off sooner what waits.")
    change = (
        f"{needed:,} keep up with the peak, if the backend bears them; or leave it: what waits is kept."
        if needed <= MAX_MAX_CONCURRENCY
        else f"{needed:,} would keep up with the peak, and {MAX_MAX_CONCURRENCY:,} is the most: make batches larger or "
        "the handler faster, or divide the senders over several sources."
    )
    return _Said(Effect.DELAYS, what, change)


def _in_flight(_: Hit, scenario: Scenario, __: Result) -> _Said:
    what = (
        f"SQS has about {scenario.queue.max_in_flight:,} messages of a queue in flight, those that failed and wait to "
        "come back included: none was received until there were fewer."
    )
    change = (
        "Let what fails come back sooner or be tried less often (timeout_seconds, retry, max_receive_count), or divide "
        "the senders over several sources."
    )
    return _Said(Effect.DELAYS, what, change)


def _timeout(hit: Hit, scenario: Scenario, _: Result) -> _Said:
    processor = scenario.processor
    what = (
        f"timeout_seconds is {processor.timeout_seconds:.0f}, and nothing is begun in the last "
        f"{processor.reserved_seconds:.0f}: {hit.count:,} times a webhook came back untried or was cut off."
    )
    return _Said(Effect.DELAYS, what, "Raise timeout_seconds, or lower batch_size.")


def _max_receive_count(hit: Hit, scenario: Scenario, _: Result) -> _Said:
    attempts = scenario.queue.max_receive_count if scenario.retry is None else len(scenario.retry.delays_seconds) + 1
    return _Said(
        Effect.REFUSES,
        f"{hit.count:,} webhooks failed {attempts:,} times and are in the dead-letter queue.",
        "Find out why they fail, and redrive them. More attempts: max_receive_count, or retry of an effect.",
    )


def _retention(hit: Hit, scenario: Scenario, _: Result) -> _Said:
    days = scenario.queue.retention_seconds / 86_400
    return _Said(
        Effect.LOSES,
        f"{hit.count:,} webhooks waited for longer than the {days:g} days that the queue keeps them, and are lost.",
        "Raise max_concurrency, and retention_days (14 at most).",
    )


_SAID: dict[Limit, Callable[[Hit, Scenario, Result], _Said]] = {
    Limit.ROUTE_RATE: _route_rate,
    Limit.ACCOUNT_RATE: _account_rate,
    Limit.ACCOUNT_CONCURRENCY: _account_concurrency,
    Limit.INVOCATION_RATE: _invocation_rate,
    Limit.SCALING_RATE: _scaling_rate,
    Limit.MAPPING_GROWTH: _mapping_growth,
    Limit.MAX_CONCURRENCY: _max_concurrency,
    Limit.IN_FLIGHT: _in_flight,
    Limit.TIMEOUT: _timeout,
    Limit.MAX_RECEIVE_COUNT: _max_receive_count,
    Limit.RETENTION: _retention,
}


def _of_table(result: Result, writes: Writes) -> Iterator[Finding]:
    """Not simulated: a write that DynamoDB throttles is tried again, and makes its batch longer."""
    table, index = result.peak_done_per_second * writes.table_units, result.peak_done_per_second * writes.index_units
    warm = (
        f"Warm it up before such a load, to {_up(table):,} write units (warm throughput); a table that saw half of "
        "that within 30 minutes takes it."
    )
    spread = (
        "Divide the senders over several sources, each of which has its own; or lower max_concurrency, which bounds "
        "the writes: what waits is kept."
    )
    quota = (
        f'Ask AWS for a "Table-level write throughput limit" of {_up(table):,} (Service Quotas, Amazon DynamoDB), and '
        "raise max_write_units_per_second; or lower max_concurrency, which bounds the writes."
    )
    partitions = writes.index_partitions * PARTITION_UNITS_PER_SECOND
    for limit, what, units, each, peak, change in (
        ("table_throughput", "A new DynamoDB table", NEW_TABLE_UNITS_PER_SECOND, writes.table_units, table, warm),
        ("index_partitions", "A source's part of the index by_time", partitions, writes.index_units, index, spread),
        ("table_quota", "A DynamoDB table", TABLE_UNITS_PER_SECOND, writes.table_units, table, quota),
    ):
        over = [second for second, done in result.done_by_second.items() if done * each > units]
        if over:
            sentence = (
                f"{what} takes {units:,} write units a second, and {peak:,.0f} came, {each:g} for each event. How much "
                "later throttled writes are is not simulated."
            )
            yield Finding(limit, float(min(over)), Effect.DELAYS, sentence, change)


def _failed(result: Result) -> str:
    return (
        f"In all {result.failed:,} requests were answered 500." if result.failed else "No request was refused for it."
    )


def _needed_concurrency(scenario: Scenario, result: Result) -> float:
    """All that come while the first authorizers start cold are at work at once, and processors besides."""
    processors = min(scenario.mapping.max_concurrency, max(1, result.peak_processors))
    return 1.1 * (result.peak_requests_per_start + processors)


def _needed_warm(result: Result) -> int:
    """Those that are busy at the peak when none has to start, and half as many again."""
    return _up(1.5 * result.peak_requests_per_authorizer + 10)


def _needed_processors(result: Result) -> int:
    """Places that keep up with the peak, and a tenth more."""
    each_seconds = result.invocation_seconds / max(1, result.received)
    accepted = result.peak_requests_per_second * result.accepted / result.requests
    return max(MIN_MAX_CONCURRENCY, math.ceil(1.1 * accepted * each_seconds))


def _up(number: float) -> int:
    """To two digits, upwards: nobody asks for 10,273."""
    if number <= 10:
        return math.ceil(number)
    step = int(10 ** (int(math.log10(number)) - 1))
    return math.ceil(number / step) * step
