"""The messages of a FIFO queue that wait to be received: in order within a group, the groups side by side.

Amazon SQS Developer Guide, "FIFO queue delivery logic": a receive takes as many messages of one group as it can, and
then those of others; "when a message that belongs to a particular message group ID is invisible, no other consumer can
process messages with the same message group ID". What comes back is before what was sent later.

Not modelled: that SQS looks for groups only among the first 120,000 messages, and ReceiveRequestAttemptId.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field

from webhookctl.local.aws.message import Entry


@dataclass
class _Group:
    waiting: list[tuple[int, int, Entry]] = field(default_factory=list)  # a heap, by position
    in_flight: int = 0
    is_ready: bool = False

    def head(self) -> Entry | None:
        while self.waiting:
            _, turn, entry = self.waiting[0]
            if entry.turn == turn:
                return entry
            heapq.heappop(self.waiting)
        return None


class MessageGroups:
    """Groups take turns: one that had messages in flight is behind the others when it can be received from again."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._ready: deque[str] = deque()  # and groups that no longer are, until their turn comes

    def add(self, entry: Entry) -> None:
        """At its place among the others of its group."""
        group = self._groups.setdefault(entry.group_id, _Group())
        heapq.heappush(group.waiting, (entry.position, entry.turn, entry))
        self._offer(entry.group_id, group)

    def put_back(self, entry: Entry) -> None:
        """Where it was."""
        self.add(entry)

    def take(self) -> Entry | None:
        """The first of the group whose turn it is."""
        while self._ready:
            group = self._groups[self._ready[0]]
            entry = None if group.in_flight else group.head()
            if entry is not None:
                heapq.heappop(group.waiting)
                return entry
            self._end_turn(group)
        return None

    def hold(self, entry: Entry) -> None:
        """From now on its group gives nothing."""
        group = self._groups.setdefault(entry.group_id, _Group())
        group.in_flight += 1
        if self._ready and self._ready[0] == entry.group_id:
            self._end_turn(group)

    def release(self, entry: Entry) -> None:
        """When it was the last in flight of its group, the others of the group can be received."""
        group = self._groups[entry.group_id]
        group.in_flight -= 1
        self._offer(entry.group_id, group)

    def clear(self) -> None:
        """Forget everything."""
        self._groups.clear()
        self._ready.clear()

    def _offer(self, name: str, group: _Group) -> None:
        if group.in_flight or group.is_ready:
            return
        if group.head() is None:
            del self._groups[name]
        else:
            group.is_ready = True
            self._ready.append(name)

    def _end_turn(self, group: _Group) -> None:
        name = self._ready.popleft()
        group.is_ready = False
        if not group.in_flight and group.head() is None:
            del self._groups[name]
