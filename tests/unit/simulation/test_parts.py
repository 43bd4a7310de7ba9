import itertools
import random
import statistics
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookctl.simulation.arrivals import (
    MAX_COHORTS,
    Pattern,
    Span,
    burst,
    cohorts,
    constant,
    end_seconds,
    grain,
    recorded,
    total,
)
from webhookctl.simulation.calendar import Calendar
from webhookctl.simulation.duration import Constant, Lognormal, Measured, spread
from webhookctl.simulation.histogram import RATIO, SMALLEST_SECONDS, Histogram
from webhookctl.simulation.timeline import MAX_SAMPLES, Timeline
from webhookctl.simulation.token_bucket import TokenBucket

PATTERNS = st.lists(st.builds(Span, st.floats(0, 100), st.floats(0, 10), st.integers(0, 50)), max_size=5)


@given(PATTERNS, st.integers(1, 10))
def test_all_requests_arrive_within_their_span(pattern: Pattern, size: int) -> None:
    arrived = list(cohorts(pattern, size, random.Random(0)))  # noqa: S311
    assert sum(cohort.count for cohort in arrived) == total(pattern)
    assert all(cohort.count <= size for cohort in arrived)
    assert all(cohort.at <= end_seconds(pattern) for cohort in arrived)


@given(st.floats(0.1, 500), st.floats(0.1, 30))
def test_a_rate_gives_as_many_as_it_says(rate_per_second: float, seconds: float) -> None:
    pattern = constant(rate_per_second, seconds)
    assert total(pattern) == round(rate_per_second * seconds)
    assert end_seconds(pattern) <= seconds


def test_requests_that_were_recorded_arrive_when_they_did() -> None:
    moments = [0.0, 0.5, 0.25]
    arrived = cohorts(recorded(moments), 1, random.Random(0))  # noqa: S311
    assert [cohort.at for cohort in arrived] == sorted(moments)


def test_requests_are_simulated_one_by_one_until_there_are_very_many() -> None:
    assert grain(burst(MAX_COHORTS, 1), 10_000) == 1
    assert grain(burst(20 * MAX_COHORTS, 1), 10_000) == 20


def test_never_much_of_what_a_throttle_lets_in_arrives_at_once() -> None:
    assert grain(burst(20 * MAX_COHORTS, 1), 100) == 5
    assert grain(burst(20 * MAX_COHORTS, 1), 1) == 1


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate_per_second=50, burst=20)
    taken = sum(bucket.take(number / 1000, 1) for number in range(5_100))
    assert taken == pytest.approx(20 + 5.1 * 50, abs=1)


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 30)), max_size=30), st.floats(0.1, 100), st.integers(1, 50))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(
    asked: Sequence[tuple[float, int]], rate_per_second: float, burst_size: int
) -> None:
    bucket = TokenBucket(rate_per_second, burst_size)
    now, taken = 0.0, 0
    for wait, count in asked:
        now += wait
        taken += bucket.take(now, count)
    assert taken <= burst_size + now * rate_per_second + 1e-6


def test_tokens_that_were_not_used_can_be_taken_again() -> None:
    bucket = TokenBucket(rate_per_second=0, burst=3)
    assert bucket.take(0, 3) == 3
    bucket.give_back(2)
    assert bucket.take(0, 3) == 2


@given(st.lists(st.floats(SMALLEST_SECONDS, 1e6), min_size=1, max_size=60), st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_is_right_to_half_a_percent(delays: Sequence[float], percent: int) -> None:
    histogram = Histogram()
    for delay in delays:
        histogram.add(delay)
    exact = sorted(delays)[max(0, -(-len(delays) * percent // 100) - 1)]
    assert histogram.percentile(percent) == pytest.approx(exact, rel=RATIO - 1)
    assert histogram.largest == max(delays)
    assert histogram.mean == pytest.approx(statistics.fmean(delays))


def test_there_is_no_percentile_of_nothing() -> None:
    assert Histogram().percentile(50) is None


def test_a_delay_of_nothing_has_a_bin() -> None:
    histogram = Histogram()
    histogram.add(0.0, 2)
    assert histogram.percentile(99) == 0.0


def test_a_lognormal_duration_has_the_percentiles_that_it_was_given() -> None:
    choice = random.Random(0)  # noqa: S311
    drawn = sorted(Lognormal(0.1, 0.5).draw(choice) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(0.1, rel=0.03)
    assert drawn[19_800] == pytest.approx(0.5, rel=0.1)


def test_a_measured_duration_is_one_of_those_measured() -> None:
    choice = random.Random(0)  # noqa: S311
    assert {Measured([1.0, 2.0]).draw(choice) for _ in range(50)} == {1.0, 2.0}


def test_a_duration_without_a_spread_is_constant() -> None:
    assert spread(0.1) == spread(0.1, 0.1) == Constant(0.1)
    assert spread(0.1, 0.2) == Lognormal(0.1, 0.2)


def test_what_is_due_at_one_moment_happens_in_the_order_in_which_it_was_planned() -> None:
    calendar = Calendar()
    happened: list[str] = []
    calendar.schedule(2, happened.append, "c")
    calendar.schedule(1, happened.append, "a")
    calendar.schedule(1, happened.append, "b")
    while calendar.step():
        pass
    assert happened == ["a", "b", "c"]


def test_what_is_late_happens_now() -> None:
    calendar = Calendar()
    moments: list[float] = []
    calendar.schedule(5, lambda _: calendar.schedule(1, lambda _: moments.append(calendar.now)))
    while calendar.step():
        pass
    assert moments == [5]


@given(st.lists(st.tuples(st.floats(0, 500), st.integers(0, 9)), max_size=50))
def test_a_timeline_is_bounded_without_gaps_and_forgets_no_peak(steps: Sequence[tuple[float, int]]) -> None:
    timeline = Timeline()
    now = 0.0
    for wait, waiting in steps:
        now += wait
        timeline.see(now, waiting, 0, 0, 0)
        timeline.at(now).done += 1
    samples = timeline.samples
    assert len(samples) <= MAX_SAMPLES
    assert all(
        second.at - first.at == pytest.approx(timeline.step_seconds) for first, second in itertools.pairwise(samples)
    )
    assert max(sample.waiting for sample in samples) == max((waiting for _, waiting in steps), default=0)
    assert sum(sample.done for sample in samples) == len(steps)


def test_what_stands_goes_on_in_a_timeline_until_it_changes() -> None:
    timeline = Timeline(step_seconds=1)
    timeline.see(0.5, 7, 0, 0, 0)
    timeline.see(10.5, 0, 0, 0, 0)
    assert [sample.waiting for sample in timeline.samples] == [7] * 11
