import dataclasses
from typing import Any

import pytest

from tests.unit.simulation.test_run import ROOMY, lane
from webhookctl.simulation.arrivals import burst, constant
from webhookctl.simulation.duration import Constant
from webhookctl.simulation.finding import Effect, Finding, Writes, findings
from webhookctl.simulation.limit import Limit
from webhookctl.simulation.run import simulate
from webhookctl.simulation.scenario import Authorizer, Mapping, Processor, Queue, Scenario, Throttle

NONE = Writes(table_units=0, index_units=0, index_partitions=4)
COLD = Authorizer(duration=Constant(0.01), cold_start_seconds=0.25)


def found(writes: Writes = NONE, **changes: Any) -> dict[str, Finding]:
    scenario = lane(**changes)
    return {finding.limit: finding for finding in findings(scenario, simulate(scenario), writes)}


def account(**changes: Any) -> Any:
    return dataclasses.replace(ROOMY, **changes)


FAILING = Processor(call=Constant(0.0), handler=Constant(0.01), failure_probability=1.0)

SITUATIONS: dict[Limit, dict[str, Any]] = {
    Limit.ROUTE_RATE: {"route": Throttle(rate_per_second=2, burst=2)},
    Limit.ACCOUNT_RATE: {"account": account(throttle=Throttle(rate_per_second=2, burst=2))},
    Limit.ACCOUNT_CONCURRENCY: {
        "arrivals": burst(500, 0.1),
        "authorizer": COLD,
        "account": account(concurrency=100),
    },
    Limit.INVOCATION_RATE: {"arrivals": constant(60, 5), "account": account(concurrency=5)},
    Limit.SCALING_RATE: {"arrivals": burst(500, 0.1), "authorizer": COLD, "account": account(new_environments=100)},
    Limit.MAPPING_GROWTH: {
        "arrivals": burst(1_000, 1),
        "mapping": Mapping(max_concurrency=1_000, batch_size=1),
    },
    Limit.MAX_CONCURRENCY: {"arrivals": burst(200, 1)},
    Limit.IN_FLIGHT: {"arrivals": burst(100, 1), "processor": FAILING, "queue": Queue(max_in_flight=20)},
    Limit.TIMEOUT: {"processor": Processor(handler=Constant(40), timeout_seconds=30)},
    Limit.MAX_RECEIVE_COUNT: {"processor": FAILING},
    Limit.RETENTION: {"arrivals": burst(500, 1), "queue": Queue(retention_seconds=10)},
}


@pytest.mark.parametrize("limit", Limit)
def test_every_limit_that_is_met_is_told_with_what_to_change(limit: Limit) -> None:
    finding = found(**SITUATIONS[limit])[limit]
    assert finding.what.endswith(".")
    assert finding.change.endswith(".")
    assert finding.at >= 0


def test_nothing_is_told_of_a_load_that_meets_no_limit() -> None:
    assert found(arrivals=constant(5, 20)) == {}


def test_a_lane_that_is_behind_for_a_moment_has_met_no_limit() -> None:
    assert Limit.MAX_CONCURRENCY not in found(arrivals=burst(10, 0.1))


def test_the_limit_that_is_met_first_is_told_first() -> None:
    scenario = lane(arrivals=constant(50, 30), route=Throttle(rate_per_second=30, burst=100))
    told = findings(scenario, simulate(scenario), NONE)
    assert [finding.limit for finding in told] == ["max_concurrency", "route_rate"]
    assert [finding.at for finding in told] == sorted(finding.at for finding in told)


def test_as_many_processors_are_recommended_as_keep_up() -> None:
    arrivals = burst(3_000, 100)
    change = found(arrivals=arrivals)[Limit.MAX_CONCURRENCY].change
    needed = int(change.split()[0])
    assert Limit.MAX_CONCURRENCY not in found(arrivals=arrivals, mapping=Mapping(max_concurrency=needed, batch_size=1))


def test_as_much_concurrency_is_recommended_as_ends_the_failures() -> None:
    situation = SITUATIONS[Limit.ACCOUNT_CONCURRENCY]
    change = found(**situation)[Limit.ACCOUNT_CONCURRENCY].change
    needed = int(change.split('" of ')[1].split(" ")[0].replace(",", ""))
    assert Limit.ACCOUNT_CONCURRENCY not in found(**situation | {"account": account(concurrency=needed)})


@pytest.mark.parametrize("limit", [Limit.ACCOUNT_CONCURRENCY, Limit.SCALING_RATE])
def test_as_many_warm_authorizers_are_recommended_as_end_the_failures(limit: Limit) -> None:
    situation = SITUATIONS[limit]
    change = found(**situation)[limit].change
    needed = int(change.split(" authorizers")[0].split(" ")[-1].replace(",", ""))
    warm = dataclasses.replace(COLD, warm=needed)
    assert limit not in found(**situation | {"authorizer": warm})


def test_more_processors_than_a_mapping_has_are_not_recommended() -> None:
    scenario: Scenario = lane(
        arrivals=burst(5_000, 1),
        processor=Processor(call=Constant(0.0), handler=Constant(1.0), cold_start_seconds=0),
        mapping=Mapping(max_concurrency=1_000, batch_size=1, initial_concurrency=1_000),
    )
    told = {finding.limit: finding for finding in findings(scenario, simulate(scenario), NONE)}
    assert "divide the senders" in told[Limit.MAX_CONCURRENCY].change


def test_a_table_is_warned_of_by_the_write_units_of_what_is_done() -> None:
    busy = {
        "arrivals": constant(1_000, 5),
        "mapping": Mapping(max_concurrency=50, batch_size=10, initial_concurrency=50),
        "processor": Processor(call=Constant(0.01), handler=Constant(0.0), cold_start_seconds=0),
    }
    for limit, units, more in (
        ("table_throughput", {"table_units": 3.9}, {"table_units": 4.3}),
        ("table_quota", {"table_units": 38}, {"table_units": 43}),
        ("index_partitions", {"index_units": 0.9, "index_partitions": 1}, {"index_units": 1.1, "index_partitions": 1}),
    ):
        assert limit not in found(dataclasses.replace(NONE, **units), **busy)
        assert limit in found(dataclasses.replace(NONE, **more), **busy)


def test_what_is_lost_is_worse_than_what_is_refused_or_late() -> None:
    assert found(**SITUATIONS[Limit.RETENTION])[Limit.RETENTION].effect is Effect.LOSES
    assert Effect.LOSES > Effect.REFUSES > Effect.DELAYS
