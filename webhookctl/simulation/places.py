"""How many batches a mapping may process at once: it grows while there is more than they take, up to the maximum."""

from collections.abc import Callable

from webhookctl.simulation.calendar import Calendar
from webhookctl.simulation.limit import Hits, Limit
from webhookctl.simulation.scenario import Mapping


class Places:
    """`open` is how many there are now. `on_more` is called when there is another."""

    def __init__(self, mapping: Mapping, calendar: Calendar, hits: Hits, on_more: Callable[[], None]) -> None:
        self._least = min(mapping.initial_concurrency, mapping.max_concurrency)
        self.open = self._least
        self._max = mapping.max_concurrency
        self._batch_size = mapping.batch_size
        self._step_seconds = 60 / mapping.growth_per_minute if mapping.growth_per_minute else None
        self._calendar = calendar
        self._hits = hits
        self._on_more = on_more
        self._is_ticking = False
        self._is_short = False
        self._is_spare = False

    def see(self, free: int, waiting: int) -> None:
        """So many places are free now, and so many messages wait."""
        self._is_short, self._is_spare = free <= 0 and waiting >= self._batch_size, free > 0
        if self._is_short:
            limit = Limit.MAX_CONCURRENCY if self.open >= self._max else Limit.MAPPING_GROWTH
            self._hits.see(limit, self._calendar.now, waiting)
        if not self._is_ticking:
            self._go_on()

    def _go_on(self) -> None:
        grows = self._is_short and self.open < self._max
        shrinks = self._is_spare and self.open > self._least
        if self._step_seconds is not None and (grows or shrinks):
            self._is_ticking = True
            self._calendar.schedule(self._calendar.now + self._step_seconds, self._tick)

    def _tick(self, _: None) -> None:
        if self._is_short and self.open < self._max:
            self.open += 1
            self._on_more()  # which is still this tick
        elif self._is_spare and self.open > self._least:
            self.open -= 1
        self._is_ticking = False
        self._go_on()
