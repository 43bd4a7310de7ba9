"""The event source mapping and the processor: batches from the queue, each in a place, and what becomes of its events.

Lambda Developer Guide, "Using Lambda with Amazon SQS": a batch is invoked when it is full, or its window is over; what
failed of it comes back. A batch that Lambda has no concurrency for is tried again a little later; no receive is spent.
"""

from dataclasses import dataclass, field
from random import Random

from webhookctl.simulation.calendar import Calendar
from webhookctl.simulation.concurrency import Environments
from webhookctl.simulation.histogram import Histogram
from webhookctl.simulation.limit import Hits, Limit
from webhookctl.simulation.places import Places
from webhookctl.simulation.queue import Messages, Run
from webhookctl.simulation.scenario import Scenario
from webhookctl.simulation.timeline import Timeline

AGAIN_SECONDS = 0.1


@dataclass(slots=True, eq=False)
class Batch:
    """Gathered since `begun_at`, in which its messages are hidden already."""

    begun_at: float
    runs: list[Run] = field(default_factory=list)
    count: int = 0
    is_closed: bool = False


@dataclass(slots=True)
class Ended:
    """An invocation's end: what is done, what comes back, each with the moment, and what was the last attempt."""

    done: int = 0
    back: list[tuple[float, Run]] = field(default_factory=list)
    dead_lettered: int = 0


class Lane:
    """`done` events, their `delays` from API Gateway's receipt, and how many invocations it took."""

    def __init__(
        self,
        scenario: Scenario,
        calendar: Calendar,
        environments: Environments,
        messages: Messages,
        hits: Hits,
        timeline: Timeline,
        choice: Random,
    ) -> None:
        self.done = 0
        self.delays = Histogram()
        self.invocations = 0
        self.invocation_seconds = 0.0
        self.received = 0
        self.settled_at = 0.0
        self.done_by_second: dict[int, int] = {}
        self._mapping = scenario.mapping
        self._processor = scenario.processor
        self._queue = scenario.queue
        self._retry = scenario.retry
        self._calendar = calendar
        self._environments = environments
        self._messages = messages
        self._hits = hits
        self._timeline = timeline
        self._choice = choice
        self._gathering: list[Batch] = []
        self._running = 0
        self._held_back: list[Batch] = []
        self._places = Places(scenario.mapping, calendar, hits, self.poll)

    @property
    def running(self) -> int:
        """Invocations now."""
        return self._running

    def accept(self, run: Run) -> None:
        """They are in the queue from now on."""
        self._messages.put(run)
        self.poll()

    def poll(self) -> None:
        """Takes batches from the queue for as long as there are messages and places."""
        messages, size = self._messages, self._mapping.batch_size
        while messages.waiting and (free := self._places.open - self._running - len(self._held_back)) > 0:
            pollers = min(free, self._mapping.pollers or free)
            if not self._gather(pollers, size):
                break
        free = self._places.open - self._running - len(self._held_back) - len(self._gathering)
        self._places.see(free, messages.waiting)

    def _gather(self, pollers: int, size: int) -> bool:
        """One receive, into a batch that is gathered already or a new one; False when the queue gives nothing."""
        messages, now = self._messages, self._calendar.now
        batch = self._choose(pollers, size)
        room = size - batch.count
        # What is there at once is shared among those who wait for it; a backlog fills each batch.
        share = room if self._mapping.window_seconds else min(room, -(-messages.waiting // pollers))
        runs = messages.take(now, share)
        if not runs:
            return messages.waiting > 0 and messages.in_flight < self._queue.max_in_flight
        batch.runs += runs
        batch.count += sum(run.count for run in runs)
        if batch.count == size or not self._mapping.window_seconds:
            self._close(batch)
        elif batch not in self._gathering:
            self._gathering.append(batch)
            self._calendar.schedule(now + self._mapping.window_seconds, self._close, batch)
        return True

    def _choose(self, pollers: int, size: int) -> Batch:
        """A full batch's worth fills up one that is gathered; less is received by any of those who poll."""
        if not self._gathering:
            return Batch(self._calendar.now)
        number = 0 if self._messages.waiting >= size else self._choice.randrange(pollers)
        return self._gathering[number] if number < len(self._gathering) else Batch(self._calendar.now)

    def _close(self, batch: Batch) -> None:
        if batch.is_closed:
            return
        batch.is_closed = True
        if batch in self._gathering:
            self._gathering.remove(batch)
        self._begin(batch)

    def _begin(self, batch: Batch) -> None:
        now = self._calendar.now
        warm, cold = self._environments.take(now, 1)
        if not warm + cold:
            self._held_back.append(batch)
            self._calendar.schedule(now + AGAIN_SECONDS, self._begin_again, batch)
            return
        self._running += 1
        self.invocations += 1
        self.received += batch.count
        begun_at = now + (self._processor.cold_start_seconds if cold else 0.0)
        ends_at, ended = self._process(batch, begun_at)
        self.invocation_seconds += ends_at - begun_at
        self._calendar.schedule(ends_at, self._end, ended)

    def _begin_again(self, batch: Batch) -> None:
        self._held_back.remove(batch)
        self._begin(batch)
        self.poll()

    def _process(self, batch: Batch, begun_at: float) -> tuple[float, Ended]:
        """When the invocation ends, and with what."""
        processor, choice = self._processor, self._choice
        ended = Ended()
        delays: list[tuple[float, int]] = []
        at = begun_at + processor.call.draw(choice)
        for number, run in enumerate(batch.runs):
            if number and at - begun_at > processor.timeout_seconds - processor.reserved_seconds:
                self._give_back(batch, batch.runs[number:], at, ended)
                break
            at += sum(processor.handler.draw(choice) for _ in range(run.count))
            if at - begun_at > processor.timeout_seconds:
                return begun_at + processor.timeout_seconds, self._cut_off(batch, begun_at + processor.timeout_seconds)
            failed = self._failures(run.count)
            if failed < run.count:
                ended.done += run.count - failed
                delays.append((at - run.received_at, run.count - failed))
            if failed:
                self._fail(Run(run.received_at, run.attempts + 1, failed), batch, at, ended)
        for delay, count in delays:
            self.delays.add(delay, count)
        if delays and at > self.settled_at:
            self.settled_at = at
        return at, ended

    def _failures(self, count: int) -> int:
        probability = self._processor.failure_probability
        return sum(self._choice.random() < probability for _ in range(count)) if probability else 0

    def _fail(self, run: Run, batch: Batch, at: float, ended: Ended) -> None:
        """By the effect's own schedule, or after the visibility time-out of the message."""
        if self._retry is None:
            if run.attempts >= self._queue.max_receive_count:
                ended.dead_lettered += run.count
            else:
                ended.back.append((batch.begun_at + self._queue.visibility_seconds, run))
        elif run.attempts > len(self._retry.delays_seconds):
            ended.dead_lettered += run.count
        else:
            delay = self._retry.delays_seconds[run.attempts - 1]
            ended.back.append((at + delay * (self._choice.uniform(0.5, 1) if self._retry.jitter else 1), run))

    def _give_back(self, batch: Batch, runs: list[Run], at: float, ended: Ended) -> None:
        """Not begun, for want of time. With an effect they may be received again at once."""
        self._hits.note(Limit.TIMEOUT, at, sum(run.count for run in runs))
        for run in runs:
            if self._retry is None:
                self._fail(Run(run.received_at, run.attempts + 1, run.count), batch, at, ended)
            else:
                ended.back.append((at, run))

    def _cut_off(self, batch: Batch, at: float) -> Ended:
        """All of it comes back after the visibility time-out, as if none of it had been tried to an end."""
        ended = Ended()
        self._hits.note(Limit.TIMEOUT, at, batch.count)
        for run in batch.runs:
            tried = Run(run.received_at, run.attempts + 1, run.count)
            most = self._queue.max_receive_count if self._retry is None else len(self._retry.delays_seconds) + 1
            if tried.attempts >= most:
                ended.dead_lettered += run.count
            else:
                ended.back.append((batch.begun_at + self._queue.visibility_seconds, tried))
        return ended

    def _end(self, ended: Ended) -> None:
        now = self._calendar.now
        self._running -= 1
        self._environments.end(1)
        self.done += ended.done
        self._messages.delete(ended.done)
        if ended.done:
            self._timeline.at(now).done += ended.done
            self.done_by_second[int(now)] = self.done_by_second.get(int(now), 0) + ended.done
        if ended.dead_lettered:
            self._messages.dead_letter(now, ended.dead_lettered)
            self.settled_at = max(self.settled_at, now)
        for due, run in ended.back:
            self._calendar.schedule(due, self._return, run)
        self.poll()

    def _return(self, run: Run) -> None:
        self._messages.return_(run)
        self.poll()
