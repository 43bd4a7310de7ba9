"""Delays in bins of half a percent: a quantile of ten million takes no more memory than one of ten."""

import math

RATIO = 1.005
SMALLEST_SECONDS = 1e-4

_LOG_RATIO = math.log(RATIO)


class Histogram:
    """How often each delay was seen, to half a percent. `count` and `largest` are exact."""

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0
        self.total_seconds = 0.0
        self._bins: dict[int, int] = {}

    def add(self, seconds: float, count: int = 1) -> None:
        """Seen so many times."""
        self.count += count
        self.total_seconds += seconds * count
        if seconds > self.largest:
            self.largest = seconds
        number = int(math.log(seconds / SMALLEST_SECONDS) / _LOG_RATIO) if seconds > SMALLEST_SECONDS else 0
        self._bins[number] = self._bins.get(number, 0) + count

    @property
    def mean(self) -> float:
        """Exact, too; 0 of nothing."""
        return self.total_seconds / self.count if self.count else 0.0

    def percentile(self, percent: float) -> float | None:
        """What so many percent did not exceed (nearest rank, middle of its bin); None of nothing."""
        if not self.count:
            return None
        rank = max(1, math.ceil(self.count * percent / 100))
        for number, seen in sorted(self._bins.items()):
            rank -= seen
            if rank <= 0:
                return min(self.largest, SMALLEST_SECONDS * math.exp((number + 0.5) * _LOG_RATIO))
        return self.largest
