"""The figures of webhookctl/prices.json that say what the processor writes, stores and logs are what it does."""

import logging
import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from awslambdaric.lambda_runtime_log_utils import JsonFormatter

from processor.batch import process_batch
from processor.report import metric_lines
from tests.unit.processor.charged import Item, size_bytes, stored_bytes, units
from tests.unit.processor.conftest import Bench, plenty
from tests.unit.processor.records import record
from webhookctl.cost import Design, read_design, read_file

ROUNDED = 0.04
"""The figures are round, ids and times differ in length."""


def body(design: Design, incompressible_bytes: int | None = None) -> bytes:
    noise = random.Random(5).randbytes(incompressible_bytes or design.body_bytes)  # noqa: S311 - bytes, not secrets
    return noise.ljust(design.body_bytes, b" ")


def webhook(content: bytes) -> dict[str, Any]:
    return record(content, event_id=str(uuid.uuid4()), message_id=str(uuid.uuid4()))


def nothing(_: object) -> None:
    return None


def of_events(bench: Bench) -> list[Item]:
    """Without the key's last use, which is one write in five minutes."""
    return [item for item in bench.items() if not item["pk"]["S"].startswith("key#")]


@pytest.mark.parametrize(
    ("name", "incompressible_bytes"),
    [("this", None), ("compressible", 1024), ("one-unit", 480), ("body-10-kb", None), ("body-100-kb", None)],
)
def test_an_event_takes_the_write_units_and_the_room_that_the_bill_says(
    bench: Bench, name: str, incompressible_bytes: int | None
) -> None:
    design = read_design(name)
    process_batch([webhook(body(design, incompressible_bytes))], bench.lane(), plenty)
    assert units([], of_events(bench)) == design.write_units
    assert stored_bytes(of_events(bench)) == pytest.approx(design.stored_bytes, rel=ROUNDED)


def test_an_item_takes_as_much_beside_its_body_as_the_bill_says(bench: Bench) -> None:
    process_batch([webhook(body(Design()))], bench.lane(), plenty)
    (item,) = of_events(bench)
    beside = size_bytes(item) - Design().body_bytes
    assert beside == pytest.approx(read_file()["item"]["bytes_beside_body"]["value"], rel=ROUNDED)


def test_receipts_take_the_write_units_and_the_room_that_the_bill_says(bench: Bench) -> None:
    design = read_design("receipts")
    process_batch([webhook(body(design))], replace(bench, receipts=True).lane(), plenty)
    assert units([], of_events(bench), receipts=True) == design.write_units
    assert stored_bytes(of_events(bench), receipts=True) == pytest.approx(design.stored_bytes, rel=ROUNDED)


def test_a_marker_for_each_body_takes_the_write_units_and_the_room_that_the_bill_says(bench: Bench) -> None:
    design = read_design("both")
    process_batch([webhook(body(design))], replace(bench, deduplicate_by="both").lane(), plenty)
    assert units([], of_events(bench)) == design.write_units
    assert stored_bytes(of_events(bench)) == pytest.approx(design.stored_bytes, rel=ROUNDED)


def test_an_effect_takes_the_write_units_and_the_room_that_the_bill_says(bench: Bench) -> None:
    design = read_design("effect")
    begun: list[Item] = []

    def handle(_: object) -> None:
        begun.extend(of_events(bench))

    process_batch([webhook(body(design))], replace(bench, handle=handle).lane(), plenty)
    assert units([], begun) + units(begun, of_events(bench)) == design.write_units
    assert stored_bytes(of_events(bench)) == pytest.approx(design.stored_bytes, rel=ROUNDED)


@pytest.mark.parametrize(("name", "handle"), [("this", None), ("batches-of-one", None), ("effect", nothing)])
def test_the_processor_logs_as_much_as_the_bill_says(
    bench: Bench, caplog: pytest.LogCaptureFixture, name: str, handle: Callable[[object], None] | None
) -> None:
    design = read_design(name)
    records = [webhook(body(design)) for _ in range(int(design.batch_size))]
    with caplog.at_level(logging.INFO, logger="processor"):
        batch = process_batch(records, replace(bench, handle=handle).lane(), plenty)
    circuit_open = None if handle is None else False
    lines = list(metric_lines("webhook-prod", "github", batch.results, batch.faults, circuit_open, bench.now))
    logged = sum(len(as_lambda_writes(line).encode()) for line in caplog.records) / len(records)
    assert logged == pytest.approx(design.processor_log_bytes_per_record, rel=ROUNDED)
    assert sum(len(line) + 1 for line in lines) == pytest.approx(design.processor_log_bytes_per_batch, rel=ROUNDED)


def test_a_message_is_as_large_as_the_bill_says() -> None:
    assert len(webhook(body(Design()))["body"]) == pytest.approx(Design().message_bytes, rel=ROUNDED)


def as_lambda_writes(line: logging.LogRecord) -> str:
    line.aws_request_id = str(uuid.uuid4())
    return str(JsonFormatter().format(line))
