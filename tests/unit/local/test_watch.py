import asyncio
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from processor.circuit import CircuitState
from webhookctl.local.function_error import FunctionError
from webhookctl.local.lane import Lane
from webhookctl.local.trouble import Trouble, troubles
from webhookctl.local.watch import MAX_TROUBLES, line, table, watch

GITHUB = Lane(
    source="github",
    accepted=1234,
    refused={"throttled": 10, "stale": 2},
    waiting=56,
    in_flight=1,
    maximum=2,
    peak=2,
    paused=False,
    stored=1100,
    duplicate=7,
    conflict=3,
    quarantined={"signature_mismatch": 4},
    failed=5,
    dead_lettered=6,
)


def a_lane(**changes: Any) -> Lane:
    return replace(GITHUB, **changes)


class FakeStack:
    """Shows these lanes; `looks` is how often it was asked."""

    def __init__(self, *lanes: Lane) -> None:
        self.current = lanes
        self.refused_elsewhere: Mapping[str, int] = {}
        self.without_postgres: Mapping[str, str] = {}
        self.open_circuits: dict[str, CircuitState] = {}
        self.start_faults: dict[str, FunctionError] = {}
        self.log_dir = Path("/logs")
        self.looks = 0

    def circuits(self) -> Mapping[str, CircuitState]:
        return self.open_circuits

    def lanes(self) -> Sequence[Lane]:
        self.looks += 1
        return self.current


NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
OPEN = CircuitState("open", int(NOW + 40) * 1000, int(NOW - 300) * 1000, 80, "http 503\x1b[2J")
PAUSED = CircuitState("paused", 0, int(NOW - 7_200) * 1000, 0, "http 410")
NOT_THERE = FunctionError("Runtime.ImportModuleError", "Unable to import module 'a': No module named 'orders.views'")


def in_trouble(
    circuits: Mapping[str, CircuitState] | None = None, faults: Mapping[str, FunctionError] | None = None
) -> Sequence[Trouble]:
    stack = FakeStack()
    stack.open_circuits, stack.start_faults = dict(circuits or {}), dict(faults or {})
    return troubles(stack, NOW)


def shown(
    width: int, *lanes: Lane, elsewhere: Mapping[str, int] | None = None, found: Sequence[Trouble] = ()
) -> list[str]:
    """The table's lines as they stand on a terminal."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(table(lanes, elsewhere or {}, width, found))
    return capture.get().splitlines()


def row(lines: list[str], name: str) -> list[str]:
    [found] = [line for line in lines if line.split()[:1] == [name]]
    return found.split()[1:]


@pytest.mark.parametrize("width", [80, 120])
def test_a_lanes_row_has_all_its_counts(width: int) -> None:
    expected = ["1234", "12", "56", "1/2", "(2)", "1100", "7", "3", "4", "5", "6"]
    assert row(shown(width, GITHUB), "github") == expected


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_or_wider_than_the_terminal(width: int) -> None:
    busy = a_lane(source="standard-webhooks", accepted=99_999, stored=99_998, waiting=99_997, duplicate=1234)
    lines = shown(width, GITHUB, busy)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)


def test_at_80_columns_large_counts_are_by_the_thousand_and_a_long_name_is_cut() -> None:
    lines = shown(80, a_lane(source="a-source-with-a-name-of-31-chars", accepted=1_234_567, stored=1_234_000))
    assert max(map(len, lines)) <= 80
    [found] = [line for line in lines if "a-source-with" in line]
    assert found.split()[0].endswith("…")
    assert found.split()[1] == "1234k"


def test_wide_headings_are_words_and_narrow_ones_are_explained() -> None:
    assert "quarantined" in shown(120, GITHUB)[1]
    assert "quar: quarantined" in "".join(shown(80, GITHUB))


@pytest.mark.parametrize("width", [80, 120])
def test_several_lanes_have_a_total(width: int) -> None:
    [total] = [line for line in shown(width, GITHUB, a_lane(source="slack")) if line.strip().startswith("all lanes")]
    assert total.split()[2:] == ["2468", "24", "112", "2", "2200", "14", "6", "8", "10", "12"]


def test_reasons_are_listed_most_frequent_first() -> None:
    lines = shown(120, GITHUB, elsewhere={"missing_authentication_token": 1})
    assert "refused: throttled 10, stale 2" in lines
    assert "refused, for no lane: missing_authentication_token 1" in lines
    assert "quarantined: signature_mismatch 4" in lines


@pytest.mark.parametrize("width", [80, 120])
def test_where_a_lane_has_an_effect_there_are_columns_for_what_it_did(width: int) -> None:
    orders = a_lane(source="orders", effect="postgres", stored=0, done=1100, rejected=9, retried=20)
    lines = shown(width, GITHUB, orders)
    assert row(lines, "orders") == ["1234", "12", "56", "1/2", "(2)", "0", "1100", "7", "3", "4", "9", "25", "6"]
    assert row(lines, "github") == ["1234", "12", "56", "1/2", "(2)", "1100", "0", "7", "3", "4", "0", "5", "6"]
    assert max(map(len, lines)) <= width


def test_where_no_lane_has_an_effect_nothing_is_said_of_effects() -> None:
    assert not {"done", "rejected"} & set(shown(120, GITHUB)[1].split())


def test_a_line_counts_what_effects_did() -> None:
    orders = a_lane(refused={}, waiting=0, in_flight=0, stored=0, effect="http", done=7, retried=2, quarantined={})
    assert line([orders], {}) == ("accepted 1234, stored 0, done 7, duplicate 7, conflict 3, failed 7, dead-lettered 6")


@pytest.mark.parametrize("is_terminal", [True, False])
async def test_lanes_that_wait_for_a_database_are_named_in_one_line_and_how_to_mend_it_in_the_next(
    is_terminal: bool,
) -> None:
    stack, stop, output = FakeStack(GITHUB), asyncio.Event(), io.StringIO()
    stack.without_postgres = {"orders": "webhook-dev/orders/postgres", "audit": "webhook-dev/audit/postgres"}
    stop.set()
    await watch(stack, stop, Console(file=output, force_terminal=is_terminal, width=40))
    assert output.getvalue().splitlines()[:2] == [
        (
            "Waiting for a PostgreSQL login: orders, audit "
            "(the secret webhook-dev/audit/postgres, webhook-dev/orders/postgres)"
        ),
        "Start with --postgres FILE to give one (its form: webhookctl local up --help)",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_an_open_circuit_is_told_above_the_counts_with_when_it_tries_again_and_why(width: int) -> None:
    lines = shown(width, GITHUB, found=in_trouble({"github": OPEN}))
    assert lines[0] == "github: circuit open for 5 min, next attempt in 40 s: http 503\\x1b[2J"
    assert row(lines, "github")


def test_a_circuit_whose_probe_is_due_waits_for_an_event() -> None:
    due = replace(OPEN, until_ms=int(NOW - 1) * 1000, error="")
    [found] = in_trouble({"github": due})
    assert found.for_now == "github: circuit open for 5 min, next attempt with the first event to be due"


def test_a_lane_that_its_backend_paused_is_told_with_the_command_that_resumes_it() -> None:
    [found] = in_trouble({"github": PAUSED})
    assert found.for_now == "github: paused for 2 h, until webhookctl resume github: http 410"


@pytest.mark.parametrize(
    "message",
    [
        "Unable to import module 'a': No module named 'orders.views'",
        "Unable to import module 'a': No module named 'orders.views'; 'orders' is not a package",
    ],
)
def test_a_function_that_does_not_start_is_told_with_its_type_what_is_missing_and_its_log(message: str) -> None:
    [found] = in_trouble(faults={"webhook-dev-github": FunctionError("Runtime.ImportModuleError", message)})
    assert (
        found.for_now
        == found.for_later
        == (
            "webhook-dev-github does not start: Runtime.ImportModuleError (No module named 'orders.views'), "
            "see /logs/webhook-dev-github.log"
        )
    )


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("cannot import name 'Handler' from 'orders' (/var/task/orders.py)", "(cannot import name 'Handler')"),
        ("Handler 'handle' missing on module 'processor.handler'", "(Handler 'handle' missing on module"),
    ],
)
def test_names_of_code_are_told_of_other_faults_too(message: str, told: str) -> None:
    [found] = in_trouble(faults={"name": FunctionError("Runtime.Fault", message)})
    assert told in found.for_now


@pytest.mark.parametrize("message", ["the key 'hunter2' is wrong", "No module named 'hunter2 x'", "hunter2"])
def test_of_a_fault_no_text_is_told_that_could_be_a_secret(message: str) -> None:
    [found] = in_trouble(faults={"name": FunctionError("ValueError", message)})
    assert found.for_now == "name does not start: ValueError, see /logs/name.log"


def test_what_is_told_of_a_fault_fits_a_narrow_terminal() -> None:
    lines = shown(80, GITHUB, found=in_trouble({"github": OPEN}, {"webhook-dev-github": NOT_THERE}))
    assert max(map(len, lines)) <= 80
    assert "/logs/webhook-dev-github.log" in "".join(lines)


def test_of_many_that_stand_still_some_are_told_and_the_others_counted() -> None:
    faults = {f"function-{number}": NOT_THERE for number in range(MAX_TROUBLES + 3)}
    lines = shown(200, GITHUB, found=in_trouble(faults=faults))
    assert sum("does not start" in line for line in lines) == MAX_TROUBLES
    assert lines[MAX_TROUBLES] == "and 3 more stand still"


def test_the_name_of_a_lane_that_stands_still_has_another_colour() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(table([GITHUB, a_lane(source="slack")], {}, 120, in_trouble({"slack": OPEN})))
    lines = capture.get().splitlines()
    assert [name for name in ("github", "slack") if any(f"\x1b[31m{name}" in text for text in lines[1:])] == ["slack"]


def test_a_paused_lane_says_so() -> None:
    assert "paused" in row(shown(80, a_lane(paused=True)), "github")


def test_a_line_leaves_out_what_is_zero() -> None:
    quiet = a_lane(refused={}, waiting=0, in_flight=0, duplicate=0, conflict=0, quarantined={}, failed=0)
    assert line([quiet], {"missing_authentication_token": 3}) == (
        "accepted 1234, refused 3, stored 1100, dead-lettered 6"
    )
    assert line([], {}) == "accepted 0, stored 0"


async def test_without_a_terminal_a_line_is_printed_when_something_changed() -> None:
    stack, stop, output = FakeStack(GITHUB), asyncio.Event(), io.StringIO()
    watching = asyncio.create_task(watch(stack, stop, Console(file=output, force_terminal=False, width=40)))
    while not output.getvalue():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    stack.current = (a_lane(stored=1101),)
    stop.set()
    await watching
    first, second = output.getvalue().splitlines()
    assert "stored 1100," in first
    assert "stored 1101," in second


async def test_without_a_terminal_nothing_is_printed_twice() -> None:
    stack, stop, output = FakeStack(GITHUB), asyncio.Event(), io.StringIO()
    stop.set()
    await watch(stack, stop, Console(file=output, force_terminal=False))
    assert len(output.getvalue().splitlines()) == 1


async def test_on_a_terminal_the_table_is_drawn_again_and_the_last_one_stays() -> None:
    stack, stop, output = FakeStack(GITHUB), asyncio.Event(), io.StringIO()
    console = Console(file=output, force_terminal=True, width=120, height=30)
    watching = asyncio.create_task(watch(stack, stop, console))
    while stack.looks < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    stack.current = (a_lane(stored=4321),)
    stop.set()
    await watching
    assert "4321" in output.getvalue()


async def test_without_a_terminal_what_stands_still_is_told_once_and_so_is_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webhookctl.local.watch.LINE_SECONDS", 0.001)
    stack, stop, output = FakeStack(GITHUB), asyncio.Event(), io.StringIO()
    stack.open_circuits = {"github": OPEN}
    stack.start_faults = {"webhook-dev-github": NOT_THERE}
    watching = asyncio.create_task(watch(stack, stop, Console(file=output, force_terminal=False, width=40)))
    while stack.looks < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    stack.open_circuits, stack.start_faults = {}, {}
    stop.set()
    await watching
    assert output.getvalue().splitlines()[1:] == [
        (
            "webhook-dev-github does not start: Runtime.ImportModuleError (No module named 'orders.views'), "
            "see /logs/webhook-dev-github.log"
        ),
        (
            "github: circuit open since 2027-01-15 07:55:00 UTC, next attempt from 2027-01-15 08:00:40 UTC on: "
            "http 503\\x1b[2J"
        ),
        "webhook-dev-github starts again",
        "github: circuit closed",
    ]


async def test_on_a_terminal_the_times_are_as_of_now() -> None:
    stack, stop, output = FakeStack(GITHUB), asyncio.Event(), io.StringIO()
    now_ms = int(time.time() * 1000)
    stack.open_circuits = {"github": replace(OPEN, until_ms=now_ms + 12_000_000, opened_at_ms=now_ms - 12_000_000)}
    stop.set()
    await watch(stack, stop, Console(file=output, force_terminal=True, width=120, height=30))
    assert "github: circuit open for 3 h, next attempt in 3 h" in output.getvalue()
