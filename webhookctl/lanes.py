"""What each source's lane is doing: its effect, what its queues hold, and its circuit. And how to resume one."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from processor.circuit import CircuitState
from processor.store import EventStore
from webhookctl.environment import Environment, Source
from webhookctl.failure import WrongUsage
from webhookctl.queues import Depth, read_depth

PARALLEL_LANES = 10  # as many connections as boto3's pool has
STORES = "stores"
CLOSED = CircuitState()


@dataclass(frozen=True, slots=True)
class Lane:
    """One source's lane. One that only stores has no circuit."""

    source: Source
    queue: Depth
    dead_letter_queue: Depth
    circuit: CircuitState | None

    @property
    def effect(self) -> str:
        """What it does with a verified webhook."""
        return self.source.effect or STORES


def read_lanes(environment: Environment) -> Sequence[Lane]:
    """All lanes, by the names of their sources. Raises what boto3 raises."""
    sqs, store = environment.sqs(), _store(environment)

    def read(source: Source) -> Lane:
        return Lane(
            source,
            queue=read_depth(sqs, source.queue_url),
            dead_letter_queue=read_depth(sqs, source.dead_letter_queue_url),
            circuit=store.read_circuit(source.name) if source.effect else None,
        )

    sources = [environment.sources[name] for name in sorted(environment.sources)]
    with ThreadPoolExecutor(PARALLEL_LANES) as pool:
        return list(pool.map(read, sources))


def resume_lane(environment: Environment, source: Source) -> CircuitState:
    """Closes the lane's circuit. Returns what it was. Raises WrongUsage, and what boto3 raises."""
    if source.effect is None:
        raise WrongUsage(f"The lane of {source.name} only stores: it has no circuit, and is never paused.")
    store = _store(environment)
    # An open circuit is written at each probe, maybe between the two calls: then it is looked at again.
    while (seen := store.read_circuit(source.name)).state != CLOSED.state:
        if store.change_circuit(source.name, seen, CLOSED):
            break
    return seen


def _store(environment: Environment) -> EventStore:
    return EventStore(
        environment.dynamodb(), environment.table_name, retention_days=0
    )  # of what it has no part in here
