"""Batches by INSERT against the same records one by one by PutItem: one outcome for each record, and one table."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from processor.batch import process_batch
from processor.event import Result
from processor.key_usage import KeyUsage
from processor.report import metric_lines
from processor.settings import DeduplicateBy
from tests.unit.processor.conftest import NOW, TABLE, Bench, create_table, plenty
from tests.unit.processor.records import record, sqs_record
from webhookctl.local.aws import extensions

INLINE_BYTES = 1500
"""So that a body in parts is no large one."""

BODIES = (b"{}", b'{"a": 1}', b"x" * 3000, random.Random(0).randbytes(2000))  # noqa: S311
DAYS = 86_400


@dataclass(frozen=True)
class Delivery:
    """A record to come: of so many ids, bodies and requests that they meet often."""

    event: int
    body: int
    request: int
    kind: str = "genuine"

    def record(self, position: int) -> Any:
        if self.kind == "unreadable":
            return sqs_record("no envelope", f"m-{position}")
        key = "guess" if self.kind == "forged" else "s3cret"
        made = record(BODIES[self.body], key=key, event_id=f"evt-{self.event}")
        if self.kind == "broken":
            return made | {"messageId": f"m-{position}", "body": None}
        return sqs_record(made["body"].replace("request=", f"request-{self.request}"), f"m-{position}")


GENUINE = st.builds(
    Delivery,
    event=st.integers(0, 5),
    body=st.sampled_from([0, 0, 0, 1, 1, 2, 3]),
    request=st.integers(0, 40),
)
ANY = st.one_of(
    GENUINE, GENUINE, GENUINE, GENUINE.map(lambda one: replace(one, event=one.request + 10)),
    st.builds(replace, GENUINE, kind=st.sampled_from(["forged", "unreadable", "broken"])),
)  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        with mock_aws(), extensions.applied(extensions.FOR_DATA):
            made = boto3.client("dynamodb")
            create_table(made)
            yield made


def emptied(bench: Bench) -> None:
    for item in bench.items():
        bench.client.delete_item(TableName=TABLE, Key={name: item[name] for name in ("pk", "sk")})


def told(bench: Bench, records: Sequence[Any], size: int) -> tuple[Any, ...]:
    """What is said of the records when they come in batches of that size, and what is in the table in the end."""
    lane = bench.lane()
    lane = replace(lane, store=replace(lane.store, inline_bytes=INLINE_BYTES))
    results: list[Result] = []
    returned: list[str] = []
    faults = 0
    for start in range(0, len(records), size):
        batch = process_batch(records[start : start + size], lane, plenty)
        results += batch.results
        returned += batch.returned
        faults += batch.faults
    KeyUsage(lane.store, "github").note(results, plenty)
    lines = [json.loads(line) for line in metric_lines("ns", "github", results, faults, None, bench.now)]
    return results, returned, faults, lines, sorted(bench.items(), key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(GENUINE, max_size=6),
    age_days=st.sampled_from([1, 29, 31]),
    deliveries=st.lists(ANY, min_size=2, max_size=40),
    receipts=st.booleans(),
    deduplicate_by=st.sampled_from(["id", "body"]),
    size=st.sampled_from([40, 40, 11]),
)
def test_batches_leave_the_table_and_the_outcomes_that_put_item_leaves(
    client: Any,
    before: list[Delivery],
    age_days: int,
    deliveries: list[Delivery],
    receipts: bool,
    deduplicate_by: DeduplicateBy,
    size: int,
) -> None:
    records = [one.record(position) for position, one in enumerate(deliveries)]
    said = []
    for batch_size in (1, size):
        bench = Bench(client, receipts=receipts, deduplicate_by=deduplicate_by, now=NOW - age_days * DAYS)
        emptied(bench)
        told(bench, [one.record(-1 - number) for number, one in enumerate(before)], 1)
        bench.now = NOW
        said.append(told(bench, records, batch_size))

    assert said[1] == said[0]
    _, returned, faults, *_ = said[1]
    assert len(returned) == faults == len([one for one in deliveries if one.kind == "broken"])
