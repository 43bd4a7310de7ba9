import functools
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.loaders import JSONFileLoader
from moto import mock_aws

from webhookctl.cli import main

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "eu-central-1"
TABLE = "webhook-test-events"
ATTEMPTS = 10
NO_EFFECTS: Mapping[str, str] = MappingProxyType({})
QUEUES = f"https://sqs.{REGION}.amazonaws.com/123456789012"
INDEXED = [
    *("source", "outcome", "event_id", "event_type", "reason", "body_bytes"),
    *("effect", "attempts", "next_attempt_at_ms", "last_error"),
]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture(scope="session", autouse=True)
def _files_of_botocore_are_read_once() -> Iterator[None]:
    """Every command makes a session of its own, which would read the same megabytes again."""
    load_file = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _self, path: load_file(path))
        yield


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs the command in a directory of its own, as the console script does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: str | Path, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account of moto's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


@pytest.fixture
def dynamodb(aws: None) -> Iterator["DynamoDBClient"]:
    """A client for the environment's table, which is there."""
    client = boto3.client("dynamodb", region_name=REGION)
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "lane", "AttributeType": "S"},
            {"AttributeName": "received_at_ms", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_time",
                "KeySchema": [
                    {"AttributeName": "lane", "KeyType": "HASH"},
                    {"AttributeName": "received_at_ms", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": INDEXED},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    client.close()


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a directory of which `terraform output` tells these sources, each with its url, scheme and effect."""

    def deployed(
        base_url: str = "https://example.invalid",
        effects: Mapping[str, str] = NO_EFFECTS,
        **schemes: str | dict[str, Any],
    ) -> Path:
        directory = tmp_path / "env"
        directory.mkdir(exist_ok=True)
        outputs = outputs_of(base_url, schemes, effects)
        wrapped = {name: {"value": value, "sensitive": False} for name, value in outputs.items()}
        (directory / "outputs.json").write_text(json.dumps(wrapped))
        fake_terraform(tmp_path, monkeypatch, f'cat "{directory}/outputs.json"')
        return directory

    return deployed


def outputs_of(base_url: str, schemes: Mapping[str, Any], effects: Mapping[str, str] = NO_EFFECTS) -> dict[str, Any]:
    return {
        "endpoint": base_url,
        "region": REGION,
        "name": "webhook-test",
        "table_name": TABLE,
        "sources": {
            name: {
                "url": f"{base_url}/webhooks/{name}",
                "scheme": scheme if isinstance(scheme, str) else None,
                "custom_scheme_json": None if isinstance(scheme, str) else json.dumps(scheme),
                "secret_name": None if scheme == "unsigned" else f"webhook-test/{name}",
                "queue_url": f"{QUEUES}/webhook-test-{name}",
                "dead_letter_queue_url": f"{QUEUES}/webhook-test-{name}-dead-letter",
            }
            | ({"effect": effects[name], "attempts": ATTEMPTS} if name in effects else {})
            for name, scheme in schemes.items()
        },
    }


def fake_terraform(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Puts a `terraform` before the real one on the PATH, which does only this."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "terraform"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
