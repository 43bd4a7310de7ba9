import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.schedule import Schedule, read_schedule

DELAYS = st.lists(st.floats(0, 43_200), max_size=20).map(tuple)


def test_a_list_is_followed_to_the_second_and_ends() -> None:
    schedule = read_schedule({"delays_seconds": [5, 600], "jitter": False})
    assert schedule.attempts == 3
    assert [schedule.delay_seconds(attempt, 0.5) for attempt in (1, 2, 3)] == [5, 600, None]


@given(DELAYS, st.floats(0, 1), st.integers(1, 25))
def test_jitter_draws_from_the_upper_half_of_a_delay(delays: tuple[float, ...], chance: float, attempt: int) -> None:
    delay = Schedule(delays, jitter=True).delay_seconds(attempt, chance)
    if attempt > len(delays):
        assert delay is None
    else:
        assert delay is not None
        assert delays[attempt - 1] / 2 <= delay <= delays[attempt - 1]


def test_a_schedule_without_delays_is_one_attempt() -> None:
    assert Schedule((), jitter=True).delay_seconds(1, 0.5) is None


@pytest.mark.parametrize("fields", [{}, {"delays_seconds": [-1], "jitter": False}, {"delays_seconds": ["soon"]}])
def test_what_terraform_could_not_have_derived_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        read_schedule(fields)
