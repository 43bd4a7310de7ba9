"""A simulation with what people want to know of it: the limits that were met, and the bill."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from processor.store import LANE_SHARDS
from webhookctl.cost import Design, bill_per_million, read_file, read_prices
from webhookctl.failure import INTERRUPTED, Failure
from webhookctl.simulation.finding import Finding, Writes, findings
from webhookctl.simulation.result import Result
from webhookctl.simulation.run import simulate
from webhookctl.simulation.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Simulated:
    """A scenario, what came of it, and what that costs: dollars per million accepted webhooks, by service."""

    scenario: Scenario
    seed: int
    result: Result
    findings: Sequence[Finding]
    bill: Mapping[str, float]


class Interrupted(Failure):
    """Ctrl-C."""

    exit_code = INTERRUPTED


def run_scenario(scenario: Scenario, seed: int, on_progress: Callable[[float, int], None]) -> Simulated:
    """To its end. Raises Interrupted after Ctrl-C."""
    try:
        result = simulate(scenario, seed, on_progress)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted: nothing was simulated to its end.") from None
    design = design_of(scenario, result)
    bill = bill_per_million(design, read_prices()) if result.invocations else {}
    return Simulated(scenario, seed, result, findings(scenario, result, writes_of(design)), bill)


def design_of(scenario: Scenario, result: Result) -> Design:
    """What is charged follows from the simulation where that shows it, and is assumed as ever where it does not."""
    return Design(
        authorizer_ms=1000 * scenario.authorizer.duration.mean_seconds,
        batch_size=max(1.0, result.mean_batch),
        receives_per_message=max(1.0, result.receives_per_message),
        processor_ms_per_batch=1000 * result.invocation_seconds / max(1, result.invocations),
    )


def writes_of(design: Design) -> Writes:
    """What one event writes, by what its bill assumes."""
    index_units = float(read_file()["item"]["index_units"]["value"])
    return Writes(table_units=design.write_units - index_units, index_units=index_units, index_partitions=LANE_SHARDS)
