import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from common.keys import Key
from processor.store import EventStore
from tests.unit.webhookctl.conftest import QUEUES, REGION, TABLE, Ended, Run, outputs_of
from webhookctl.environment import from_outputs
from webhookctl.keys import IN_USE_HOURS, Obstacle, Place, Version, Waiting, find_obstacle, key_places
from webhookctl.secret import read_live_versions, read_secret

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

SECRET = "webhook-test/github"
QUEUE = f"{QUEUES}/webhook-test-github"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NONE_WAIT = Waiting(0, 0)


def hours_ago(hours: float) -> int:
    return int((NOW.timestamp() - hours * 3_600) * 1000)


def of(*values: str) -> list[str]:
    return [Key(value.encode()).id for value in values]


class Lane:
    """One source's secret, queues and key items in an account of moto's."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.secrets: SecretsManagerClient = boto3.client("secretsmanager", region_name=REGION)
        self.sqs: SQSClient = boto3.client("sqs", region_name=REGION)
        self.store = EventStore(dynamodb, TABLE, 30)
        self.secrets.create_secret(Name=SECRET)
        for name in ("webhook-test-github", "webhook-test-github-dead-letter"):
            self.sqs.create_queue(QueueName=name)

    def put(self, *texts: str) -> None:
        for text in texts:
            self.secrets.put_secret_value(SecretId=SECRET, SecretString=text)

    def used(self, value: str, *, hours: float) -> None:
        (key_id,) = of(value)
        self.store.put_key_use("github", key_id, int((time.time() - hours * 3_600) * 1000))


@pytest.fixture
def lane(dynamodb: "DynamoDBClient") -> Lane:
    return Lane(dynamodb)


@pytest.fixture
def query(run: Run, deployed: Callable[..., Path]) -> Callable[..., Ended]:
    """Runs `keys` on an environment with a signed and an unsigned source."""
    environment = deployed(github="github", open="unsigned", hooks="standard-webhooks")

    def query(*arguments: str) -> Ended:
        return run("keys", *arguments, "--env", str(environment))

    return query


Query = Callable[..., Ended]


def obstacles(ended: Ended) -> list[Any]:
    assert (ended.code, ended.err) == (0, "")
    return [key["obstacle"] for key in ended.document["keys"]]


def test_each_live_key_is_listed_once_the_newest_first(lane: Lane, query: Query) -> None:
    lane.put('["b", "a"]', '["c", "b"]')
    lane.used("b", hours=48)
    document = query("github", "--json").document
    assert [(key["key_id"], key["version"], key["position"]) for key in document["keys"]] == [
        (of("c")[0], "current", 1),
        (of("b")[0], "current", 2),
        (of("a")[0], "previous", 2),
    ]
    assert [key["last_used_at"] is None for key in document["keys"]] == [True, False, True]
    assert document["keys"][1]["last_used_at"].endswith("Z")
    assert (document["source"], document["secret"]) == ("github", SECRET)
    assert document["messages_waiting"] == {"queue": 0, "dead_letter_queue": 0}


def test_through_a_rotation_the_old_key_is_retired_a_day_after_its_last_use(lane: Lane, query: Query) -> None:
    lane.put("old")
    lane.used("old", hours=60)
    assert obstacles(query("github", "--json")) == ["only_key"]
    lane.put("new")
    assert obstacles(query("github", "--json")) == [None, "no_other_since"]
    lane.used("new", hours=1)
    assert obstacles(query("github", "--json")) == ["in_use", None]
    lane.used("old", hours=2)
    assert obstacles(query("github", "--json")) == ["in_use", "in_use"]


@pytest.mark.parametrize("queue", [QUEUE, f"{QUEUE}-dead-letter"])
def test_no_key_is_retired_while_messages_wait_visible_or_not(lane: Lane, query: Query, queue: str) -> None:
    lane.put("old", "new")
    lane.used("new", hours=1)
    lane.sqs.send_message(QueueUrl=queue, MessageBody="1")
    assert obstacles(query("github", "--json")) == ["in_use", "messages_waiting"]
    lane.sqs.receive_message(QueueUrl=queue)
    ended = query("github", "--json")
    assert obstacles(ended) == ["in_use", "messages_waiting"]
    assert sum(ended.document["messages_waiting"].values()) == 1


def test_people_get_a_line_for_each_and_what_waits(lane: Lane, query: Query) -> None:
    lane.put("older", '["new", "old"]')
    lane.used("new", hours=1)
    lane.used("old", hours=48)
    lines = query("github").out.splitlines()
    new, old, older = of("new", "old", "older")
    assert lines[0].split() == ["key", "id", "version", "last", "used", "retire"]
    assert lines[1].startswith(f"{new}  current, 1 of 2  ")
    assert lines[1].endswith(" UTC  no: used within 24 hours")
    assert lines[2].startswith(f"{old}  current, 2 of 2  ")
    assert lines[2].endswith(" UTC  safe to retire")
    assert lines[3].split(maxsplit=3) == [older, "previous", "never", "safe to retire"]
    assert max(map(len, lines[:4])) <= 80
    assert lines[-1].endswith("0 in the queue, 0 in the dead-letter queue.")


def test_no_key_is_ever_printed(lane: Lane, query: Query) -> None:
    lane.put("private-1", '["private-2", "private-3"]')
    for arguments in ((), ("--json",)):
        ended = query("github", *arguments)
        assert ended.code == 0
        assert "private" not in ended.out + ended.err


def test_a_previous_version_that_holds_no_key_counts_for_nothing(lane: Lane, query: Query) -> None:
    lane.put('{"key": "value"}', "good")
    assert obstacles(query("github", "--json")) == ["only_key"]
    lane.secrets.put_secret_value(SecretId=SECRET, SecretBinary=b"bytes")
    lane.put("good")
    assert obstacles(query("github", "--json")) == ["only_key"]


def test_another_sources_use_of_the_same_key_is_none_of_this_one(lane: Lane, query: Query) -> None:
    lane.put("old", "new")
    lane.store.put_key_use("mirror", of("new")[0], int(time.time() * 1000))
    assert [key["last_used_at"] for key in query("github", "--json").document["keys"]] == [None, None]


def test_a_source_without_keys_or_not_there_is_wrong_usage(aws: None, query: Query) -> None:
    unsigned, unknown = query("open"), query("gitub")
    assert (unsigned.code, unsigned.out) == (2, "")
    assert unsigned.err == "Error: The source open is unsigned: it has no keys.\n"
    assert unknown.code == 2
    assert "There is no source 'gitub'" in unknown.err


def test_a_secret_without_a_value_says_how_to_put_one(lane: Lane, query: Query) -> None:
    ended = query("github")
    assert (ended.code, ended.out) == (1, "")
    assert f"The secret {SECRET} has no value in {REGION}" in ended.err


def test_a_secret_that_holds_no_key_is_a_failure_that_does_not_quote_it(lane: Lane, query: Query) -> None:
    lane.secrets.create_secret(Name="webhook-test/hooks", SecretString="private")
    ended = query("hooks")
    assert (ended.code, ended.out) == (1, "")
    assert "The secret in webhook-test/hooks can't be used: the key is not in the encoding" in ended.err
    assert "private" not in ended.err


def test_a_queue_that_is_not_there_is_a_failure_of_one_line(lane: Lane, query: Query) -> None:
    lane.put("old")
    lane.sqs.delete_queue(QueueUrl=QUEUE)
    ended = query("github")
    assert (ended.code, ended.out) == (1, "")
    assert "AWS answered GetQueueAttributes with" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_sending_takes_the_current_version_and_an_unsigned_source_has_none(lane: Lane) -> None:
    environment = from_outputs(outputs_of("", {"github": "github", "open": "unsigned"}), "test")
    lane.put("old", "new")
    assert read_secret(environment, environment.source("github")) == "new"
    assert read_live_versions(environment, environment.source("github")) == ["new", "old"]
    assert read_live_versions(environment, environment.source("open")) == []


def test_the_local_stacks_queues_are_asked_where_they_are() -> None:
    environment = from_outputs(outputs_of("", {}), "local", aws_endpoint_url="http://127.0.0.1:1")
    assert environment.sqs().meta.endpoint_url == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("versions", "places"),
    [
        (["a"], {"a": Place(Version.CURRENT, 1, 1)}),
        (["a", "b"], {"a": Place(Version.CURRENT, 1, 1), "b": Place(Version.PREVIOUS, 1, 1)}),
        (["a", "a"], {"a": Place(Version.CURRENT, 1, 1)}),
        (["a", '["a", "b"]'], {"a": Place(Version.CURRENT, 1, 1), "b": Place(Version.PREVIOUS, 2, 2)}),
        ([json.dumps(["a", "b"]), ""], {"a": Place(Version.CURRENT, 1, 2), "b": Place(Version.CURRENT, 2, 2)}),
    ],
)
def test_a_key_stands_where_it_is_first(versions: list[str], places: dict[str, Place]) -> None:
    found = key_places(versions, "utf8")
    assert list(found.items()) == [(of(value)[0], place) for value, place in places.items()]


@pytest.mark.parametrize(
    ("uses", "waiting", "obstacle"),
    [
        ({"a": None}, NONE_WAIT, Obstacle.ONLY_KEY),
        ({"a": hours_ago(90)}, NONE_WAIT, Obstacle.ONLY_KEY),
        ({"a": hours_ago(IN_USE_HOURS - 0.1), "b": hours_ago(0)}, NONE_WAIT, Obstacle.IN_USE),
        ({"a": hours_ago(IN_USE_HOURS), "b": hours_ago(0)}, NONE_WAIT, None),
        ({"a": hours_ago(-1), "b": None}, NONE_WAIT, Obstacle.IN_USE),
        ({"a": hours_ago(90), "b": None}, NONE_WAIT, Obstacle.NO_OTHER_SINCE),
        ({"a": hours_ago(90), "b": hours_ago(95)}, NONE_WAIT, Obstacle.NO_OTHER_SINCE),
        ({"a": hours_ago(90), "b": hours_ago(80)}, NONE_WAIT, None),
        ({"a": None, "b": None}, NONE_WAIT, Obstacle.NO_OTHER_SINCE),
        ({"a": None, "b": hours_ago(90)}, NONE_WAIT, None),
        ({"a": None, "b": hours_ago(90)}, Waiting(1, 0), Obstacle.MESSAGES_WAITING),
        ({"a": None, "b": hours_ago(90)}, Waiting(0, 1), Obstacle.MESSAGES_WAITING),
    ],
)
def test_a_key_is_safe_to_retire_only_when_nothing_can_be_signed_with_it(
    uses: dict[str, int | None], waiting: Waiting, obstacle: Obstacle | None
) -> None:
    assert find_obstacle("a", uses, waiting, NOW) is obstacle
