import json
from typing import Any

import pytest

from webhookctl.local.counts import UNKNOWN_ROUTE, Counts, LaneCounts


def access(**values: Any) -> str:
    ordinary = {"route": "/webhooks/github", "status": "200", "error": "-", "reason": "-"}
    return json.dumps({**ordinary, **values})


def measurement(source: str = "github", **metrics: Any) -> str:
    names = [{"Name": name, "Unit": "Count"} for name in metrics if name != "reason"]
    declaration = {"CloudWatchMetrics": [{"Namespace": "n", "Dimensions": [["source"]], "Metrics": names}]}
    return json.dumps({"_aws": declaration, "source": source, **metrics})


@pytest.fixture
def counts() -> Counts:
    return Counts(["github", "slack"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answered_challenge_is_no_webhook(counts: Counts, method: str) -> None:
    counts.add_access(access(status="200", method=method))
    assert counts.lanes["github"] == LaneCounts()


@pytest.mark.parametrize("status", ["200", "403", "404"])
def test_who_asks_for_a_receipt_sends_no_webhook(counts: Counts, status: str) -> None:
    counts.add_access(access(route="/receipts/{id}", method="GET", status=status))
    assert set(map(repr, counts.lanes.values())) == {repr(LaneCounts())}


@pytest.mark.parametrize("status", ["200", "202"])
def test_a_2xx_is_accepted(counts: Counts, status: str) -> None:
    counts.add_access(access(status=status))
    assert counts.lanes == {
        "github": LaneCounts(accepted=1),
        "slack": LaneCounts(),
        UNKNOWN_ROUTE: LaneCounts(),
    }


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"status": "403", "error": "ACCESS_DENIED", "reason": "timestamp_too_old"}, "timestamp_too_old"),
        ({"status": "429", "error": "THROTTLED"}, "throttled"),
        ({"status": "503"}, "503"),
    ],
)
def test_anything_else_is_refused_for_the_most_telling_reason(
    counts: Counts, values: dict[str, str], reason: str
) -> None:
    counts.add_access(access(**values))
    assert counts.lanes["github"].refused == {reason: 1}
    assert counts.lanes["github"].accepted == 0


@pytest.mark.parametrize("route", ["-", "/webhooks/nobody", "/elsewhere"])
def test_a_request_for_no_source_is_counted_apart(counts: Counts, route: str) -> None:
    counts.add_access(access(route=route, status="403", error="MISSING_AUTHENTICATION_TOKEN"))
    assert counts.lanes[UNKNOWN_ROUTE].refused == {"missing_authentication_token": 1}


def test_measurements_are_added_up(counts: Counts) -> None:
    counts.add_log(measurement(Stored=3, Duplicate=1, Delay_ms=[5, 6, 7]))
    counts.add_log(measurement(Stored=[1, 1], Conflict=2, Failed=4))
    counts.add_log(measurement(Quarantined=2, reason="signature_mismatch"))
    counts.add_log(measurement(Quarantined=1, reason="stale"))
    lane = counts.lanes["github"]
    assert (lane.stored, lane.duplicate, lane.conflict, lane.failed) == (5, 1, 2, 4)
    assert lane.quarantined == {"signature_mismatch": 2, "stale": 1}


def test_what_became_of_attempts_at_an_effect_is_counted(counts: Counts) -> None:
    counts.add_log(measurement(Done=3, Waiting=2, Deferred=5, Delay_ms=[5, 6, 7], CircuitOpen=0))
    counts.add_log(measurement(Rejected=1, Exhausted=4, Waiting=1))
    expected = LaneCounts(done=3, rejected=1, exhausted=4, retried=3, deferred=5)
    assert counts.lanes["github"] == expected


@pytest.mark.parametrize(
    "line",
    [
        *("", "plain text", '{"message":"stored"}', '"_aws"', '["_aws"]', '{"_aws": broken'),
        *('{"_aws":1,"source":"github"}', '{"_aws":{"CloudWatchMetrics":[{"Metrics":[{}]}]},"source":"github"}'),
    ],
)
def test_other_lines_count_nothing(counts: Counts, line: str) -> None:
    counts.add_log(line)
    counts.add_access(line)
    assert all(lane == LaneCounts() for lane in counts.lanes.values())


def test_a_measurement_of_an_unknown_source_counts_nothing(counts: Counts) -> None:
    counts.add_log(measurement("nobody", Stored=1))
    assert all(lane == LaneCounts() for lane in counts.lanes.values())
