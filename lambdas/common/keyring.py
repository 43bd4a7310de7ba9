"""A source's keys, cached: read again when old, and once on a mismatch, but never more often than a bound.

Without the bound a forger could run up a Secrets Manager bill with one bad signature per call. The bound and the age
are short enough that a new key is known everywhere a minute after it was put.
"""

from collections.abc import Callable, Sequence

from common.keys import Key, read_keys
from common.scheme import KeyEncoding

MAX_AGE_SECONDS = 60
MIN_AGE_SECONDS = 15
RETRY_SECONDS = 5
"""A secret that could not be read is not asked for again before that."""


class KeyRing:
    """The live keys behind one secret. `fetch` gives the texts of its live versions, newest first."""

    def __init__(self, fetch: Callable[[], Sequence[str]], encoding: KeyEncoding) -> None:
        self._fetch = fetch
        self._encoding: KeyEncoding = encoding
        self._keys: tuple[Key, ...] = ()
        self._read_at: float | None = None
        self._failure: Exception | None = None

    def keys(self, now: float) -> tuple[Key, ...]:
        """The keys, at most MAX_AGE_SECONDS old, or the last that could be read. `now` is in seconds.

        Raises InvalidKey, and what `fetch` raises, while none could be read yet.
        """
        self._read_unless_younger(MAX_AGE_SECONDS, now)
        if self._failure is not None and not self._keys:
            raise self._failure.with_traceback(None)
        return self._keys

    def newer_keys(self, now: float) -> tuple[Key, ...]:
        """After a mismatch: keys that were not among the last ones, at most MIN_AGE_SECONDS old; often none.

        Raises as `keys` does, and also while there are only older ones: nobody is judged by those alone.
        """
        known = self._keys
        self._read_unless_younger(MIN_AGE_SECONDS, now)
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        return tuple(key for key in self._keys if key not in known)

    def _read_unless_younger(self, age_seconds: float, now: float) -> None:
        wait_seconds = age_seconds if self._failure is None else RETRY_SECONDS
        if self._read_at is not None and now - self._read_at <= wait_seconds:
            return
        self._read_at = now
        try:
            self._keys = read_keys(self._fetch(), self._encoding)
            self._failure = None
        except Exception as failure:  # noqa: BLE001 - kept, and raised to whoever needs the keys
            self._failure = failure
