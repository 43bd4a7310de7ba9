"""Metrics in CloudWatch's embedded metric format: one JSON line of a log is a measurement.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Mapping, Sequence

Values = float | Sequence[float]


def metric_line(
    namespace: str,
    at_ms: int,
    dimensions: Mapping[str, str],
    metrics: Mapping[str, Values],
    properties: Mapping[str, str | None] | None = None,
) -> str:
    """A line that CloudWatch reads as these metrics, each a number or up to 100 of them; `properties` are only logged.

    A name that ends in `_ms` is measured in milliseconds, every other is a count.
    """
    definitions = [{"Name": name, "Unit": "Milliseconds" if name.endswith("_ms") else "Count"} for name in metrics]
    declaration = {
        "Timestamp": at_ms,
        "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": definitions}],
    }
    return json.dumps({"_aws": declaration, **(properties or {}), **dimensions, **metrics}, separators=(",", ":"))
