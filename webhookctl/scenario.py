"""The scenario of a simulation: an applied source's numbers, then what was given on the command line, then defaults."""

import math
from dataclasses import asdict, dataclass

from webhookctl.applied_lane import AppliedLane
from webhookctl.failure import WrongUsage
from webhookctl.simulation.arrivals import Pattern
from webhookctl.simulation.duration import spread
from webhookctl.simulation.scenario import (
    Account,
    Authorizer,
    Mapping,
    Processor,
    Queue,
    Retry,
    Scenario,
    Throttle,
)

RESERVED_SECONDS = 8.0
"""The processor begins nothing in its last two writes' time, which may take 4 s each (lambdas/processor/batch.py)."""

EFFECT_RESERVED_SECONDS = 4.0
"""With an effect also one that keeps its outcome, and an attempt."""

DEFAULT_HANDLER_MS = 1.0
"""Of a lane that only stores: with 15 ms a call, ten events take the 25 ms that prices.json assumes."""

DEFAULT_LANE = AppliedLane(  # modules/webhook/variables.tf
    rate_per_second=100,
    burst=200,
    max_concurrency=2,
    batch_size=10,
    window_seconds=0,
    timeout_seconds=30,
    visibility_seconds=180,
    retention_seconds=4 * 86_400,
    max_receive_count=5,
    retry_delays_seconds=None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line says. None is what was not said."""

    route_rate: float | None = None
    route_burst: float | None = None
    max_concurrency: int | None = None
    batch_size: int | None = None
    window_seconds: float | None = None
    timeout_seconds: float | None = None
    max_receive_count: int | None = None
    handler_ms: float | None = None
    handler_p99_ms: float | None = None
    call_ms: float
    cold_start_ms: float
    failures: float
    authorizer_ms: float
    authorizer_cold_start_ms: float
    warm_authorizers: int
    account_rate: float
    account_concurrency: int
    sender_retries: str | None = None


def scenario_of(pattern: Pattern, given: Given, applied: AppliedLane | None) -> Scenario:
    """All of it in seconds. Raises WrongUsage for what AWS would not take either."""
    for name, value in asdict(given).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise WrongUsage(f"--{name.replace('_', '-')} must be a number that is not infinite.")
    lane = applied or DEFAULT_LANE
    if lane.retry_delays_seconds is not None and given.handler_ms is None:
        raise WrongUsage("This source acts on each event: say with --handler-ms how long that takes.")
    timeout_seconds = _chosen(given.timeout_seconds, lane.timeout_seconds)
    handler_ms = _chosen(given.handler_ms, DEFAULT_HANDLER_MS)
    return Scenario(
        arrivals=pattern,
        route=Throttle(
            rate_per_second=_chosen(given.route_rate, lane.rate_per_second),
            burst=_chosen(given.route_burst, lane.burst),
        ),
        account=Account(
            # The burst follows from the rate: 5,000 of 10,000, and 1,250 of 2,500 where that is the default.
            throttle=Throttle(rate_per_second=given.account_rate, burst=given.account_rate / 2),
            concurrency=given.account_concurrency,
        ),
        authorizer=Authorizer(
            duration=spread(given.authorizer_ms / 1000),
            cold_start_seconds=given.authorizer_cold_start_ms / 1000,
            warm=given.warm_authorizers,
        ),
        queue=Queue(
            visibility_seconds=_visibility_seconds(given, lane, timeout_seconds),
            retention_seconds=lane.retention_seconds,
            max_receive_count=int(_chosen(given.max_receive_count, lane.max_receive_count)),
        ),
        mapping=_mapping(given, lane),
        processor=Processor(
            call=spread(given.call_ms / 1000),
            handler=spread(handler_ms / 1000, _p99_seconds(given)),
            cold_start_seconds=given.cold_start_ms / 1000,
            failure_probability=given.failures,
            timeout_seconds=timeout_seconds,
            reserved_seconds=RESERVED_SECONDS
            + (0.0 if lane.retry_delays_seconds is None else EFFECT_RESERVED_SECONDS + handler_ms / 1000),
        ),
        retry=None
        if lane.retry_delays_seconds is None
        else Retry(delays_seconds=lane.retry_delays_seconds, jitter=lane.retry_jitter),
        sender_delays_seconds=_delays(given.sender_retries),
    )


def _mapping(given: Given, lane: AppliedLane) -> Mapping:
    batch_size = int(_chosen(given.batch_size, lane.batch_size))
    window_seconds = _chosen(given.window_seconds, lane.window_seconds)
    if batch_size > 10 and window_seconds < 1:
        raise WrongUsage("--batch-size above 10 needs a --window-seconds of at least 1, as at AWS.")
    return Mapping(
        max_concurrency=int(_chosen(given.max_concurrency, lane.max_concurrency)),
        batch_size=batch_size,
        window_seconds=window_seconds,
    )


def _visibility_seconds(given: Given, lane: AppliedLane, timeout_seconds: float) -> float:
    """As modules/ingestion derives it, where something of it was given; else as it was applied."""
    if given.timeout_seconds is None and given.window_seconds is None:
        return lane.visibility_seconds
    return 6 * timeout_seconds + _chosen(given.window_seconds, lane.window_seconds)


def _p99_seconds(given: Given) -> float | None:
    if given.handler_p99_ms is None:
        return None
    if not given.handler_ms or given.handler_p99_ms < given.handler_ms:
        raise WrongUsage("--handler-p99-ms goes with a --handler-ms, the median, and is not below it.")
    return given.handler_p99_ms / 1000


def _delays(text: str | None) -> tuple[float, ...]:
    if not text:
        return ()
    try:
        delays = tuple(float(part) for part in text.split(","))
    except ValueError:
        delays = (-1.0,)
    if not all(0 < delay < float("inf") for delay in delays):
        raise WrongUsage(f"--sender-retries {text!r} is not a list of seconds, such as 10,60,600.")
    return delays


def _chosen(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given
