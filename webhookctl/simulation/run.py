"""Runs a scenario to its end: until every request was refused, or what became of it is settled."""

from collections.abc import Callable
from random import Random

from webhookctl.simulation.arrivals import Cohort, cohorts, end_seconds, grain, total
from webhookctl.simulation.calendar import Calendar
from webhookctl.simulation.concurrency import AccountConcurrency, Environments
from webhookctl.simulation.gateway import Gateway
from webhookctl.simulation.lane import Lane
from webhookctl.simulation.limit import Hits
from webhookctl.simulation.queue import Messages
from webhookctl.simulation.result import Result
from webhookctl.simulation.scenario import Scenario
from webhookctl.simulation.timeline import Timeline

PERCENTS = (50, 95, 99)
STEPS_PER_REPORT = 20_000

OnProgress = Callable[[float, int], None]
"""Gets the simulated time, and how many events are finished: done, dead-lettered, expired or refused."""


def simulate(scenario: Scenario, seed: int = 0, on_progress: OnProgress | None = None) -> Result:
    """The same scenario and seed give the same result, in every process."""
    return Simulation(scenario, seed).run(on_progress or (lambda _at, _finished: None))


class Simulation:
    """One run: the parts, wired together."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._size = grain(scenario.arrivals, min(scenario.route.burst, scenario.account.throttle.burst))
        self._calendar = Calendar()
        self._hits = Hits()
        self._timeline = Timeline()
        # Each draws from its own numbers, so that a slower handler does not change when requests arrive.
        arriving, authorizing, processing = (Random(f"{seed}/{part}") for part in ("arrive", "authorize", "process"))  # noqa: S311
        self._account = AccountConcurrency(scenario.account, self._hits)
        self._authorizers = Environments(self._account, scenario.authorizer.warm)
        self._processors = Environments(self._account)
        self._messages = Messages(scenario.queue, self._hits)
        self._lane = Lane(
            scenario, self._calendar, self._processors, self._messages, self._hits, self._timeline, processing
        )
        self._gateway = Gateway(
            scenario, self._calendar, self._authorizers, self._hits, self._timeline, authorizing, self._lane.accept
        )
        self._all_came = False
        self._cohorts = cohorts(scenario.arrivals, self._size, arriving)

    def run(self, on_progress: OnProgress) -> Result:
        """To the end."""
        self._arrive_next()
        steps = 0
        while not (self._all_came and self._is_over) and self._calendar.step():
            self._timeline.see(
                self._calendar.now,
                self._messages.waiting,
                self._messages.in_flight,
                self._authorizers.busy,
                self._processors.busy,
            )
            steps += 1
            if steps % STEPS_PER_REPORT == 0:
                on_progress(self._calendar.now, self._finished)
        return self._result()

    @property
    def _is_over(self) -> bool:
        return not self._gateway.retrying and self._finished == self._gateway.answers.requests

    @property
    def _finished(self) -> int:
        answers, messages = self._gateway.answers, self._messages
        return answers.throttled + answers.failed + self._lane.done + messages.dead_lettered + messages.expired

    def _arrive_next(self) -> None:
        cohort = next(self._cohorts, None)
        if cohort is None:
            self._all_came = True
        else:
            self._calendar.schedule(cohort.at, self._arrive, cohort)

    def _arrive(self, cohort: Cohort) -> None:
        self._gateway.arrive(cohort)
        self._arrive_next()

    def _result(self) -> Result:
        answers, messages, lane = self._gateway.answers, self._messages, self._lane
        samples = self._timeline.samples
        percentiles = {f"p{percent}": lane.delays.percentile(percent) for percent in PERCENTS}
        return Result(
            requests=answers.requests,
            accepted=answers.accepted,
            throttled=answers.throttled,
            failed=answers.failed,
            done=lane.done,
            dead_lettered=messages.dead_lettered,
            expired=messages.expired,
            left=answers.accepted - lane.done - messages.dead_lettered - messages.expired,
            delays_seconds=percentiles | {"max": lane.delays.largest if lane.done else None},
            mean_delay_seconds=lane.delays.mean,
            drain_seconds=lane.settled_at,
            busy_seconds=end_seconds(self._scenario.arrivals),
            peak_waiting=max(sample.waiting for sample in samples),
            peak_in_flight=max(sample.in_flight for sample in samples),
            peak_authorizers=self._authorizers.peak,
            peak_processors=self._processors.peak,
            peak_concurrency=self._account.peak,
            peak_requests_per_second=self._gateway.by_second.most,
            peak_requests_per_start=self._gateway.by_start.most,
            peak_requests_per_authorizer=self._gateway.by_authorizer.most,
            peak_done_per_second=max(lane.done_by_second.values(), default=0),
            cold_starts=self._authorizers.cold_starts + self._processors.cold_starts,
            invocations=lane.invocations,
            invocation_seconds=lane.invocation_seconds,
            received=lane.received,
            cohort=self._size,
            hits=self._hits.in_order(),
            samples=samples,
            done_by_second=lane.done_by_second,
        )


def requests_of(scenario: Scenario) -> int:
    """All first attempts of a scenario's load."""
    return total(scenario.arrivals)
