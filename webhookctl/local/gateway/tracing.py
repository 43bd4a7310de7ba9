"""The trace header that API Gateway writes and hands on.

AWS X-Ray Developer Guide, "Tracing header": `Root=1-<epoch, 8 hex>-<24 hex>;Parent=<16 hex>;Sampled=<0 or 1>`.
"""

import re
import secrets
from typing import NamedTuple

HEADER = "X-Amzn-Trace-Id"

_ROOT = re.compile(r"(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})\s*(?:;|$)")
_SAMPLED = re.compile(r"(?:^|;)\s*Sampled=([01])\s*(?:;|$)")


class Trace(NamedTuple):
    """One request's trace; not sampled unless the sender asks for it, so that nobody's local run looks for a daemon."""

    root: str
    parent: str
    sampled: str = "0"

    @property
    def header(self) -> str:
        """What a function gets with its invocation."""
        return f"Root={self.root};Parent={self.parent};Sampled={self.sampled}"


def start_trace(sent: str | None, now: float) -> Trace:
    """Go on with the trace of a well-formed header, or begin one."""
    root = _ROOT.search(sent) if sent else None
    sampled = _SAMPLED.search(sent) if sent else None
    digits = secrets.token_hex(20)
    return Trace(
        root=root[1] if root else f"1-{int(now):08x}-{digits[16:]}",
        parent=digits[:16],
        sampled=sampled[1] if sampled else "0",
    )
