"""The token bucket by which API Gateway throttles a method.

API Gateway Developer Guide, "Throttle requests to your REST APIs": a token counts for a request, the rate is how fast
tokens come back, the burst how many the bucket holds.
"""

from webhookctl.local.gateway.model import Throttle


class TokenBucket:
    """Full at first. `now` is in seconds; a clock set back gives no tokens."""

    __slots__ = ("_burst", "_rate", "_refilled_at", "_tokens")

    def __init__(self, throttle: Throttle) -> None:
        self._rate = throttle.rate_per_second
        self._burst = float(throttle.burst)
        self._tokens = self._burst
        self._refilled_at: float | None = None

    def take(self, now: float) -> bool:
        """Take one token if there is one."""
        if self._refilled_at is not None and now > self._refilled_at:
            self._tokens = min(self._burst, self._tokens + (now - self._refilled_at) * self._rate)
        self._refilled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
