"""API Gateway and the authorizer: which requests end in the queue, and what the others are answered."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from webhookctl.simulation.arrivals import Cohort
from webhookctl.simulation.busiest import Busiest
from webhookctl.simulation.calendar import Calendar
from webhookctl.simulation.concurrency import Environments
from webhookctl.simulation.limit import Hits, Limit
from webhookctl.simulation.queue import Run
from webhookctl.simulation.scenario import Scenario
from webhookctl.simulation.timeline import Timeline
from webhookctl.simulation.token_bucket import TokenBucket

MIN_SECONDS = 0.001


@dataclass(slots=True)
class Answers:
    """What senders were answered, retries counted as requests of their own."""

    requests: int = 0
    accepted: int = 0
    throttled: int = 0
    failed: int = 0


class Gateway:
    """The route's throttle counts first, then the account's (Developer Guide, "Throttle requests to your REST APIs").

    An authorizer that can't be begun is a 500. `on_accepted` gets the messages as they reach the queue.
    """

    def __init__(
        self,
        scenario: Scenario,
        calendar: Calendar,
        environments: Environments,
        hits: Hits,
        timeline: Timeline,
        choice: Random,
        on_accepted: Callable[[Run], None],
    ) -> None:
        self.answers = Answers()
        self.retrying = 0
        self.by_second = Busiest(1.0)
        self.by_start = Busiest(max(MIN_SECONDS, scenario.authorizer.cold_start_seconds))
        self.by_authorizer = Busiest(max(MIN_SECONDS, scenario.authorizer.duration.mean_seconds))
        self._authorizer = scenario.authorizer
        self._delays = scenario.sender_delays_seconds
        self._route = TokenBucket(scenario.route.rate_per_second, scenario.route.burst)
        throttle = scenario.account.throttle
        self._account = TokenBucket(throttle.rate_per_second, throttle.burst)
        self._calendar = calendar
        self._environments = environments
        self._hits = hits
        self._timeline = timeline
        self._choice = choice
        self._on_accepted = on_accepted

    def arrive(self, cohort: Cohort) -> None:
        """They come in now."""
        now = self._calendar.now
        self.answers.requests += cohort.count
        self.retrying -= cohort.count if cohort.attempt else 0
        for busiest in (self.by_second, self.by_start, self.by_authorizer):
            busiest.add(now, cohort.count)
        self._timeline.at(now).arrived += cohort.count
        passed = self._throttled(now, cohort)
        warm, cold = self._environments.take(now, passed)
        if failed := passed - warm - cold:
            self.answers.failed += failed
            self._refuse(now, cohort, failed)
        if warm:
            self._authorize(now, warm)
        if cold:
            self._authorize(now + self._authorizer.cold_start_seconds, cold, came_at=now)

    def _authorize(self, begins_at: float, count: int, came_at: float | None = None) -> None:
        ends_at = begins_at + self._authorizer.duration.draw(self._choice)
        run = Run(begins_at if came_at is None else came_at, 0, count)
        self._calendar.schedule(ends_at, self._authorized, run)

    def _throttled(self, now: float, cohort: Cohort) -> int:
        by_route = self._route.take(now, cohort.count)
        by_account = self._account.take(now, by_route)
        if by_route < cohort.count:
            self._hits.note(Limit.ROUTE_RATE, now, cohort.count - by_route)
        if by_account < by_route:
            self._hits.note(Limit.ACCOUNT_RATE, now, by_route - by_account)
        if by_account < cohort.count:
            self.answers.throttled += cohort.count - by_account
            self._refuse(now, cohort, cohort.count - by_account)
        return by_account

    def _refuse(self, now: float, cohort: Cohort, count: int) -> None:
        self._timeline.at(now).refused += count
        if cohort.attempt < len(self._delays):
            again_at = now + self._delays[cohort.attempt]
            self.retrying += count
            self._calendar.schedule(again_at, self.arrive, Cohort(again_at, count, cohort.attempt + 1))

    def _authorized(self, run: Run) -> None:
        self._environments.end(run.count)
        self._calendar.schedule(self._calendar.now + self._authorizer.send_seconds, self._sent, run)

    def _sent(self, run: Run) -> None:
        self.answers.accepted += run.count
        self._on_accepted(run)
