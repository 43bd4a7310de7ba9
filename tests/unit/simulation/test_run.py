import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhookctl.simulation.arrivals import Span, burst, constant
from webhookctl.simulation.duration import Constant, Lognormal
from webhookctl.simulation.limit import Limit
from webhookctl.simulation.run import simulate
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

OPEN = Throttle(rate_per_second=1e6, burst=1e6)
ROOMY = Account(throttle=OPEN, concurrency=10**6, new_environments=10**6)
ONE_POLLER = Mapping(max_concurrency=2, batch_size=10, pollers=1)
NO_TIME = Authorizer(duration=Constant(0.0), cold_start_seconds=0.0, send_seconds=0.0)

SCENARIOS = st.builds(
    Scenario,
    arrivals=st.lists(
        st.builds(Span, st.floats(0, 30), st.floats(0, 5), st.integers(0, 60)), min_size=1, max_size=4
    ).filter(lambda spans: any(span.requests for span in spans)),
    route=st.builds(Throttle, rate_per_second=st.floats(1, 200), burst=st.integers(1, 100)),
    account=st.builds(
        Account,
        throttle=st.builds(Throttle, rate_per_second=st.floats(1, 200), burst=st.integers(1, 100)),
        concurrency=st.integers(2, 60),
        new_environments=st.integers(1, 50),
    ),
    authorizer=st.builds(Authorizer, cold_start_seconds=st.floats(0, 1), warm=st.integers(0, 5)),
    queue=st.builds(
        Queue,
        visibility_seconds=st.floats(1, 60),
        retention_seconds=st.sampled_from([5.0, 60.0, 86_400.0]),
        max_receive_count=st.integers(1, 5),
        max_in_flight=st.integers(5, 100),
    ),
    mapping=st.builds(
        Mapping,
        max_concurrency=st.integers(2, 12),
        batch_size=st.integers(1, 20),
        window_seconds=st.sampled_from([0.0, 0.0, 1.0, 5.0]),
        pollers=st.sampled_from([None, 1, 3]),
    ),
    processor=st.builds(
        Processor,
        call=st.builds(Constant, st.floats(0, 0.5)),
        handler=st.one_of(st.builds(Constant, st.floats(0, 2)), st.just(Lognormal(0.1, 2.0))),
        failure_probability=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
        timeout_seconds=st.sampled_from([3.0, 10.0, 30.0]),
    ),
    retry=st.one_of(
        st.none(),
        st.builds(Retry, delays_seconds=st.tuples(st.floats(0, 10), st.floats(0, 60)), jitter=st.booleans()),
    ),
    sender_delays_seconds=st.sampled_from([(), (1.0,), (0.5, 5.0)]),
)

generated = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def lane(**changes: Any) -> Scenario:
    """Events of a tenth of a second that two processors work off, five a second, but for what a test changes."""
    ordinary = Scenario(
        arrivals=constant(5, 20),
        route=OPEN,
        account=ROOMY,
        authorizer=NO_TIME,
        mapping=Mapping(max_concurrency=2, batch_size=1),
        processor=Processor(call=Constant(0.0), handler=Constant(0.1), cold_start_seconds=0.0),
    )
    return dataclasses.replace(ordinary, **changes)


@generated
@given(SCENARIOS)
def test_whatever_is_accepted_is_done_or_dead_lettered_or_kept_for_too_long(scenario: Scenario) -> None:
    result = simulate(scenario)
    assert result.accepted == result.done + result.dead_lettered + result.expired
    assert result.left == 0


@generated
@given(SCENARIOS)
def test_whatever_comes_is_accepted_or_refused(scenario: Scenario) -> None:
    result = simulate(scenario)
    assert result.requests == result.accepted + result.throttled + result.failed
    assert sum(sample.arrived for sample in result.samples) == result.requests
    assert sum(sample.refused for sample in result.samples) == result.refused
    assert sum(sample.done for sample in result.samples) == result.done


@generated
@given(SCENARIOS)
def test_there_is_never_more_at_once_than_a_limit_allows(scenario: Scenario) -> None:
    result = simulate(scenario)
    assert result.peak_processors <= scenario.mapping.max_concurrency
    assert result.peak_concurrency <= scenario.account.concurrency
    assert result.peak_in_flight <= scenario.queue.max_in_flight
    assert result.mean_batch <= scenario.mapping.batch_size


@generated
@given(SCENARIOS, st.integers())
def test_the_same_seed_gives_the_same_result(scenario: Scenario, seed: int) -> None:
    assert simulate(scenario, seed) == simulate(scenario, seed)


@generated
@given(SCENARIOS)
def test_nothing_is_done_before_it_came(scenario: Scenario) -> None:
    result = simulate(scenario)
    delays = [result.delays_seconds[name] for name in ("p50", "p95", "p99", "max")]
    known = [delay for delay in delays if delay is not None]
    assert known == sorted(known)
    assert all(delay > 0 for delay in known)


def test_another_seed_gives_another_result() -> None:
    assert simulate(lane(), 1) != simulate(lane(), 2)


def test_a_slower_handler_does_not_change_when_requests_arrive() -> None:
    slower = lane(processor=Processor(handler=Constant(3.0)))
    first, second = (
        {int(sample.at): sample.arrived for sample in simulate(scenario).samples if sample.at < 1 and sample.arrived}
        for scenario in (lane(), slower)
    )
    assert sum(first.values()) == sum(second.values())


def test_as_many_are_there_as_littles_law_says() -> None:
    result = simulate(lane(arrivals=burst(1_000, 30)))
    there = sum(sample.waiting + sample.in_flight for sample in result.samples)
    step = result.samples[1].at - result.samples[0].at
    assert there * step == pytest.approx(result.mean_delay_seconds * result.accepted, rel=0.05)


def test_two_places_wait_as_queueing_theory_says() -> None:
    # At 14 events of 0.1 s in a second, Erlang C gives 0.0961 s of waiting in M/M/2, and M/D/2 has about half of it.
    result = simulate(lane(arrivals=burst(14_000, 1_000)))
    assert 0.42 * 0.0961 < result.mean_delay_seconds - 0.1 < 0.62 * 0.0961


def test_a_burst_is_worked_off_as_fast_as_all_places_do() -> None:
    result = simulate(lane(arrivals=burst(400, 1)))
    assert result.drain_seconds == pytest.approx(400 * 0.1 / 2, rel=0.03)
    assert result.peak_processors == 2


def test_a_mapping_begins_with_five_places_and_gets_five_more_a_second() -> None:
    scenario = lane(
        arrivals=burst(6_000, 0.1),
        mapping=Mapping(max_concurrency=1_000, batch_size=1),
        processor=Processor(call=Constant(0.0), handler=Constant(1.0), cold_start_seconds=0),
    )
    samples = simulate(scenario).samples
    for second in (1, 10, 30):
        assert next(sample.processors for sample in samples if sample.at >= second) == pytest.approx(
            5 + 5 * second, abs=5
        )


def test_places_go_when_there_is_nothing_more_for_them() -> None:
    load = (*constant(200, 30), *(Span(30.0 + second, 1.0, 2) for second in range(120)), Span(150.0, 0.1, 400))
    scenario = lane(arrivals=load, mapping=Mapping(max_concurrency=100, batch_size=1))
    samples = simulate(scenario).samples
    assert max(sample.processors for sample in samples if sample.at < 40) > 20
    assert max(sample.processors for sample in samples if 150 <= sample.at < 150.5) <= 8


def test_a_batch_waits_for_its_window_when_it_is_not_full() -> None:
    scenario = lane(arrivals=(Span(0, 0, 1),), mapping=Mapping(max_concurrency=2, batch_size=10, window_seconds=5))
    assert simulate(scenario).delays_seconds["max"] == pytest.approx(5.1, abs=0.05)


def test_a_full_batch_does_not_wait() -> None:
    scenario = lane(arrivals=(Span(0, 0, 10),), mapping=dataclasses.replace(ONE_POLLER, window_seconds=5))
    assert simulate(scenario).delays_seconds["max"] == pytest.approx(1.0, abs=0.1)


def test_each_free_place_takes_what_it_sees_and_the_next_to_be_free_the_rest() -> None:
    scenario = lane(arrivals=(Span(0, 0, 10),), mapping=Mapping(max_concurrency=5, batch_size=10))
    assert simulate(scenario).invocations == 5 + 1


def test_one_poller_takes_all_there_is() -> None:
    backlog = lane(arrivals=(Span(0, 0, 1), Span(0.01, 0, 10)), mapping=ONE_POLLER)
    assert simulate(backlog).invocations == 1 + 1 + 1


def test_a_failed_event_comes_back_after_the_visibility_time_out() -> None:
    scenario = lane(
        arrivals=(Span(0, 0, 1),),
        queue=Queue(visibility_seconds=60, max_receive_count=3),
        processor=Processor(call=Constant(0.0), handler=Constant(1.0), cold_start_seconds=0, failure_probability=1.0),
    )
    result = simulate(scenario)
    assert (result.done, result.dead_lettered, result.received) == (0, 1, 3)
    assert result.samples[-1].at == pytest.approx(121, abs=1)


def test_an_effect_has_a_schedule_of_its_own() -> None:
    scenario = lane(
        arrivals=(Span(0, 0, 1),),
        processor=Processor(call=Constant(0.0), handler=Constant(1.0), cold_start_seconds=0, failure_probability=1.0),
        retry=Retry(delays_seconds=(5.0, 10.0)),
    )
    result = simulate(scenario)
    assert (result.dead_lettered, result.received) == (1, 3)
    assert result.samples[-1].at == pytest.approx(1 + 5 + 1 + 10 + 1, abs=0.2)


def test_what_fails_is_in_flight_until_it_comes_back() -> None:
    scenario = lane(
        arrivals=burst(100, 1),
        queue=Queue(visibility_seconds=60, max_in_flight=40),
        processor=Processor(call=Constant(0.0), handler=Constant(0.01), failure_probability=0.9),
    )
    result = simulate(scenario)
    assert result.peak_in_flight == 40
    assert Limit.IN_FLIGHT in {hit.limit for hit in result.hits}


def test_what_the_queue_has_kept_for_too_long_is_lost() -> None:
    scenario = lane(arrivals=burst(1_000, 1), queue=Queue(retention_seconds=10))
    result = simulate(scenario)
    assert result.expired == 1_000 - result.done
    assert result.done == pytest.approx(11 * 20, rel=0.05)


def test_a_batch_that_is_cut_off_comes_back_whole() -> None:
    scenario = lane(
        arrivals=(Span(0, 0, 1),),
        processor=Processor(handler=Constant(40.0), timeout_seconds=30),
        queue=Queue(max_receive_count=2),
    )
    result = simulate(scenario)
    assert (result.done, result.dead_lettered, result.received) == (0, 1, 2)
    assert Limit.TIMEOUT in {hit.limit for hit in result.hits}


def test_what_time_is_left_for_is_begun_and_the_rest_comes_back() -> None:
    scenario = lane(
        arrivals=(Span(0, 0, 10),),
        mapping=dataclasses.replace(ONE_POLLER, window_seconds=1),
        processor=Processor(
            call=Constant(0.0), handler=Constant(3.0), cold_start_seconds=0, timeout_seconds=20, reserved_seconds=8
        ),
    )
    result = simulate(scenario)
    assert result.done == 10
    assert result.received == 10 + 5  # five are begun by the twelfth second, and five come back once


def test_a_refused_request_is_sent_again_when_its_sender_does() -> None:
    throttled = lane(arrivals=burst(300, 0.1), route=Throttle(rate_per_second=10, burst=100))
    once = simulate(throttled)
    again = simulate(dataclasses.replace(throttled, sender_delays_seconds=(30.0,)))
    assert once.accepted == pytest.approx(101, abs=1)
    assert again.requests == 300 + once.throttled
    assert again.accepted == pytest.approx(once.accepted + 100, abs=3)


def test_a_load_that_begins_at_once_starts_an_authorizer_for_each_request() -> None:
    account = dataclasses.replace(ROOMY, concurrency=500)
    result = simulate(lane(arrivals=burst(2_000, 0.2), account=account, authorizer=Authorizer(cold_start_seconds=0.3)))
    assert result.peak_concurrency == 500
    assert result.failed == pytest.approx(1_500, abs=10)


def test_authorizers_that_are_warm_take_the_same_load() -> None:
    account = dataclasses.replace(ROOMY, concurrency=500)
    warm = Authorizer(cold_start_seconds=0.3, warm=480)
    assert simulate(lane(arrivals=burst(2_000, 0.2), account=account, authorizer=warm)).failed == 0


def test_a_function_gets_a_thousand_environments_in_ten_seconds() -> None:
    account = dataclasses.replace(ROOMY, new_environments=1_000)
    result = simulate(lane(arrivals=burst(3_000, 0.2), account=account, authorizer=Authorizer(cold_start_seconds=0.3)))
    assert result.accepted == pytest.approx(1_000 + 20, abs=5)
    assert {hit.limit for hit in result.hits} >= {Limit.SCALING_RATE}


def test_the_accounts_concurrency_times_ten_is_all_that_begins_in_a_second() -> None:
    account = dataclasses.replace(ROOMY, concurrency=10)
    authorizer = Authorizer(duration=Constant(0.001), cold_start_seconds=0)
    result = simulate(lane(arrivals=constant(200, 10), account=account, authorizer=authorizer))
    assert Limit.INVOCATION_RATE in {hit.limit for hit in result.hits}
    assert result.accepted + result.invocations <= 10 * 10 * (result.drain_seconds + 1)


def test_a_long_simulation_tells_how_far_it_is() -> None:
    told: list[tuple[float, int]] = []
    simulate(lane(arrivals=burst(20_000, 10)), on_progress=lambda at, finished: told.append((at, finished)))
    assert len(told) > 1
    assert told == sorted(told)
