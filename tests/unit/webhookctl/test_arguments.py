from datetime import UTC, datetime, timedelta

import pytest

from webhookctl.arguments import read_header_lines, read_since
from webhookctl.failure import WrongUsage

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("1h", NOW - timedelta(hours=1)),
        ("2d", NOW - timedelta(days=2)),
        ("1w", NOW - timedelta(days=7)),
        ("2026-06-30", datetime(2026, 6, 30, tzinfo=UTC)),
        ("2026-06-30T08:00:00", datetime(2026, 6, 30, 8, tzinfo=UTC)),
        ("2026-06-30T08:00:00Z", datetime(2026, 6, 30, 8, tzinfo=UTC)),
        ("2026-06-30T08:00:00+02:00", datetime(2026, 6, 30, 6, tzinfo=UTC)),
    ],
)
def test_since_is_how_long_ago_or_a_time(text: str, moment: datetime) -> None:
    assert read_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "yesterday", "999999999w", "1h "[::-1]])
def test_any_other_since_is_wrong_usage(text: str) -> None:
    with pytest.raises(WrongUsage, match="neither like 30m"):
        read_since(text, NOW)


def test_headers_are_gathered_by_name_whatever_its_case() -> None:
    assert read_header_lines(["X-A: 1", "x-a:2 ", "X-B : a: b"]) == {"x-a": ["1", "2"], "x-b": ["a: b"]}
