"""A source's keys, cached: read again when old, and once on a mismatch, but never more often than a bound.

Without the bound a forger could run up a Secrets Manager bill with one bad signature per call. The bound and the age
are short enough that a new key is known everywhere a minute after it was put.
"""

from collections.abc import Callable, Sequence

from common.keys import Key, read_keys
from common.scheme import KeyEncoding

MAX_AGE_SECONDS = 60
MIN_AGE_SECONDS = 15


class KeyRing:
    """The live keys behind one secret. `fetch` gives the texts of its live versions, newest first."""

    def __init__(self, fetch: Callable[[], Sequence[str]], encoding: KeyEncoding) -> None:
        self._fetch = fetch
        self._encoding: KeyEncoding = encoding
        self._keys: tuple[Key, ...] = ()
        self._fetched_at: float | None = None

    def keys(self, now: float) -> tuple[Key, ...]:
        """The keys, at most MAX_AGE_SECONDS old. `now` is in seconds. Raises InvalidKey, and what `fetch` raises."""
        return self._at_most(MAX_AGE_SECONDS, now)

    def newer_keys(self, now: float) -> tuple[Key, ...]:
        """After a mismatch: keys that were not among the last ones, at most MIN_AGE_SECONDS old; often none."""
        known = self._keys
        return tuple(key for key in self._at_most(MIN_AGE_SECONDS, now) if key not in known)

    def _at_most(self, age_seconds: float, now: float) -> tuple[Key, ...]:
        if self._fetched_at is None or now - self._fetched_at > age_seconds:
            self._keys = read_keys(self._fetch(), self._encoding)
            self._fetched_at = now
        return self._keys
