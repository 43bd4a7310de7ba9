import json

from common.metrics import metric_line


def test_a_line_is_what_cloudwatch_asks_for() -> None:
    line = metric_line(
        "webhook-dev", 1700, {"source": "github"}, {"Stored": 2, "Delay_ms": [5, 7]}, {"request_id": "r"}
    )
    assert "\n" not in line
    assert json.loads(line) == {
        "_aws": {
            "Timestamp": 1700,
            "CloudWatchMetrics": [
                {
                    "Namespace": "webhook-dev",
                    "Dimensions": [["source"]],
                    "Metrics": [{"Name": "Stored", "Unit": "Count"}, {"Name": "Delay_ms", "Unit": "Milliseconds"}],
                }
            ],
        },
        "request_id": "r",
        "source": "github",
        "Stored": 2,
        "Delay_ms": [5, 7],
    }
