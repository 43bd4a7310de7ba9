import base64
import gzip
import importlib
import json
import re
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.costs import FILE, document
from webhookctl.cost import (
    MILLION,
    Design,
    bill,
    bill_per_million,
    design_for_body,
    fixed_per_month,
    month,
    read_design,
    read_file,
    read_prices,
    traced_share,
)

ROOT = Path(__file__).parents[2]
PRICES = read_prices()

SUMS = {
    "write_units": 3,
    "stored_bytes": 0,
    "access_log_bytes": 0,
    "authorizer_log_bytes": 0,
    "enqueue_log_bytes": 0,
    "processor_log_bytes_per_record": 0,
    "processor_log_bytes_per_batch": 0,
    "traced_share": 0,
    "processor_ms_per_batch": 60,
}
"""An earlier sum, done apart from this code: one write of three units, no index, nothing kept, logged or traced."""


def total(design: Design) -> float:
    return sum(bill_per_million(design, PRICES).values())


def summed(name: str, **changes: Any) -> Design:
    return replace(read_design(name), **{**SUMS, **changes})


@pytest.mark.parametrize(
    ("name", "dollars"),
    [
        ("this", 6.14),
        ("no-authorizer", 5.92),
        ("verify-and-enqueue", 6.20),
        ("classic", 6.43),
        ("http-verify-and-enqueue", 3.70),
    ],
)
def test_the_bill_is_what_the_same_sums_come_to_elsewhere(name: str, dollars: float) -> None:
    assert total(summed(name)) == pytest.approx(dollars, abs=0.006)


@pytest.mark.parametrize(
    ("name", "changes", "ratio"),
    [
        ("verify-and-enqueue", {}, 1.01),
        ("http-verify-and-enqueue", {}, 0.62),
        ("one-unit", {"write_units": 1}, 0.81),
        ("traced", {"traced_share": 1}, 1.74),
        ("powertools", {"write_units": 5, "processor_ms_per_batch": 180}, 1.21),
    ],
)
def test_designs_compare_as_the_same_sums_do_elsewhere(name: str, changes: dict[str, Any], ratio: float) -> None:
    this = summed("this", traced_share=0.05)
    assert total(summed(name, **{"traced_share": 0.05, **changes})) / total(this) == pytest.approx(ratio, abs=0.01)


def test_each_service_is_charged_for_what_it_does() -> None:
    assert bill_per_million(Design(), PRICES) == pytest.approx(
        {
            "API Gateway": 3.50,
            "Lambda authorizer": 0.20 + 1e6 * 0.008 * 0.25 * 0.0000133334,
            "Lambda processor": 0.02 + 1e5 * 0.025 * 0.5 * 0.0000133334,
            "SQS": 1.2 * 0.40,
            "DynamoDB": 4 * 0.625,
            "DynamoDB storage": 2900e6 / 2**30 * 0.45,
            "CloudWatch Logs": (380 + 225 + 370 + 53) * 1e6 / 2**30 * 0.50,
            "X-Ray": 0.05 * 5,
        }
    )


@pytest.mark.parametrize(
    "field",
    [
        "body_bytes",
        "envelope_bytes",
        "messages_per_webhook",
        "receives_per_message",
        "authorizer_ms",
        "authorizer_memory_mb",
        "enqueue_ms",
        "enqueue_memory_mb",
        "processor_ms_per_batch",
        "processor_memory_mb",
        "write_units",
        "read_units",
        "stored_bytes",
        "retention_days",
        "access_log_bytes",
        "authorizer_log_bytes",
        "enqueue_log_bytes",
        "processor_log_bytes_per_record",
        "processor_log_bytes_per_batch",
        "traced_share",
    ],
)
def test_more_of_anything_costs_more(field: str) -> None:
    some = replace(Design(), body_bytes=30_000, enqueue_ms=25, read_units=1, enqueue_log_bytes=100)
    more = replace(some, **{field: getattr(some, field) * 4})
    if field == "envelope_bytes":
        more = replace(some, envelope_bytes=30_000)
    assert total(more) > total(some)


def test_larger_batches_cost_less() -> None:
    costs = [total(replace(Design(), batch_size=size)) for size in (1, 2, 5, 10, 100)]
    assert costs == sorted(costs, reverse=True)


def test_a_receive_has_ten_messages_however_large_the_batch() -> None:
    ten, hundred = (bill_per_million(replace(Design(), batch_size=size), PRICES) for size in (10, 100))
    assert ten["SQS"] == hundred["SQS"]


def test_a_large_message_is_charged_by_64_kb_each_way() -> None:
    large = replace(Design(), body_bytes=100 * 1024, batch_size=1)
    assert bill_per_million(large, PRICES)["SQS"] == pytest.approx((3 + 3 + 1) * 0.40)


@pytest.mark.parametrize("name", ["this", "body-10-kb", "body-100-kb"])
def test_a_body_of_any_size_gets_the_units_and_the_room_that_were_measured(name: str) -> None:
    measured = read_design(name)
    derived = design_for_body(measured.body_bytes)
    assert derived.write_units == measured.write_units
    assert derived.stored_bytes == pytest.approx(measured.stored_bytes, rel=0.01)


def test_an_http_api_meters_by_512_kb() -> None:
    large = replace(Design(), api="http", body_bytes=512 * 1024 + 1)
    assert bill_per_million(large, PRICES)["API Gateway"] == pytest.approx(2.00)


def test_what_is_not_there_is_not_on_the_bill() -> None:
    bare = bill_per_million(replace(Design(), authorizer_ms=0, traced_share=0, stored_bytes=0), PRICES)
    assert not bare.keys() & {"Lambda authorizer", "Lambda enqueue", "X-Ray", "DynamoDB storage"}


def test_an_authorizer_that_is_not_there_logs_nothing() -> None:
    logs = [bill_per_million(replace(Design(), authorizer_ms=ms), PRICES)["CloudWatch Logs"] for ms in (8, 0)]
    assert logs[0] - logs[1] == pytest.approx(Design().authorizer_log_bytes * 1e6 / 2**30 * 0.50)


def test_twice_the_webhooks_cost_twice_until_a_price_has_a_step() -> None:
    one, two = (bill(Design(), PRICES, count * MILLION) for count in (100, 200))
    assert two == pytest.approx({service: 2 * usd for service, usd in one.items()})


def test_beyond_a_step_only_what_is_beyond_is_cheaper() -> None:
    api = bill(Design(), PRICES, 1_100 * MILLION)["API Gateway"]
    assert api == pytest.approx(333 * 3.50 + 667 * 2.80 + 100 * 2.38)


def test_direct_integration_saves_less_than_a_percent_against_a_lambda_that_verifies() -> None:
    assert 0 < total(read_design("verify-and-enqueue")) - total(Design()) < 0.01 * total(Design())


def test_lanes_cost_alike() -> None:
    one, three = (sum(fixed_per_month(PRICES, lanes).values()) for lanes in (1, 3))
    assert three == pytest.approx(3 * one)


def test_alarms_and_snapshots_are_charged_where_there_are_any() -> None:
    dearer = fixed_per_month(PRICES, 0, alarms=2, snapstart_gb=0.5)
    assert dearer == pytest.approx(
        {"CloudWatch alarms": 0.20, "Lambda SnapStart": 0.5 * month("seconds") * 0.0000015046}
    )


def test_less_than_a_webhook_a_second_is_traced_whole_and_very_many_hardly_more_than_by_the_rate() -> None:
    assert traced_share(MILLION) == 1
    assert traced_share(10_000 * MILLION) == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize("name", sorted(read_file()["prices"]))
def test_a_price_says_what_it_is_for_and_where_it_is_from(name: str) -> None:
    price = PRICES[name]
    assert price.usd > 0
    assert price.per in (1, 10_000, MILLION)
    assert price.unit
    assert price.status in read_file()["statuses"]
    assert price.source.startswith("https://")
    assert [over for over, _ in price.tiers] == sorted(over for over, _ in price.tiers)
    assert [price.usd, *(usd for _, usd in price.tiers)] == sorted((price.usd, *(usd for _, usd in price.tiers)))[::-1]


def test_every_assumption_is_a_field_of_a_design_and_says_why() -> None:
    assumptions = read_file()["assumptions"]
    assert list(assumptions) == [field.name for field in fields(Design)]
    assert all(
        data["why"] for data in (*assumptions.values(), *read_file()["month"].values(), *read_file()["item"].values())
    )


def test_a_design_changes_something_and_every_one_has_a_place_in_the_document() -> None:
    designs = read_file()["designs"]
    assert [name for name in designs if read_design(name) == Design()] == ["this"]
    assert {data["group"] for data in designs.values()} == {"design", "change"}


@pytest.mark.parametrize(
    ("path", "said", "field"),
    [
        ("modules/ingestion/authorizer.tf", r"memory_mb +=\s(\d+)", "authorizer_memory_mb"),
        ("modules/webhook/variables.tf", r"memory_mb += optional\(number, (\d+)\)", "processor_memory_mb"),
        ("modules/webhook/variables.tf", r"event_retention_days += optional\(number, (\d+)\)", "retention_days"),
        ("modules/webhook/processors.tf", r"batch_size .* : (\d+)\n", "batch_size"),
    ],
)
def test_what_is_assumed_of_the_modules_is_what_they_say(path: str, said: str, field: str) -> None:
    (value,) = re.findall(said, (ROOT / path).read_text(encoding="utf-8"))
    assert int(value) == getattr(Design(), field)


def test_functions_run_on_the_architecture_that_is_charged() -> None:
    assert f'architectures    = ["{Design().architecture}"]' in (ROOT / "modules/function/main.tf").read_text()


def test_the_authorizer_logs_as_much_as_the_bill_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = base64.b64encode(gzip.compress(b'{"github": {"scheme": "github"}}')).decode()
    for name, value in (("SOURCES", sources), ("SECRET_PREFIX", "p/"), ("METRICS_NAMESPACE", "webhook-prod")):
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "authorizer.handler", raising=False)
    handler = importlib.import_module("authorizer.handler")
    event = json.loads((Path(__file__).parent / "authorizer/events/github.json").read_text(encoding="utf-8"))
    assert handler.handle(event, None)["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    monkeypatch.delitem(sys.modules, "authorizer.handler")
    assert len(capsys.readouterr().out) == pytest.approx(Design().authorizer_log_bytes, rel=0.05)


def test_the_access_log_is_as_long_as_the_bill_says() -> None:
    text = (ROOT / "modules/ingestion/stage.tf").read_text(encoding="utf-8")
    names = dict(re.findall(r'^ +(\w+) += "\$context\.([\w.]+)"$', text, re.MULTILINE))
    assert set(names.values()) == set(TYPICAL)
    line = json.dumps({name: TYPICAL[variable] for name, variable in names.items()}, separators=(",", ":"))
    assert len(line) + 1 == pytest.approx(Design().access_log_bytes, rel=0.05)


TYPICAL = {
    "extendedRequestId": "ZYXwvuTSrqpONmA=",
    "requestTimeEpoch": "1700000000123",
    "xrayTraceId": "1-65538280-0123456789abcdef01234567",
    "identity.sourceIp": "192.0.2.123",
    "httpMethod": "POST",
    "resourcePath": "/webhooks/github",
    "status": "200",
    "responseLatency": "38",
    "responseLength": "25",
    "error.responseType": "-",
    "authorizer.reason": "-",
    "authorizer.status": "200",
    "authorizer.latency": "12",
    "integration.status": "200",
    "integration.latency": "14",
}


def test_the_document_is_what_the_prices_say() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert document(text) == text


def test_the_readme_says_what_this_design_costs() -> None:
    total = sum(bill_per_million(read_design("this"), read_prices()).values())
    assert f"A million webhooks of 2 KB cost ${total:.2f}" in (ROOT / "README.md").read_text(encoding="utf-8")
