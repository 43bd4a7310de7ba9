import random

from tests.bench.figure import Comparison, compare, counted
from tests.bench.ratio import Spread, ratio, spread
from tests.bench.rounds import interleave

# The machine was three times as slow in the second round: both variants took three times as long.
ROUNDS = [
    {"ours": {"cpu": 0.001, "wall": 0.010}, "usual": {"cpu": 0.002, "wall": 0.010}},
    {"ours": {"cpu": 0.003, "wall": 0.030}, "usual": {"cpu": 0.006, "wall": 0.030}},
    {"ours": {"cpu": 0.002, "wall": 0.010}, "usual": {"cpu": 0.002, "wall": 0.010}},
]


def test_a_ratio_is_of_one_round_so_that_a_slow_round_changes_nothing() -> None:
    assert ratio(ROUNDS[:2], "ours", "usual", "cpu") == Spread(0.5, 0.5, 0.5)


def test_a_spread_is_the_median_and_the_extremes_of_all_rounds() -> None:
    assert ratio(ROUNDS, "ours", "usual", "cpu") == Spread(0.5, 0.5, 1.0)
    assert spread([4.0, 1.0, 2.0, 3.0]) == Spread(2.5, 1.0, 4.0)


def test_a_comparison_is_of_its_own_metric_in_its_own_unit() -> None:
    figure = compare(Comparison("G8", "a batch", "ours", "usual", "the usual way", "wall", limit=0.9), ROUNDS)
    assert (figure.ours, figure.baseline) == (10.0, 10.0)
    assert figure.ratio == Spread(1.0, 1.0, 1.0)
    assert figure.reached is False


def test_a_limit_is_for_the_ratio_of_what_is_timed_and_for_the_count_of_what_is_counted() -> None:
    timed = compare(Comparison("G1", "a start", "ours", "usual", "the usual way", limit=0.5), ROUNDS)
    assert (timed.measured, timed.reached) == (0.5, True)
    requests = counted("G11", "requests", "requests", 4, 4, 100, "PutItem")
    assert (requests.measured, requests.reached) == (4, True)
    assert counted("G11", "requests", "requests", 5, 4, 100).reached is False


def test_a_figure_without_a_limit_is_neither_reached_nor_missed() -> None:
    assert counted("units", "write units", "write units", 1, None).reached is None


def test_a_ratio_to_nothing_is_none() -> None:
    assert counted("duplicates", "read units", "read units", 25, None, 0).ratio is None


def test_every_round_has_every_variant_once_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []

    def variant(name: str) -> dict[str, float]:
        calls.append(name)
        return {"cpu": float(len(calls))}

    seen: list[int] = []
    variants = {name: lambda name=name: variant(name) for name in "abcd"}
    rounds = interleave(variants, 5, seen.append, random.Random(1))  # noqa: S311
    assert seen == [0, 1, 2, 3, 4, 5]
    assert len(rounds) == 5
    orders = ["".join(calls[start : start + 4]) for start in range(0, len(calls), 4)]
    assert all(sorted(order) == list("abcd") for order in orders)
    assert len(set(orders)) > 1
    assert min(sample["cpu"] for each in rounds for sample in each.values()) == 5
