"""Execution environments: those of one function, and what all functions of an account share."""

from webhookctl.simulation.limit import Hits, Limit
from webhookctl.simulation.scenario import Account
from webhookctl.simulation.token_bucket import TokenBucket


class AccountConcurrency:
    """How many invocations run at once in the account, and how many began within a second."""

    def __init__(self, account: Account, hits: Hits) -> None:
        self.busy = 0
        self.peak = 0
        self.account = account
        self.hits = hits
        rate = account.concurrency * account.requests_per_second_each
        self._requests = TokenBucket(rate, rate)

    def take(self, now: float, count: int) -> int:
        """Begins as many of so many invocations as may be, and says how many."""
        free = self.account.concurrency - self.busy
        if free < count:
            self.hits.note(Limit.ACCOUNT_CONCURRENCY, now, count - free)
            count = free
        taken = self._requests.take(now, count)
        if taken < count:
            self.hits.note(Limit.INVOCATION_RATE, now, count - taken)
        self.busy += taken
        if self.busy > self.peak:
            self.peak = self.busy
        return taken

    def give_back(self, count: int) -> None:
        """So many did not begin after all."""
        self.busy -= count
        self._requests.give_back(count)

    def end(self, count: int) -> None:
        """So many have ended."""
        self.busy -= count


class Environments:
    """One function's. None is ever given up: a simulation is shorter than Lambda keeps one that is idle."""

    def __init__(self, account: AccountConcurrency, warm: int = 0) -> None:
        self.busy = 0
        self.peak = 0
        self.cold_starts = 0
        self._idle = warm
        self._account = account
        limits = account.account
        self._starts = TokenBucket(limits.new_environments / limits.new_environments_seconds, limits.new_environments)

    def take(self, now: float, count: int) -> tuple[int, int]:
        """Begins as many of so many invocations as may be: in environments that are there, and in new ones."""
        warm = may = self._account.take(now, count)
        cold = 0
        if may > self._idle:
            warm = self._idle
            cold = self._starts.take(now, may - warm)
            self.cold_starts += cold
            if refused := may - warm - cold:
                self._account.give_back(refused)
                self._account.hits.note(Limit.SCALING_RATE, now, refused)
        self._idle -= warm
        self.busy += warm + cold
        if self.busy > self.peak:
            self.peak = self.busy
        return warm, cold

    def end(self, count: int) -> None:
        """So many have ended; their environments are there for the next."""
        self.busy -= count
        self._idle += count
        self._account.end(count)
