"""Rounds of variants side by side, in an order that is shuffled anew each time."""

import random
from collections.abc import Callable, Iterable, Mapping

from tests.bench.ratio import Round, Sample

Variant = Callable[[], Sample]


def interleave(
    variants: Mapping[str, Variant], rounds: int, on_round: Callable[[int], None], shuffler: random.Random
) -> list[Round]:
    """Runs every variant once a round. A first round, which is not counted, warms up what keeps anything."""
    measured: list[Round] = []
    for number in range(rounds + 1):
        order = list(variants)
        shuffler.shuffle(order)
        seen = {name: variants[name]() for name in order}
        if number:
            measured.append(seen)
        on_round(number)
    return measured


def only(names: Iterable[str], variants: Mapping[str, Variant]) -> Mapping[str, Variant]:
    """The variants of these names."""
    wanted = set(names)
    return {name: variant for name, variant in variants.items() if name in wanted}
