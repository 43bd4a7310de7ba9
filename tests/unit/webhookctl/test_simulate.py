import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.unit.webhookctl.conftest import QUEUES, Run, fake_terraform
from webhookctl.applied_lane import lane_of
from webhookctl.cache import cache_directory
from webhookctl.local.state import Resource, State
from webhookctl.simulate_plot import merged
from webhookctl.simulate_view import sparkline
from webhookctl.simulation.timeline import Sample

FAST = ("simulate", "--rate", "20", "--seconds", "5")
SOURCE = "shop"


def resources(**changes: Any) -> list[dict[str, Any]]:
    """What `terraform show -json` tells of a source's lane."""
    queue_arn = f"arn:aws:sqs:eu-central-1:123456789012:webhook-test-{SOURCE}"
    retry = changes.get("retry")
    values = {
        "aws_sqs_queue": {
            "name": f"webhook-test-{SOURCE}",
            "arn": queue_arn,
            "visibility_timeout_seconds": 61,
            "message_retention_seconds": 86_400,
            "redrive_policy": json.dumps({"maxReceiveCount": 7}),
        },
        "aws_lambda_function": {
            "function_name": f"webhook-test-{SOURCE}",
            "timeout": 10,
            "environment": [{"variables": {"RETRY": json.dumps(retry)}}],
        },
        "aws_lambda_event_source_mapping": {
            "event_source_arn": queue_arn,
            "batch_size": 5,
            "maximum_batching_window_in_seconds": 1,
            "scaling_config": [{"maximum_concurrency": 3}],
        },
        "aws_api_gateway_method_settings": {
            "method_path": f"~1webhooks~1{SOURCE}/POST",
            "settings": [{"throttling_rate_limit": 12, "throttling_burst_limit": 34}],
        },
    }
    return [
        {"mode": "managed", "address": type_, "type": type_, "name": "this", "values": values[type_]}
        for type_ in values
    ]


def state_text(**changes: Any) -> str:
    outputs = {
        SOURCE: {"queue_url": f"{QUEUES}/webhook-test-{SOURCE}", "function_name": f"webhook-test-{SOURCE}"},
        "tickets": {"queue_url": f"{QUEUES}/webhook-test-tickets.fifo", "function_name": "webhook-test-tickets"},
    }
    return json.dumps(
        {
            "format_version": "1.0",
            "values": {"outputs": {"sources": {"value": outputs}}, "root_module": {"resources": resources(**changes)}},
        }
    )


@pytest.fixture
def applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A directory of which `terraform show` tells one source that only stores, and a FIFO one."""
    (tmp_path / "state.json").write_text(state_text())
    fake_terraform(tmp_path, monkeypatch, f'[ "$2" = show ] && cat "{tmp_path}/state.json"')
    return str(tmp_path)


def test_it_tells_what_became_of_a_load(run: Run) -> None:
    ended = run(*FAST)
    assert ended.code == 0
    assert ended.out.startswith("100 requests in 5.00 s: 100 accepted.")
    for what in (
        "waiting",
        "in flight",
        "processors",
        "authorizers",
        "120,000 SQS",
        "p50",
        "p95",
        "p99",
        "max",
        "drained",
    ):
        assert what in ended.out
    assert "per million accepted" in ended.out
    assert "No limit was met." in ended.out


def test_it_warns_of_the_limit_that_is_met_first(run: Run) -> None:
    out = run("simulate", "--rate", "500", "--seconds", "5").out
    assert (
        "The first of 2 limits that are met:\nmax_concurrency at" in out or "limits that are met:\nroute_rate at" in out
    )
    assert "What to change:" in out


def test_the_document_has_all_of_it(run: Run) -> None:
    document = run(*FAST, "--json").document
    assert document["counts"]["accepted"] == document["counts"]["done"] == 100
    assert set(document["delay_seconds"]) == {"p50", "p95", "p99", "max"}
    assert document["limit"] == {
        "requests_per_second": 100,
        "in_flight": 120_000,
        "processors": 2,
        "concurrency": 1_000,
    }
    assert document["limits_met"] == []
    assert document["usd_per_million"]["API Gateway"] > 0
    assert sum(sample["arrived"] for sample in document["timeline"]) == 100


def test_the_document_names_the_limits_that_were_met(run: Run) -> None:
    met = run("simulate", "--burst", "500", "--json").document["limits_met"]
    assert {"limit", "at", "effect", "what", "change"} == set(met[0])
    assert {each["limit"] for each in met} >= {"route_rate"}


def test_the_same_seed_tells_the_same(run: Run) -> None:
    assert run(*FAST, "--seed", "7").out == run(*FAST, "--seed", "7").out
    assert run(*FAST, "--seed", "7", "--json").out != run(*FAST, "--seed", "8", "--json").out


def test_a_pattern_says_how_many_come_in_each_second(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pattern.csv").write_text("second,requests\n0,5\n\n10,20\n")
    document = run("simulate", "--arrivals", "pattern.csv", "--json").document
    assert document["counts"]["requests"] == 25
    assert document["peak"]["requests_per_second"] == 20


def test_a_burst_can_have_a_rate(run: Run) -> None:
    assert run("simulate", "--burst", "100", "--rate", "50").out.startswith("100 requests in 2.00 s")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say what comes in: --rate R, --burst N, or --arrivals FILE.csv."),
        (("--rate", "0"), "--rate must be above 0."),
        (("--rate", "nan"), "--rate must be above 0."),
        (("--rate", "5", "--seconds", "-1"), "--seconds must be above 0."),
        (("--rate", "0.001", "--seconds", "1"), "There is nothing to simulate: the load has no request in it."),
        (("--rate", "1e6", "--seconds", "600"), "at most 50,000,000 are simulated"),
        (("--burst", "5", "--rate", "5", "--seconds", "5"), "give it --rate or --seconds, not both."),
        (("--arrivals", "none.csv"), "Can't read none.csv: no such file or directory."),
        (("--arrivals", "-", "--rate", "3"), "leave out --burst, --rate and --seconds."),
        (("--rate", "5", "--batch-size", "50"), "--batch-size above 10 needs a --window-seconds"),
        (("--rate", "5", "--max-concurrency", "1"), "greater than or equal to 2."),
        (("--rate", "5", "--failures", "2"), "less than or equal to 1."),
        (("--rate", "5", "--handler-ms", "inf"), "--handler-ms must be a number that is not infinite."),
        (("--rate", "5", "--handler-p99-ms", "9"), "--handler-p99-ms goes with a --handler-ms"),
        (("--rate", "5", "--handler-ms", "9", "--handler-p99-ms", "3"), "is not below it."),
        (("--rate", "5", "--sender-retries", "1,x"), "is not a list of seconds, such as 10,60,600."),
        (("--rate", "5", "--plot", "it.gif"), "must end in .svg, .png, .pdf."),
        (("--rate", "5", "--plot", "none/it.svg"), "is in a directory that is not there."),
        (("--rate", "5", "--source", "shop", "--env", "none"), "--env 'none' is neither 'local', nor a directory"),
    ],
)
def test_what_can_not_be_simulated_is_refused_in_a_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    ended = run("simulate", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0,many", "Line 2 of pattern.csv is not second,requests"),
        ("7", "Line 2 of pattern.csv is not second,requests"),
        ("-1,5", "Line 2 of pattern.csv has a number below 0"),
        ("nan,5", "Line 2 of pattern.csv has a number below 0, or none."),
    ],
)
def test_a_line_that_is_no_pattern_is_named(run: Run, tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "pattern.csv").write_text(f"second,requests\n{line}\n")
    ended = run("simulate", "--arrivals", "pattern.csv")
    assert ended.code == 2
    assert said in ended.err


def test_a_sources_limits_are_those_that_were_applied(applied: str) -> None:
    lane = lane_of_text(state_text())
    assert (lane.rate_per_second, lane.burst, lane.max_concurrency) == (12, 34, 3)
    assert (lane.batch_size, lane.window_seconds, lane.timeout_seconds) == (5, 1, 10)
    assert (lane.visibility_seconds, lane.retention_seconds, lane.max_receive_count) == (61, 86_400, 7)
    assert lane.retry_delays_seconds is None


def test_an_effects_lane_has_its_schedule() -> None:
    lane = lane_of_text(state_text(retry={"delays_seconds": [5, 10], "jitter": True}))
    assert (lane.retry_delays_seconds, lane.retry_jitter) == ((5, 10), True)


def lane_of_text(text: str) -> Any:
    document = json.loads(text)
    managed = tuple(
        Resource(each["address"], each["type"], each["name"], None, "", each["values"])
        for each in document["values"]["root_module"]["resources"]
    )
    outputs = document["values"]["outputs"]["sources"]["value"]
    return lane_of(State({"sources": outputs}, managed), SOURCE, outputs[SOURCE])


def test_a_source_is_simulated_with_its_limits(run: Run, applied: str) -> None:
    limit = run(*FAST, "--source", SOURCE, "--env", applied, "--json").document["limit"]
    assert (limit["requests_per_second"], limit["processors"]) == (12, 3)


def test_what_is_given_goes_before_what_was_applied(run: Run, applied: str) -> None:
    given = ("--max-concurrency", "9", "--route-rate", "50")
    limit = run(*FAST, "--source", SOURCE, "--env", applied, *given, "--json").document["limit"]
    assert (limit["requests_per_second"], limit["processors"]) == (50, 9)


def test_a_source_that_is_not_there_is_named_with_those_that_are(run: Run, applied: str) -> None:
    ended = run(*FAST, "--source", "none", "--env", applied)
    assert (ended.code, ended.err) == (
        2,
        f"Error: There is no source 'none' in {applied}; there are shop, tickets.\n",
    )


def test_a_fifo_lane_is_not_simulated(run: Run, applied: str) -> None:
    ended = run(*FAST, "--source", "tickets", "--env", applied)
    assert ended.code == 2
    assert "has a FIFO queue, which is not simulated" in ended.err


def test_a_lane_with_an_effect_asks_how_long_that_takes(run: Run, applied: str) -> None:
    Path(applied, "state.json").write_text(state_text(retry={"delays_seconds": [5], "jitter": False}))
    ended = run(*FAST, "--source", SOURCE, "--env", applied)
    assert (ended.code, "--handler-ms" in ended.err) == (2, True)
    assert run(*FAST, "--source", SOURCE, "--env", applied, "--handler-ms", "5").code == 0


def test_the_local_environment_is_the_one_that_was_used_last(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ended = run(*FAST, "--source", SOURCE)
    assert (ended.code, "Nothing was applied on this machine yet" in ended.err) == (1, True)
    (cache_directory() / "dev-1").mkdir(parents=True)
    (cache_directory() / "dev-1" / "state.json").write_text(state_text())
    assert run(*FAST, "--source", SOURCE, "--json").document["limit"]["processors"] == 3


def test_an_environment_that_was_not_applied_is_told_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_terraform(tmp_path, monkeypatch, 'echo \'{"format_version":"1.0"}\'')
    ended = run(*FAST, "--source", SOURCE, "--env", str(tmp_path))
    assert (ended.code, "was not applied yet" in ended.err) == (1, True)


def test_ctrl_c_ends_it_with_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("webhookctl.simulated.simulate", interrupted)
    ended = run(*FAST)
    assert (ended.code, ended.err) == (130, "Error: Interrupted: nothing was simulated to its end.\n")


def test_a_plot_shows_every_course_and_is_the_same_each_time(run: Run, tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        assert run(*FAST, "--plot", name).code == 0
    one, two = ((tmp_path / name).read_bytes() for name in ("one.svg", "two.svg"))
    assert one == two
    text = " ".join(ET.fromstring(one).itertext())  # noqa: S314 - of our own making
    for title in (
        "requests and events a second",
        "wait in the queue",
        "in flight, of SQS's 120,000",
        "functions at once",
    ):
        assert title in text


def test_a_sparkline_is_as_high_as_the_most_in_each_part() -> None:
    samples = [Sample(at, waiting=waiting) for at, waiting in enumerate([0, 0, 1, 8, 4, 4, 0, 0])]
    assert sparkline(samples, lambda sample: sample.waiting, width=4) == " █▄ "


def test_a_sparkline_of_nothing_is_empty() -> None:
    assert sparkline([Sample(0.0)], lambda sample: sample.waiting) == " "


def test_a_plots_points_keep_every_count_and_every_peak() -> None:
    samples = [Sample(at / 10, done=1, waiting=at) for at in range(1_001)]
    points = merged(samples, 300)
    assert len(points) <= 300
    assert sum(point.done for point in points) == 1_001
    assert max(point.waiting for point in points) == 1_000
