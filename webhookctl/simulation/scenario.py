"""What is simulated, in numbers. The defaults are AWS's own and this project's; each has its origin beside it."""

from dataclasses import dataclass, field

from webhookctl.simulation.arrivals import Pattern
from webhookctl.simulation.duration import Constant, Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """Requests a second, and how many more at once (a full bucket)."""

    rate_per_second: float
    burst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one account has in one region, for all that runs there.

    API Gateway Developer Guide, "Amazon API Gateway quotas": 10,000 requests a second (2,500 in the newer regions);
    the burst follows from it and can't be asked for. Lambda Developer Guide, "Lambda quotas": 1,000 concurrent
    executions, and ten requests a second for each of them; "Lambda scaling behavior": 1,000 more environments of each
    function within 10 s, refilled all the time. Assumed: the ten requests a second are over a second.
    """

    throttle: Throttle = Throttle(rate_per_second=10_000, burst=5_000)
    concurrency: int = 1_000
    requests_per_second_each: float = 10
    new_environments: int = 1_000
    new_environments_seconds: float = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """The function that every request waits for. `warm` of its environments are there at the start.

    `send_seconds` is what API Gateway and SQS take besides. Durations are assumed until they are measured on AWS.
    """

    duration: Duration = field(default_factory=lambda: Constant(0.008))
    cold_start_seconds: float = 0.25
    warm: int = 0
    send_seconds: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A standard queue.

    SQS Developer Guide, "Amazon SQS queue quotas": about 120,000 in flight.
    """

    visibility_seconds: float = 180
    retention_seconds: float = 4 * 86_400
    max_receive_count: int = 5
    max_in_flight: int = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """The event source mapping.

    Lambda Developer Guide, "Configuring scaling behavior for SQS event source mappings": it begins with five
    concurrent batches and adds up to 300 a minute while messages are still available; `max_concurrency` is 2 to 1,000.
    Assumed: "still available" is a full batch more than its places take, it scales back as fast as it grew, and each
    free place polls, so that what arrives at once is shared among them. `pollers` bounds how many poll.
    """

    max_concurrency: int = 2
    batch_size: int = 10
    window_seconds: float = 0.0
    initial_concurrency: int = 5
    growth_per_minute: float = 300
    pollers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """The lane's function: `call` for each batch, and `handler` for each event, one after the other.

    It begins no event when less than `reserved_seconds` of its time are left; one that takes longer than all of it is
    cut off, and the whole batch comes back.
    """

    call: Duration = field(default_factory=lambda: Constant(0.015))
    handler: Duration = field(default_factory=lambda: Constant(0.001))
    cold_start_seconds: float = 0.8
    failure_probability: float = 0.0
    timeout_seconds: float = 30
    reserved_seconds: float = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """An effect's own schedule: the delays before the second attempt, the third, and so on."""

    delays_seconds: tuple[float, ...]
    jitter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A load and what takes it. Without `retry` a failed event comes back after the visibility time-out.

    `sender_delays_seconds` are when a refused request is sent again, counted from each refusal.
    """

    arrivals: Pattern
    route: Throttle = Throttle(rate_per_second=100, burst=200)
    account: Account = field(default_factory=Account)
    authorizer: Authorizer = field(default_factory=Authorizer)
    queue: Queue = field(default_factory=Queue)
    mapping: Mapping = field(default_factory=Mapping)
    processor: Processor = field(default_factory=Processor)
    retry: Retry | None = None
    sender_delays_seconds: tuple[float, ...] = ()
