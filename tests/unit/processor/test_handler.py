import importlib
import json
import sys
from collections.abc import Iterator
from types import ModuleType

import boto3
import pytest
from aws_xray_sdk.core import xray_recorder

from common.keys import Key
from processor.settings import read_settings
from tests.unit.processor.conftest import TABLE, Bench
from tests.unit.processor.records import record

ENVIRONMENT = {
    "SOURCE": "github",
    "SCHEME": '"github"',
    "TOLERANCE_SECONDS": "300",
    "SECRET_NAME": "webhook-test/github",
    "TABLE_NAME": TABLE,
    "EVENT_RETENTION_DAYS": "30",
    "METRICS_NAMESPACE": "webhook-test",
    "DEDUPLICATE_BY": "id",
    "EFFECT": "null",
    "RETRY": "null",
    "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/webhook-test-github",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/webhook-test-github-dead-letter",
    "QUEUE_RETENTION_SECONDS": "345600",
    "RECEIPTS": "false",
}


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 10_000


@pytest.fixture
def handler(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    for name, value in {**ENVIRONMENT, "AWS_XRAY_SDK_ENABLED": "false", "LAMBDA_TASK_ROOT": "/var/task"}.items():
        monkeypatch.setenv(name, value)
    sys.modules.pop("processor.handler", None)
    yield importlib.import_module("processor.handler")
    del sys.modules["processor.handler"]
    xray_recorder.emitter._socket.close()  # opened at import, never closed: a warning when the tests end


def test_a_batch_is_processed_and_only_failures_are_reported(
    handler: ModuleType, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="webhook-test/github", SecretString="older")
    secrets.put_secret_value(SecretId="webhook-test/github", SecretString="s3cret")
    records = [
        record(),
        record(b"2", key="older", event_id="evt-2", message_id="m-2"),
        {**record(message_id="bad"), "body": None},
    ]
    answer = handler.handle({"Records": records}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert sorted(item["sk"]["S"] for item in bench.items()) == ["event", "event", "key", "key"]
    line, *keys = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["source"], line["Stored"], line["Failed"]) == ("github", 2, 1)
    assert {line["key"]: line["Verified"] for line in keys} == {Key(b"s3cret").id: 1, Key(b"older").id: 1}


def test_a_secret_without_a_value_fails_the_batch_and_quarantines_nothing(handler: ModuleType, bench: Bench) -> None:
    boto3.client("secretsmanager").create_secret(Name="webhook-test/github")
    answer = handler.handle({"Records": [record()]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert bench.items() == []


def test_a_binary_value_that_was_replaced_by_a_text_does_no_harm(handler: ModuleType, bench: Bench) -> None:
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="webhook-test/github", SecretBinary=b"s3cret")
    secrets.put_secret_value(SecretId="webhook-test/github", SecretString="s3cret")
    assert handler.handle({"Records": [record()]}, Context()) == {"batchItemFailures": []}


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        read_settings({other: value for other, value in ENVIRONMENT.items() if other != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [("TOLERANCE_SECONDS", "soon"), ("SCHEME", "github"), ("SCHEME", '"nobody"'), ("DEDUPLICATE_BY", "Id")],
)
def test_a_wrong_variable_is_an_error_at_start(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_settings(ENVIRONMENT | {name: value})
