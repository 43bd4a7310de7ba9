"""The token bucket by which API Gateway throttles, for several requests at once.

API Gateway Developer Guide, "Throttle requests to your REST APIs": a token counts for a request, the rate is how fast
tokens come back, the burst how many the bucket holds.
"""


class TokenBucket:
    """Full at first."""

    __slots__ = ("_burst", "_rate", "_refilled_at", "_tokens")

    def __init__(self, rate_per_second: float, burst: float) -> None:
        self._rate = rate_per_second
        self._burst = burst
        self._tokens = burst
        self._refilled_at = 0.0

    def take(self, now: float, count: int) -> int:
        """Takes as many tokens of so many as there are, and says how many."""
        if now > self._refilled_at:
            tokens = self._tokens + (now - self._refilled_at) * self._rate
            self._tokens = min(self._burst, tokens)
            self._refilled_at = now
        taken = count if count <= self._tokens else int(self._tokens)
        self._tokens -= taken
        return taken

    def give_back(self, count: int) -> None:
        """Of what was taken just now, so many were not used after all."""
        self._tokens = min(self._burst, self._tokens + count)
