"""examples/email-events as its user runs it, and with processors that are killed at their work."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import PROJECT, changed
from webhookctl.cache import cache_directory
from webhookctl.local.state import State
from webhookctl.local.terraform import apply

EXAMPLE = PROJECT / "examples" / "email-events"
KILLS = 6


class Silent:
    def begin(self, what: str, total: int | None) -> None:
        pass

    def advance(self, answer: Any) -> None:
        pass


@pytest.fixture(scope="module")
def impatient() -> State:
    """The example, but what a killed processor had in its hands comes back in seconds instead of minutes."""
    state = apply(EXAMPLE, cache_directory()).state
    state = changed(state, "aws_sqs_queue", lambda queue: queue.update(visibility_timeout_seconds=10))
    return changed(state, "aws_lambda_function", lambda function: function.update(timeout=15))


def as_expected(lines: list[dict[str, Any]]) -> dict[str, int]:
    """What was found, by line; of events, everything was found as it was expected."""
    wrong = [line for line in lines if line["found"] != line["expected"] and not line["is_bound"]]
    assert wrong == []
    return {line["what"]: line["found"] for line in lines}


def assert_exact(found: dict[str, int]) -> None:
    counts = {what.partition(": ")[2]: count for what, count in found.items() if what.startswith("counted in")}
    assert set(counts) == {"open", "click", "spam_report"}
    assert min(counts.values()) > 0
    assert sum(counts.values()) == found["in DynamoDB: done"] == 300
    assert found["product views in PostgreSQL"] == counts["open"] + counts["click"]
    assert found["products with exactly their views"] == 20
    assert (found["in DynamoDB: rejected"], found["in DynamoDB: quarantined"]) == (2, 6)
    assert found["waited for a late product"] > 0
    assert found["accepted"] == 300 + 60 + 2 + 6


def test_one_command_counts_every_event_exactly_once_over_no_more_connections_than_the_lane_may_have() -> None:
    command = [sys.executable, str(EXAMPLE / "run.py"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    account = json.loads(done.stdout)
    found = as_expected(account["lines"])
    assert_exact(found)
    assert 1 <= found["connections at once"] <= 4
    assert found["connections refused"] == 0


async def test_the_counts_are_exact_when_processors_are_killed_in_between(impatient: State, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("email_events_run", EXAMPLE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    account = await run.rehearse(
        impatient, build_dir=PROJECT / "build", cache_dir=tmp_path, progress=Silent(), kills=KILLS
    )
    assert account.killed == KILLS
    assert_exact(as_expected([dataclasses.asdict(line) for line in account.lines]))
