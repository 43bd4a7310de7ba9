"""docs/scale.md says what the simulator says. Where one of these fails: python -m tests.unit.simulation.page"""

import re
import xml.etree.ElementTree as ET

import pytest

from processor.store import LANE_SHARDS
from tests.unit.simulation import page
from webhookctl.simulation import finding
from webhookctl.simulation.scenario import Account, Mapping, Queue

TEXT = page.FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", page.COMMANDS)
def test_a_command_that_is_shown_says_what_is_shown(name: str) -> None:
    arguments = page.command(TEXT, name)
    plotted = page.shown(page.without_plot(arguments))
    assert (
        plotted.partition("\n$ ")[2].partition("\n")[2] == page.part(TEXT, name).partition("\n$ ")[2].partition("\n")[2]
    )


@pytest.mark.parametrize("name", page.COMMANDS)
def test_a_command_that_is_shown_has_drawn_the_picture_below_it(name: str) -> None:
    arguments = page.command(TEXT, name)
    path = arguments[arguments.index("--plot") + 1]
    assert f"]({path.removeprefix('docs/')})" in TEXT
    drawn = " ".join(ET.parse(page.PROJECT / path).getroot().itertext())  # noqa: S314 - of our own making
    delay = re.search(r"p50 .*", page.part(TEXT, name))
    assert "functions at once" in drawn
    assert (delay is None) == ("delay:" not in drawn)


def test_a_months_bill_is_that_of_the_prices() -> None:
    assert page.part(TEXT, "month") == page.month()


def test_the_recordings_are_compared_as_they_are() -> None:
    assert page.part(TEXT, "recordings") == page.recordings()


def test_the_limits_that_are_named_are_those_of_the_code() -> None:
    account, mapping = Account(), Mapping()
    for number in (
        f"{account.throttle.rate_per_second:,.0f}/s, burst {account.throttle.burst:,.0f}",
        f"{account.concurrency:,}",
        f"{account.new_environments:,} in {account.new_environments_seconds:.0f} s",
        f"{mapping.initial_concurrency} batches at once, and {mapping.growth_per_minute:.0f} more a minute",
        f"about {Queue().max_in_flight:,} for each queue",
        f"{finding.NEW_TABLE_UNITS_PER_SECOND:,} write units/s",
        f"{finding.TABLE_UNITS_PER_SECOND:,} units/s",
        f"{LANE_SHARDS * finding.PARTITION_UNITS_PER_SECOND:,} events/s of one source",
    ):
        assert number in TEXT, number


def test_what_the_summary_asks_for_is_what_the_simulation_does() -> None:
    summary, cold = TEXT.partition("## A load that begins")[0], page.part(TEXT, "cold")
    (warm,) = re.findall(r"keep ([\d,]+) authorizers warm", summary)
    assert f"keep {warm} authorizers warm" in cold.replace("\n", " ")
    (concurrency,) = re.findall(r"([\d,]+) for a load that begins at once, cold", summary)
    assert f'"Concurrent executions" of {concurrency}' in cold.replace("\n", " ")
    (processors,) = re.findall(r"(\d+) while it catches up", summary)
    assert re.search(rf"processors +{processors} ", cold)
