"""The simulator held against the local stack. A run draws durations and failures by chance, as the recorded one did,
so what is compared is the median of several."""

import functools

import pytest

from tests.unit.simulation.page import MEASURES, medians
from tests.unit.simulation.recordings import NAMES, read_recording

WITHIN = 0.10

simulated = functools.cache(medians)


def test_there_are_three_recordings() -> None:
    assert NAMES == ["backlog", "redelivered", "throttled"]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("name", NAMES)
def test_the_simulator_agrees_with_the_local_stack_within_a_tenth(name: str, measure: str) -> None:
    recorded = read_recording(name)["outcome"][measure]
    assert simulated(name)[measure] == pytest.approx(recorded, rel=WITHIN)


def test_each_recording_shows_what_it_is_for() -> None:
    backlog, redelivered, throttled = (read_recording(name) for name in NAMES)
    assert backlog["outcome"]["peak_waiting"] > 0.8 * backlog["parameters"]["count"]
    assert redelivered["parameters"]["failure_share"] > 0.05
    assert max(count for count, _ in redelivered["invocations"]) > 1
    assert throttled["outcome"]["refused"] > 0.3 * throttled["parameters"]["count"]
