import json

from hypothesis import given
from hypothesis import strategies as st

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


@given(st.integers(0, 10**13), st.text(max_size=20), st.sampled_from(["source", "key"]), st.text(max_size=20))
def test_a_line_after_others_of_its_form_has_its_own_values(at_ms: int, value: str, name: str, namespace: str) -> None:
    line = json.loads(metric_line(namespace, at_ms, {name: value}, {"Stored": at_ms}))
    assert (line["_aws"]["Timestamp"], line[name], line["Stored"]) == (at_ms, value, at_ms)
    assert line["_aws"]["CloudWatchMetrics"] == [
        {"Namespace": namespace, "Dimensions": [[name]], "Metrics": [{"Name": "Stored", "Unit": "Count"}]}
    ]


@given(
    st.one_of(st.none(), st.text()),
    st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.lists(st.integers(), max_size=3)),
)
def test_a_value_of_any_kind_is_read_as_it_was_given(request_id: str | None, value: float | list[int]) -> None:
    line = json.loads(metric_line("webhook-dev", 1700, {"source": "a"}, {"Stored": value}, {"request_id": request_id}))
    assert (line["request_id"], line["Stored"]) == (request_id, value)
