"""The messages of a queue that wait to be received, in the order in which a standard queue hands them out here.

Amazon SQS promises no order for a standard queue (Amazon SQS Developer Guide, "Amazon SQS at-least-once delivery").
"""

from collections import deque
from typing import Protocol

from webhookctl.local.aws.message import Entry


class Waiting(Protocol):
    """What a queue takes the next message from. Each call takes constant time, or the logarithm of what waits.

    What is taken stays out until it is added again: a caller says `hold` of what is in flight now, and `release` when
    it no longer is, whatever became of it.
    """

    def add(self, entry: Entry) -> None:
        """Let it be taken from now on. One that was added before, and has a new turn since, is not there twice."""

    def put_back(self, entry: Entry) -> None:
        """Let what was taken just now be the next."""

    def take(self) -> Entry | None:
        """The next one that can be received."""

    def hold(self, entry: Entry) -> None:
        """It was taken, and is in flight."""

    def release(self, entry: Entry) -> None:
        """It was in flight."""

    def clear(self) -> None:
        """Forget everything."""


class Line:
    """First come, first served. Nothing in flight keeps anything back."""

    def __init__(self) -> None:
        self._entries: deque[tuple[Entry, int]] = deque()

    def add(self, entry: Entry) -> None:
        """At the end."""
        self._entries.append((entry, entry.turn))

    def put_back(self, entry: Entry) -> None:
        """At the front."""
        self._entries.appendleft((entry, entry.turn))

    def take(self) -> Entry | None:
        """From the front."""
        while self._entries:
            entry, turn = self._entries.popleft()
            if entry.turn == turn:
                return entry
        return None

    def hold(self, entry: Entry) -> None:
        """Of no consequence here."""

    def release(self, entry: Entry) -> None:
        """Of no consequence here."""

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
