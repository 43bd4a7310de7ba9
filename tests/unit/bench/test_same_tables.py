"""What is compared leaves the same table: else its times would say nothing."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_xray_sdk.core import xray_recorder

from tests.bench import baselines
from tests.bench.batches import STRATEGIES, TablesDiffer, check_table
from tests.bench.fake.client import FakeAws
from tests.bench.webhooks import PROCESSOR_VARIABLES, batch, deliveries

TABLE = "events"
SENT = deliveries(30, 600, "event")
OF_ONE_FORM = sorted({each.handler for each in STRATEGIES.values() if each.same_items and each.entry == "timed.handle"})


class Context:
    aws_request_id = function_name = memory_limit_in_mb = invoked_function_arn = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeAws]:
    with FakeAws() as fake:
        yield fake


@pytest.fixture
def aws(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    fake.create(TABLE)
    fake.reset()
    variables = {
        **PROCESSOR_VARIABLES,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": fake.url,
        "AWS_REGION": "eu-central-1",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_XRAY_SDK_ENABLED": "false",
        "LAMBDA_TASK_ROOT": "/var/task",
        "TABLE_NAME": TABLE,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(Path(next(iter(baselines.__path__)))))
    monkeypatch.delitem(sys.modules, "processor.handler", raising=False)  # of another test's environment
    monkeypatch.delattr("processor.handler", raising=False)
    imported = set(sys.modules)
    yield fake
    handler = sys.modules.get("processor.handler")
    if handler is not None:
        handler.lane.store.client.close()
        handler.lane.keyring._fetch.args[0].close()
        xray_recorder.emitter._socket.close()  # opened at import, never closed
    for name in set(sys.modules) - imported:
        if name in ("processor.handler", "verified") or any(name == each.split(".")[0] for each in OF_ONE_FORM):
            del sys.modules[name]


def call(handler: str, event: Any, **variables: str) -> Any:
    module, _, function = handler.rpartition(".")
    return getattr(importlib.import_module(module), function)(event, Context())


@pytest.mark.parametrize("handler", OF_ONE_FORM)
def test_every_strategy_leaves_each_event_once_with_its_body(aws: FakeAws, handler: str) -> None:
    call(handler, batch(SENT))
    check_table(handler, True, aws.items(TABLE), SENT)


def test_the_same_items_are_left_but_for_when_they_were_written(aws: FakeAws) -> None:
    event = batch(SENT)
    left = []
    for handler in ("processor.handler.handle", "put_item.handle"):
        aws.create(TABLE)
        call(handler, event)
        items = [item for item in aws.items(TABLE) if item["sk"]["S"] == "event"]
        times = ("stored_at_ms", "expires_at")
        left.append({item["pk"]["S"]: {name: item[name] for name in item if name not in times} for item in items})
    assert left[0] == left[1]
    assert len(left[0]) == len(SENT)


def test_new_events_are_inserted_with_a_request_for_every_25_and_the_units_of_as_many_puts(aws: FakeAws) -> None:
    call("processor.handler.handle", batch(deliveries(2, 600, "warm")))  # keys are read, and their use is noted
    aws.reset()
    call("processor.handler.handle", batch(SENT))
    inserted = aws.counts()
    aws.create(TABLE)
    aws.reset()
    call("put_item.handle", batch(SENT))
    put = aws.counts()
    assert inserted.requests == {"BatchExecuteStatement": 2}
    assert put.requests == {"PutItem": 30}
    assert inserted.write_units == put.write_units


def test_a_table_that_lacks_an_event_or_has_another_body_is_no_table_to_compare(aws: FakeAws) -> None:
    call("processor.handler.handle", batch(SENT[1:]))
    with pytest.raises(TablesDiffer, match="29 events, of 30"):
        check_table("insert", True, aws.items(TABLE), SENT)
    changed = [*SENT[1:-1], *deliveries(1, 601, "event")]
    with pytest.raises(TablesDiffer):
        check_table("insert", True, aws.items(TABLE), changed)


def test_what_powertools_and_the_subscriber_write_is_counted() -> None:
    with pytest.raises(TablesDiffer, match="1 items, of 30"):
        check_table("subscriber", False, [{"id": {"S": "1"}}], SENT)
