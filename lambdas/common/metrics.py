"""Metrics in CloudWatch's embedded metric format: one JSON line of a log is a measurement.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from json.encoder import encode_basestring_ascii

Values = float | Sequence[float]

_encode = json.JSONEncoder(separators=(",", ":")).encode
_quoted = encode_basestring_ascii  # what `json.dumps` makes of a text, without an encoder for each


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
    values = {**(properties or {}), **dimensions, **metrics}
    members = ",".join([f"{_quoted(name)}:{_json(value)}" for name, value in values.items()])
    return f'{{"_aws":{{"Timestamp":{at_ms},{_declaration(namespace, tuple(dimensions), tuple(metrics))}}},{members}}}'


def _json(value: str | Values | None) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return str(value) if type(value) is int else _encode(value)


@cache
def _declaration(namespace: str, dimensions: tuple[str, ...], metrics: tuple[str, ...]) -> str:
    """What is the same in line after line, as the text of a member of a JSON object."""
    definitions = [{"Name": name, "Unit": "Milliseconds" if name.endswith("_ms") else "Count"} for name in metrics]
    declared = [{"Namespace": namespace, "Dimensions": [dimensions], "Metrics": definitions}]
    return f'"CloudWatchMetrics":{_encode(declared)}'
