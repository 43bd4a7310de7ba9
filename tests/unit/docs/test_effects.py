"""The handler that docs/effects.md shows does what the page says, in a lane of its own."""

import re
from pathlib import Path

import pytest

from processor.event import Outcome
from processor.handling import Handle
from tests.unit.processor.conftest import Bench, bench, processed  # noqa: F401 - the fixture
from tests.unit.processor.records import record

PAGE = Path(__file__).parents[3] / "docs" / "effects.md"


@pytest.fixture
def shown() -> Handle:
    """The page's first Python example."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Handle] = {}
    exec(compile(code, "docs/effects.md", "exec"), names)  # noqa: S102
    return names["handle"]


@pytest.mark.parametrize(
    ("body", "outcome", "said"),
    [
        (b'{"id": 1}', Outcome.DONE, None),
        (b'{"state": "draft"}', Outcome.REJECTED, "no order id"),
        (b'{"id": 1, "state": "draft"}', Outcome.WAITING, "still a draft"),
        (b"not JSON", Outcome.WAITING, "JSONDecodeError at raw_decode:"),
    ],
)
def test_the_handler_that_is_shown_does_what_is_said_of_it(
    bench: Bench,  # noqa: F811
    shown: Handle,
    body: bytes,
    outcome: Outcome,
    said: str | None,
) -> None:
    bench.handle = shown
    assert processed(record(body), bench.lane()).outcome is outcome
    assert bench.event().get("last_error", "").startswith(said or "")


@pytest.mark.parametrize("state", ["done", "rejected", "waiting", "exhausted", "running"])
def test_every_state_of_an_event_is_drawn(state: str) -> None:
    assert state in PAGE.read_text(encoding="utf-8").partition("## One effect, one attempt at a time")[2]


def test_what_it_says_of_numbers_is_what_the_code_has() -> None:
    from processor import attempt, circuit, queue, store

    page = PAGE.read_text(encoding="utf-8")
    for sentence in (
        f"less {attempt.RESERVED_MS // 1000} s",
        f"{attempt.CLOCK_SKEW_MS // 1000} s for clocks that differ",
        "Ten failed attempts in a row",
        f"After {circuit.FIRST_COOLDOWN_SECONDS} s one attempt is made",
        f"up to\n{circuit.MAX_COOLDOWN_SECONDS // 60} minutes",
        f"parts of\n{store.PART_BYTES:,} bytes",
        f"from {store.INLINE_BYTES_WITH_EFFECT // 1024} KB on",
    ):
        assert sentence in page
    assert circuit.FAILURES_TO_OPEN == 10
    assert queue.MAX_HIDDEN_SECONDS == 42_240
