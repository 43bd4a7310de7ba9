"""What is to happen when, and nothing else: a heap of moments, each with what it does then."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

Action = Callable[[Any], None]


class Calendar:
    """`now` only ever goes forward. What is due at one moment happens in the order in which it was scheduled."""

    def __init__(self) -> None:
        self.now = 0.0
        self._entries: list[tuple[float, int, Action, Any]] = []
        self._numbers = count()

    def schedule(self, at: float, action: Action, argument: Any = None) -> None:
        """Let `action(argument)` happen then; a moment that is over is now."""
        heapq.heappush(self._entries, (max(at, self.now), next(self._numbers), action, argument))

    def step(self) -> bool:
        """Goes to the next moment and does what is to be done then; False when nothing is left."""
        if not self._entries:
            return False
        self.now, _, action, argument = heapq.heappop(self._entries)
        action(argument)
        return True
