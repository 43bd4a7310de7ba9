"""What a FIFO queue remembers of what was sent to it, so that the same is not kept twice.

Amazon SQS Developer Guide, "Exactly-once processing in Amazon SQS" and "Using the message deduplication ID": messages
with an id that was sent in the last five minutes "are accepted successfully but aren't delivered", also after the first
one was received and deleted. "Enabling high throughput": with the scope `messageGroup`, each group has ids of its own.
"""

from collections import OrderedDict
from typing import NamedTuple

INTERVAL_SECONDS = 5 * 60


class Sent(NamedTuple):
    """What a sender is told: the message's id, the MD5 of its body, and its number in a FIFO queue, empty in others."""

    message_id: str
    md5_of_body: str
    sequence_number: str


class Deduplication:
    """The sends of the last interval by their key."""

    def __init__(self) -> None:
        # In order of their sends. An OrderedDict takes from its front in constant time, a dict does not.
        self._sent: OrderedDict[tuple[str, str], tuple[float, Sent]] = OrderedDict()

    def first(self, key: tuple[str, str], now: float) -> Sent | None:
        """What was answered to the first send with this key, when that was within the interval."""
        while self._sent and next(iter(self._sent.values()))[0] + INTERVAL_SECONDS <= now:
            self._sent.popitem(last=False)
        return self._sent[key][1] if key in self._sent else None

    def remember(self, key: tuple[str, str], sent: Sent, now: float) -> None:
        """A send that was kept, and is the first with its key."""
        self._sent[key] = (now, sent)
