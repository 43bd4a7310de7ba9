"""When each key was last used, kept for whoever wants to retire one. At its best effort: no message depends on it."""

import logging
from collections.abc import Callable, Mapping, Sequence

from processor.event import Result
from processor.fault import describe_fault
from processor.store import EventStore

logger = logging.getLogger(__name__)

MIN_STEP_MS = 300_000
"""A use is written when it is so much later than the one that is kept: precise enough to retire a key by, and one
write in five minutes' webhooks. Of their receive times, not of the clock: a message that waited for days must not keep
one that came today from being written."""

RESERVED_MS = 5_000
"""A write is not begun with less than this left. It may take 4 s to fail, and must not become the batch's time-out."""


class KeyUsage:
    """Writes the last use of one source's keys, and remembers what is kept to write seldom."""

    def __init__(self, store: EventStore, source: str) -> None:
        self._store = store
        self._source = source
        self._kept_ms: dict[str, int] = {}

    def note(self, results: Sequence[Result], remaining_ms: Callable[[], int]) -> None:
        """Takes note of the keys that signed a batch's events. Never raises: what fails is logged and forgotten."""
        for key_id, used_at_ms in _last_uses(results).items():
            if used_at_ms < self._kept_ms.get(key_id, 0) + MIN_STEP_MS:
                continue
            if remaining_ms() < RESERVED_MS:
                return
            self._write(key_id, used_at_ms)

    def _write(self, key_id: str, used_at_ms: int) -> None:
        try:
            self._kept_ms[key_id] = self._store.put_key_use(self._source, key_id, used_at_ms)
        except Exception as error:  # noqa: BLE001 - whatever it is, the batch is done and must not come back
            fields = {"source": self._source, "key_id": key_id}
            logger.error("key use not kept", extra=fields | describe_fault(error))  # noqa: TRY400


def _last_uses(results: Sequence[Result]) -> Mapping[str, int]:
    uses: dict[str, int] = {}
    for result in results:
        if result.key_id:
            uses[result.key_id] = max(result.received_at_ms, uses.get(result.key_id, 0))
    return uses
