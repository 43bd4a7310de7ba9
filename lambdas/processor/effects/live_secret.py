"""A secret's live texts, cached: read again when old, and after its user was refused, but no oftener than a bound."""

import time
from collections.abc import Callable, Sequence

MAX_AGE_SECONDS = 60
MIN_AGE_SECONDS = 5
"""A user who was refused, because of a wrong password for instance, does not read the secret again before that."""


class LiveSecret:
    """One secret's live texts: `read` gives them, newest first. It is not called before its use."""

    def __init__(self, read: Callable[[], Sequence[str]], clock: Callable[[], float] = time.time) -> None:
        self._read = read
        self._clock = clock
        self._texts: tuple[str, ...] = ()
        self._read_at: float | None = None

    def texts(self) -> tuple[str, ...]:
        """The texts, newest first, at most MAX_AGE_SECONDS old. Raises what `read` raises."""
        return self._unless_younger(MAX_AGE_SECONDS)

    def texts_after_refusal(self) -> tuple[str, ...]:
        """The texts, at most MIN_AGE_SECONDS old. Raises what `read` raises."""
        return self._unless_younger(MIN_AGE_SECONDS)

    def _unless_younger(self, age_seconds: float) -> tuple[str, ...]:
        now = self._clock()
        if self._read_at is None or not 0 <= now - self._read_at <= age_seconds:
            self._texts = tuple(self._read())
            self._read_at = now
        return self._texts
