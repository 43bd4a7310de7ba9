import itertools

from hypothesis import given
from hypothesis import strategies as st

from webhookctl.local.gateway import Throttle
from webhookctl.local.gateway.throttle import TokenBucket


def test_a_full_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    bucket = TokenBucket(Throttle(rate_per_second=50, burst=20))
    arrivals = [each / 1000 for each in range(5100)]
    # The burst, and 50 a second for 5.1 s.
    assert 273 <= sum(bucket.take(now) for now in arrivals) <= 275


def test_a_bucket_without_tokens_takes_nothing() -> None:
    bucket = TokenBucket(Throttle(rate_per_second=0, burst=0))
    assert not any(bucket.take(now) for now in range(100))


def test_a_clock_set_back_gives_no_tokens() -> None:
    bucket = TokenBucket(Throttle(rate_per_second=1, burst=1))
    assert bucket.take(100.0)
    assert not bucket.take(50.0)
    assert bucket.take(51.0)


@given(rate=st.floats(0.1, 1000), burst=st.integers(1, 100), gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_no_window_ever_sees_more_than_the_burst_and_the_rate(rate: float, burst: int, gaps: list[float]) -> None:
    bucket = TokenBucket(Throttle(rate, burst))
    times = list(itertools.accumulate(gaps))
    taken = [now for now in times if bucket.take(now)]
    for first, start in enumerate(taken):
        for count, end in enumerate(taken[first:], start=1):
            assert count <= burst + rate * (end - start) + 1e-6
