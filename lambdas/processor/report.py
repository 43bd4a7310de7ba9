"""What logs and metrics say of a batch: counts per outcome, reason and key, and the delay from receipt to stored."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from common.metrics import Values, metric_line
from processor.event import Outcome, Result

MAX_VALUES = 100
"""As many values as one metric may have in one line of the embedded metric format."""


def metric_lines(namespace: str, source: str, results: Sequence[Result], failed: int, now: float) -> Iterator[str]:
    """The batch as embedded metrics: a line for the source, one more for each reason of a quarantine and each key."""
    at_ms = int(now * 1000)
    counts: Counter[str] = Counter(result.outcome.value.capitalize() for result in results)
    counts.pop("Quarantined", None)  # counted by reason
    if failed:
        counts["Failed"] = failed
    for metrics in _lines(counts, _delays_ms(results, at_ms)):
        yield metric_line(namespace, at_ms, {"source": source}, metrics)
    reasons = Counter(result.reason.value for result in results if result.reason is not None)
    for reason, count in reasons.items():
        yield metric_line(namespace, at_ms, {"source": source, "reason": reason}, {"Quarantined": count})
    keys = Counter(result.key_id for result in results if result.key_id)
    for key_id, count in keys.items():
        yield metric_line(namespace, at_ms, {"source": source, "key": key_id}, {"Verified": count})


def _delays_ms(results: Sequence[Result], at_ms: int) -> list[int]:
    return [max(0, at_ms - result.received_at_ms) for result in results if result.outcome is Outcome.STORED]


def _lines(counts: Mapping[str, int], delays_ms: list[int]) -> Iterator[Mapping[str, Values]]:
    if counts:
        yield {**counts, **({"Delay_ms": delays_ms[:MAX_VALUES]} if delays_ms else {})}
    for start in range(MAX_VALUES, len(delays_ms), MAX_VALUES):
        yield {"Delay_ms": delays_ms[start : start + MAX_VALUES]}
