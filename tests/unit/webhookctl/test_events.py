import base64
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from common.reasons import Reason
from processor.event import Event, Quarantined
from processor.store import EventStore
from tests.unit.webhookctl.conftest import TABLE, Ended, Run
from webhookctl import events
from webhookctl.events import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW_MS = int(time.time() * 1000)


class Kept:
    """What a test has put into the table."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.client = client
        self.store = EventStore(client, TABLE, 30)

    def event(
        self,
        event_id: str = "evt-1",
        *,
        age_seconds: int = 0,
        source: str = "github",
        body: bytes = b"{}",
        sender_id: str = "",
    ) -> None:
        received_at_ms = NOW_MS - 1000 * age_seconds
        event = Event(
            source=source,
            id=event_id,
            type="push",
            key_id="0123abcd",
            content_type="application/json",
            received_at_ms=received_at_ms,
            request_id="request",
            message_id=f"message-{source}-{event_id}-{age_seconds}",
            body=body,
            sender_id=sender_id,
        )
        self.store.put_event(event, received_at_ms / 1000 + 0.25)

    def quarantined(self, message_id: str = "message-9", *, age_seconds: int = 0, body: bytes = b"{}") -> None:
        received_at_ms = NOW_MS - 1000 * age_seconds
        message = Quarantined(
            "github", Reason.SIGNATURE_MISMATCH, "text/\x1b[2J", received_at_ms, "request", message_id, body
        )
        self.store.put_quarantined(message, received_at_ms / 1000)


@pytest.fixture
def kept(dynamodb: "DynamoDBClient") -> Kept:
    return Kept(dynamodb)


@pytest.fixture
def query(run: Run, deployed: Callable[..., Path]) -> Callable[..., Ended]:
    """Runs a command that reads the table."""
    environment = deployed(github="github", stripe="stripe")

    def query(*arguments: str) -> Ended:
        return run(*arguments, "--env", str(environment))

    return query


Query = Callable[..., Ended]


def listed(ended: Ended) -> list[dict[str, Any]]:
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.out.splitlines()]


def test_all_sources_and_outcomes_are_listed_newest_first(kept: Kept, query: Query) -> None:
    for number in range(20):
        kept.event(f"evt-{number}", age_seconds=number * 10, source=("github", "stripe")[number % 2])
    kept.event("evt-0", age_seconds=55, body=b"[]")
    kept.quarantined(age_seconds=33)
    rows = listed(query("events", "--json"))
    ages = [row["received_at"] for row in rows]
    assert len(rows) == 22
    assert ages == sorted(ages, reverse=True)
    assert [(row["event_id"], row["outcome"]) for row in rows[4:8]] == [
        (None, "quarantined"),
        ("evt-4", "stored"),
        ("evt-5", "stored"),
        ("evt-0", "conflict"),
    ]
    assert rows[4]["reason"] == "signature_mismatch"
    assert rows[4]["message_id"] == "message-9"
    assert rows[5]["event_type"] == "push"


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("--source", "stripe"), ["evt-2"]),
        (("--since", "90m"), ["evt-1", "evt-2"]),
        (("--outcome", "stored", "--source", "github"), ["evt-1", "evt-3"]),
        (("--outcome", "quarantined"), [None]),
        (("--outcome", "conflict"), []),
        (("--limit", "2"), ["evt-1", "evt-2"]),
    ],
)
def test_what_is_listed_can_be_narrowed_down(
    kept: Kept, query: Query, arguments: tuple[str, ...], ids: list[str | None]
) -> None:
    kept.event("evt-1")
    kept.event("evt-2", age_seconds=3_600, source="stripe")
    kept.event("evt-3", age_seconds=7_200)
    kept.quarantined(age_seconds=10_800)
    assert [row["event_id"] for row in listed(query("events", "--json", *arguments))] == ids


def test_every_page_of_a_lane_is_read_but_only_when_it_is_needed(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAGE_ITEMS", 2)
    for number in range(30):
        kept.event(f"evt-{number}", age_seconds=number)
    queries: list[str] = []
    kept.client.meta.events.register("before-call.dynamodb.Query", lambda **_: queries.append(""))
    rows = Table(kept.client, TABLE).newest(["github"], ["stored"])
    assert len(queries) == 4
    assert [row.id for row in rows] == [f"evt-{number}" for number in range(30)]
    assert len(queries) > 10


def test_no_lane_is_read_much_further_than_its_share_of_the_limit(kept: Kept, query: Query) -> None:
    for number in range(40):
        kept.event(f"evt-{number}", age_seconds=number)
    read: list[int] = []
    kept.client.meta.events.register("after-call.dynamodb.Query", lambda parsed, **_: read.append(parsed["Count"]))
    rows = list(Table(kept.client, TABLE).newest(["github", "stripe"], ["stored"], limit=8))
    assert [row.id for row in rows] == [f"evt-{number}" for number in range(8)]
    assert sorted(read[:8]) == [0] * 4 + [2] * 4


def test_people_get_a_line_each_with_nothing_cut_off(kept: Kept, query: Query) -> None:
    kept.event("e" * 200)
    kept.quarantined()
    ended = query("events")
    assert (ended.code, len(ended.out.splitlines())) == (0, 2)
    assert "e" * 200 in ended.out
    assert "message-9" in ended.out
    assert "signature_mismatch" in ended.out


def on_terminal(query: Query, monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    monkeypatch.setattr("webhookctl.event_view.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = query("events").out.splitlines()
    assert max(map(len, lines)) <= width
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize("width", [60, 80])
def test_on_a_narrow_terminal_what_fits_is_a_line_each(
    kept: Kept, query: Query, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    kept.event("e" * (width - len("01-31 08:00:00 github outcome  push")))
    heading, _, line = on_terminal(query, monkeypatch, width)
    assert heading.split() == ["received", "(UTC)", "source", "outcome", "id", "type"]
    assert line.split()[2:] == ["github", "stored", "e" * (width - 35), "push"]


def test_on_a_narrow_terminal_what_does_not_fit_has_its_id_on_a_line_of_its_own(
    kept: Kept, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.event(f"sha256:{64 * 'e'}", age_seconds=1)
    kept.quarantined("72d3162e-cc78-11e3-81ab-4c9367dc0958")
    lines = on_terminal(query, monkeypatch, 80)
    assert [line.split() for line in lines if not line.startswith("─")] == [
        ["received", "(UTC)", "source", "outcome", "type", "or", "reason"],
        ["id"],
        [*lines[3].split()[:2], "github", "quarantined", "signature_mismatch"],
        ["72d3162e-cc78-11e3-81ab-4c9367dc0958"],
        [*lines[5].split()[:2], "github", "stored", "push"],
        [f"sha256:{64 * 'e'}"],
    ]
    assert lines[3].index("quarantined") == lines[5].index("stored") == lines[0].index("outcome")


def test_on_a_narrow_terminal_a_long_name_is_folded_so_that_the_rest_has_room(
    run: Run, kept: Kept, deployed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a-source-with-a-name-of-31-chars"
    kept.event("72d3162e-cc78-11e3-81ab-4c9367dc0958", source=name)
    environment = str(deployed(**{name: "github"}))
    lines = on_terminal(lambda *arguments: run(*arguments, "--env", environment), monkeypatch, 60)
    assert "72d3162e-cc78-11e3-81ab-4c9367dc0958" in [line.strip() for line in lines]
    assert "push" in lines[3]


def test_on_a_narrow_terminal_an_id_is_folded_only_if_it_must_be(
    kept: Kept, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.event("e" * 200)
    kept.quarantined("72d3162e-cc78-11e3-81ab-4c9367dc0958")
    monkeypatch.setattr("webhookctl.event_view.is_terminal", lambda: True)
    for width in ("60", "80", "150"):
        monkeypatch.setenv("COLUMNS", width)
        lines = query("events").out.splitlines()
        assert max(map(len, lines)) <= int(width)
        assert "".join(lines).count("e") >= 200
        assert sum("72d3162e-cc78-11e3-81ab-4c9367dc0958" in line for line in lines) == 1


def test_it_says_when_there_are_none_or_more(kept: Kept, query: Query) -> None:
    assert query("events").err == "There are none.\n"
    kept.event("evt-1")
    kept.event("evt-2")
    assert "--limit shows more" in query("events", "--limit", "1").err


def test_an_event_is_found_by_its_senders_id_alone(kept: Kept, query: Query) -> None:
    body = b"\x00\xff" * 3_000
    kept.event("evt-1", source="stripe", body=body)
    document = query("event", "evt-1", "--json").document
    assert base64.b64decode(document.pop("body_base64")) == body
    assert document.pop("received_at") < document.pop("stored_at")
    assert document == {
        "source": "stripe",
        "outcome": "stored",
        "event_id": "evt-1",
        "event_type": "push",
        "sender_id": None,
        "key_id": "0123abcd",
        "content_type": "application/json",
        "message_id": "message-stripe-evt-1-0",
        "request_id": "request",
        "reason": None,
        "effect": None,
        "body_bytes": 6_000,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "conflicts": [],
    }


def test_an_event_that_goes_by_its_body_is_shown_with_the_senders_id(kept: Kept, query: Query) -> None:
    kept.event("sha256:00", sender_id="evt-1")
    assert query("event", "sha256:00", "--json").document["sender_id"] == "evt-1"
    assert re.search(r"sender's id +evt-1\n", query("event", "sha256:00").out)


def test_later_ones_of_the_same_id_are_shown_with_it(kept: Kept, query: Query) -> None:
    kept.event(age_seconds=9, body=b"[1]")
    kept.event(age_seconds=5, body=b"[2, 3]")
    kept.event(age_seconds=7, body=b"[2]")
    document = query("event", "evt-1", "--json").document
    assert document["outcome"] == "stored"
    assert [base64.b64decode(conflict["body_base64"]) for conflict in document["conflicts"]] == [b"[2]", b"[2, 3]"]
    assert query("event", "evt-1").out.count("the same id with another body") == 2


def test_a_quarantined_message_is_found_by_its_message_id(kept: Kept, query: Query) -> None:
    kept.quarantined(body=b"forged")
    ended = query("event", "message-9", "--source", "github")
    assert ended.code == 0
    assert "signature_mismatch" in ended.out
    assert ended.out.endswith("\n\nforged\n")


def test_a_text_is_shown_as_it_is(kept: Kept, query: Query) -> None:
    kept.event(body='{"a": "[bold]\u00e9"}\r\n\tb\n'.encode())
    assert query("event", "evt-1").out.endswith('\n\n{"a": "[bold]\u00e9"}\r\n\tb\n')


@pytest.mark.parametrize("body", [b"\x1b[2J", b"\xff", b"a\x00", b"\xef\xbf\xbf", b"\xe2\x80\xae"])
def test_a_body_that_could_act_on_the_terminal_is_shown_in_hexadecimal(kept: Kept, query: Query, body: bytes) -> None:
    kept.event(body=body)
    shown = query("event", "evt-1").out.splitlines()[-1]
    assert shown.startswith(f"00000000  {body.hex()} ")
    assert shown.isprintable()


def test_no_header_can_act_on_the_terminal(kept: Kept, query: Query) -> None:
    kept.quarantined()
    ended = query("event", "message-9")
    assert "text/\\x1b[2J" in ended.out
    assert "\x1b" not in ended.out


def test_of_a_long_body_the_beginning_is_shown(kept: Kept, query: Query) -> None:
    kept.event("text", body=b"a" * 20_000)
    kept.event("bytes", body=b"\xff" * 20_000)
    for event_id in ("text", "bytes"):
        ended = query("event", event_id)
        assert len(ended.out) < 18_000
        assert "20,000 bytes in all. --body-to FILE writes them." in ended.out


def test_the_exact_bytes_can_be_had(kept: Kept, query: Query, tmp_path: Path) -> None:
    body = bytes(range(256))
    kept.event(body=body)
    assert query("event", "evt-1", "--body-to", "copy", "--json").code == 0
    assert (tmp_path / "copy").read_bytes() == body
    assert (
        query("event", "evt-1", "--body-to", "no/copy").err
        == "Error: Can't write no/copy: no such file or directory.\n"
    )


def test_standard_output_can_be_the_body_alone(kept: Kept, query: Query) -> None:
    kept.event(body=b"[1]")
    assert query("event", "evt-1", "--body-to", "-").out == "[1]"


def test_an_event_that_is_not_there_is_a_failure(kept: Kept, query: Query) -> None:
    ended = query("event", "evt-1")
    assert (ended.code, ended.out) == (1, "")
    assert "There is no event 'evt-1' of github, stripe." in ended.err


def test_of_two_sources_with_that_id_one_must_be_chosen(kept: Kept, query: Query) -> None:
    kept.event(source="github")
    kept.event(source="stripe")
    assert "(github, stripe): choose one with --source." in query("event", "evt-1").err
    assert query("event", "evt-1", "--source", "stripe", "--json").document["source"] == "stripe"


def test_a_table_that_is_not_there_is_a_failure(aws: None, query: Query) -> None:
    for command in (("events",), ("event", "evt-1")):
        ended = query(*command)
        assert (ended.code, ended.out) == (1, "")
        assert "There is no table webhook-test-events" in ended.err


def test_a_profile_that_is_not_there_is_wrong_usage(kept: Kept, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    ended = query("events", "--profile", "nobody")
    assert ended.code == 2
    assert "There is no AWS profile 'nobody'" in ended.err


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "User a is not authorized to perform b"}}, "Query")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (NoCredentialsError(), "There are no AWS credentials"),
        (refused("AccessDeniedException"), "AWS denies Query: User a is not authorized to perform b."),
        (refused("ExpiredTokenException"), "AWS does not accept the credentials (ExpiredTokenException)."),
        (refused("ThrottlingException"), "AWS answered Query with ThrottlingException"),
        (BotoCoreError(), "AWS can't be asked"),
    ],
)
def test_a_fault_of_aws_is_one_sentence(
    kept: Kept, query: Query, monkeypatch: pytest.MonkeyPatch, fault: Exception, sentence: str
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(Table, "newest", fail)
    ended = query("events")
    assert (ended.code, ended.out) == (1, "")
    assert sentence in ended.err
    assert len(ended.err.splitlines()) == 1
