"""The lane's queue: messages that wait, in the order in which they became due, and how many are in flight.

Messages that came in one moment and were received as often are one run. SQS promises no order for a standard queue;
first come, first served is assumed.
"""

from collections import deque
from dataclasses import dataclass

from webhookctl.simulation.limit import Hits, Limit
from webhookctl.simulation.scenario import Queue


@dataclass(frozen=True, slots=True)
class Run:
    """`received_at` is when API Gateway took them in, `attempts` how often they have been tried."""

    received_at: float
    attempts: int
    count: int


class Messages:
    """`waiting`, `in_flight` and what left the queue without being done: `dead_lettered` and `expired`."""

    def __init__(self, queue: Queue, hits: Hits) -> None:
        self.waiting = 0
        self.in_flight = 0
        self.dead_lettered = 0
        self.expired = 0
        self._queue = queue
        self._hits = hits
        self._runs: deque[Run] = deque()

    def put(self, run: Run) -> None:
        """They wait from now on."""
        self._runs.append(run)
        self.waiting += run.count

    def take(self, now: float, count: int) -> list[Run]:
        """Up to so many of those that have waited longest, in flight from now on."""
        room = self._queue.max_in_flight - self.in_flight
        if room < min(count, self.waiting):
            self._hits.note(Limit.IN_FLIGHT, now)
        left = min(count, room)
        taken: list[Run] = []
        while left > 0 and self._runs:
            run = self._runs.popleft()
            if now - run.received_at >= self._queue.retention_seconds:
                self.waiting -= run.count
                self.expired += run.count
                self._hits.note(Limit.RETENTION, now, run.count)
                continue
            if run.count > left:
                self._runs.appendleft(Run(run.received_at, run.attempts, run.count - left))
                run = Run(run.received_at, run.attempts, left)
            taken.append(run)
            left -= run.count
            self.waiting -= run.count
            self.in_flight += run.count
        return taken

    def delete(self, count: int) -> None:
        """So many are done."""
        self.in_flight -= count

    def dead_letter(self, now: float, count: int) -> None:
        """So many were tried often enough."""
        self.in_flight -= count
        self.dead_lettered += count
        self._hits.note(Limit.MAX_RECEIVE_COUNT, now, count)

    def return_(self, run: Run) -> None:
        """Due again: they were in flight, and wait."""
        self.in_flight -= run.count
        self.put(run)
