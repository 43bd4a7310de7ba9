"""What logs and metrics say of a batch: counts per outcome, reason and key, and the delay from receipt to stored."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from common.metrics import Values, metric_line
from processor.event import Outcome, Result

MAX_VALUES = 100
"""As many values as one metric may have in one line of the embedded metric format."""


def metric_lines(
    namespace: str, source: str, results: Sequence[Result], faults: int, circuit_open: bool | None, now: float
) -> Iterator[str]:
    """The batch as embedded metrics: a line for the source, one more for each reason of a quarantine and each key.

    `circuit_open` is None for a lane without an effect.
    """
    at_ms = int(now * 1000)
    counts: Counter[str] = Counter(result.outcome.value.capitalize() for result in results)
    counts.pop("Quarantined", None)  # counted by reason
    if faults:
        counts["Failed"] = faults
    gauges = {} if circuit_open is None else {"CircuitOpen": int(circuit_open)}
    for metrics in _lines({**counts, **gauges}, _delays_ms(results, at_ms), _attempts_ms(results)):
        yield metric_line(namespace, at_ms, {"source": source}, metrics)
    reasons = Counter(result.reason.value for result in results if result.reason is not None)
    for reason, count in reasons.items():
        yield metric_line(namespace, at_ms, {"source": source, "reason": reason}, {"Quarantined": count})
    keys = Counter(result.key_id for result in results if result.key_id and not result.outcome.comes_back)
    for key_id, count in keys.items():
        yield metric_line(namespace, at_ms, {"source": source, "key": key_id}, {"Verified": count})


def _delays_ms(results: Sequence[Result], at_ms: int) -> list[int]:
    ended = [result for result in results if result.outcome in (Outcome.STORED, Outcome.DONE)]
    return [max(0, at_ms - result.received_at_ms) for result in ended]


def _attempts_ms(results: Sequence[Result]) -> list[int]:
    return [result.attempt_ms for result in results if result.attempt]


def _lines(counts: Mapping[str, int], delays_ms: list[int], attempts_ms: list[int]) -> Iterator[Mapping[str, Values]]:
    """The counts with as many values as one line may have, then the other values."""
    lines = max(1, -(-max(len(delays_ms), len(attempts_ms)) // MAX_VALUES))
    for number in range(lines):
        part = slice(number * MAX_VALUES, (number + 1) * MAX_VALUES)
        values = {"Delay_ms": delays_ms[part], "Attempt_ms": attempts_ms[part]}
        metrics: dict[str, Values] = {name: found for name, found in values.items() if found}
        if number == 0:
            metrics = {**counts, **metrics}
        if metrics:
            yield metrics
