"""What passed through each lane, counted from what the gateway and the functions log anyway."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webhookctl.local import quick_json

ROUTE_PREFIX = "/webhooks/"
RECEIPTS_ROUTE = "/receipts/{id}"
# API Gateway writes a dash for a variable without a value.
NO_VALUE = ("", "-", None)
UNKNOWN_ROUTE = ""

# Of a measurement that has none of these names nothing would be counted: the authorizer's, one for each request.
_COUNTED = re.compile(r"Stored|Duplicate|Conflict|Quarantined|Failed|Done|Rejected|Exhausted|Waiting|Deferred")


@dataclass
class LaneCounts:
    """One lane's counts since the start; `refused` and `quarantined` by reason.

    Of attempts at an effect, `retried` are those that failed and are made again later, and `deferred` those that were
    not made yet, since one was running, not due, or held back.
    """

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    stored: int = 0
    duplicate: int = 0
    conflict: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    done: int = 0
    rejected: int = 0
    exhausted: int = 0
    retried: int = 0
    deferred: int = 0


class Counts:
    """Counts per source; requests that are for no source are under UNKNOWN_ROUTE."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.lanes: dict[str, LaneCounts] = {source: LaneCounts() for source in (*sources, UNKNOWN_ROUTE)}

    def add_access(self, line: str) -> None:
        """Count one line of the stage's access log; what is not a JSON object is left out."""
        entry = _object(line)
        if entry.get("route") == RECEIPTS_ROUTE:
            return  # which nobody sends webhooks to
        lane = self.lanes.get(str(entry.get("route")).removeprefix(ROUTE_PREFIX), self.lanes[UNKNOWN_ROUTE])
        status = str(entry.get("status", ""))
        if status.startswith("2"):
            lane.accepted += entry.get("method") not in (
                "GET",
                "HEAD",
            )  # which are a sender's handshake, and no webhook
        elif status:
            lane.refused[_reason(entry, status)] += 1

    def add_log(self, line: str) -> None:
        """Count one line of a function's log if it is a measurement in CloudWatch's embedded metric format."""
        if '"_aws"' not in line or not _COUNTED.search(line):
            return
        entry = _object(line)
        lane = self.lanes.get(str(entry.get("source")))
        if lane is None:
            return
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # it only looked like a measurement
            for name in _metrics(entry):
                _add(lane, name, _total(entry.get(name)), str(entry.get("reason", "unknown")))


def _add(lane: LaneCounts, name: str, count: int, reason: str) -> None:
    match name:
        case "Stored":
            lane.stored += count
        case "Duplicate":
            lane.duplicate += count
        case "Conflict":
            lane.conflict += count
        case "Quarantined":
            lane.quarantined[reason] += count
        case "Failed":
            lane.failed += count
        case "Done":
            lane.done += count
        case "Rejected":
            lane.rejected += count
        case "Exhausted":
            lane.exhausted += count
        case "Waiting":
            lane.retried += count
        case "Deferred":
            lane.deferred += count


def _object(line: str) -> Mapping[str, Any]:
    try:
        entry = quick_json.decoded(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _metrics(entry: Mapping[str, Any]) -> Iterable[str]:
    for directive in entry["_aws"].get("CloudWatchMetrics", []):
        for metric in directive.get("Metrics", []):
            yield metric["Name"]


def _total(value: Any) -> int:
    """A metric's value is a number or a list of them."""
    return int(sum(value)) if isinstance(value, list) else int(value or 0)


def _reason(entry: Mapping[str, Any], status: str) -> str:
    """The most telling of what the log says: our reason code, else API Gateway's type of error, else the status."""
    values = (entry.get("reason"), entry.get("error"), status)
    return next(str(value) for value in values if value not in NO_VALUE).lower()
