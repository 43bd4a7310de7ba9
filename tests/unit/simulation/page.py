"""The made parts of docs/scale.md: `python -m tests.unit.simulation.page` writes them, and draws its pictures."""

import contextlib
import io
import os
import re
import shlex
import statistics
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.unit.simulation.recordings import NAMES, read_recording, scenario_of
from webhookctl.cli import main
from webhookctl.cost import MILLION, bill, fixed_per_month, read_design, read_prices, traced_share
from webhookctl.simulation.result import Result
from webhookctl.simulation.run import simulate

PROJECT = Path(__file__).parents[3]
FILE = PROJECT / "docs" / "scale.md"

RUNS = 11
WIDTH = 130
COMMANDS = ("cold", "warm", "peak", "backend", "failing")

MEASURES: dict[str, Callable[[Result], float]] = {
    "accepted": lambda result: result.accepted,
    "refused": lambda result: result.refused,
    "done": lambda result: result.done,
    "p50_seconds": lambda result: result.delays_seconds["p50"] or 0.0,
    "p95_seconds": lambda result: result.delays_seconds["p95"] or 0.0,
    "p99_seconds": lambda result: result.delays_seconds["p99"] or 0.0,
    "drain_seconds": lambda result: result.drain_seconds,
    "peak_messages_in_flight": lambda result: result.peak_in_flight,
    "peak_invocations": lambda result: result.peak_processors,
    "peak_waiting": lambda result: result.peak_waiting,
}


def part(text: str, name: str) -> str:
    """What is between the markers."""
    return text.partition(f"<!-- made: {name} -->\n")[2].partition("<!-- end -->")[0]


def with_part(text: str, name: str, content: str) -> str:
    before, marker, rest = text.partition(f"<!-- made: {name} -->\n")
    return before + marker + content + "<!-- end -->" + rest.partition("<!-- end -->")[2]


def command(text: str, name: str) -> Sequence[str]:
    """The arguments of the command that is shown there."""
    (line,) = re.findall(r"^\$ webhookctl (.*)$", part(text, name), re.MULTILINE)
    return shlex.split(line)


def shown(arguments: Sequence[str]) -> str:
    """The part of a command: what was typed, and what it says."""
    return f"```console\n$ webhookctl {shlex.join(arguments)}\n{_folded(_said(arguments))}```\n"


def without_plot(arguments: Sequence[str]) -> Sequence[str]:
    place = arguments.index("--plot")
    return [*arguments[:place], *arguments[place + 2 :]]


def month() -> str:
    """What a billion webhooks cost in a month, by service."""
    webhooks, prices = 1_000 * MILLION, read_prices()
    design = replace(read_design("this"), traced_share=traced_share(webhooks))
    rows = sorted(bill(design, prices, webhooks).items(), key=lambda row: -row[1])
    total = sum(usd for _, usd in rows) + sum(fixed_per_month(prices, 1).values())
    lines = [f"| {service} | {usd:,.0f} |\n" for service, usd in rows]
    return f"| $ a month | |\n|---|---:|\n{''.join(lines)}| **with what a lane costs anyhow** | **{total:,.0f}** |\n"


def recordings() -> str:
    """The local stack, the median of the simulator's runs, and their ratio."""
    return "| burst | | local stack | simulator | ratio |\n|---|---|---:|---:|---:|\n" + "".join(_recorded_rows())


def medians(name: str) -> dict[str, float]:
    """Of several runs of a recording: durations and failures are drawn by chance, as they came by chance then."""
    scenario = scenario_of(read_recording(name))
    results = [simulate(scenario, seed) for seed in range(RUNS)]
    return {measure: statistics.median(of(result) for result in results) for measure, of in MEASURES.items()}


def _recorded_rows() -> Iterator[str]:
    for name in NAMES:
        outcome, simulated = read_recording(name)["outcome"], medians(name)
        for measure in (
            "accepted",
            "refused",
            "p50_seconds",
            "p99_seconds",
            "drain_seconds",
            "peak_messages_in_flight",
        ):
            was, is_ = outcome[measure], simulated[measure]
            if was:
                label = measure.replace("_seconds", ", s").replace("_", " ")
                yield f"| {name} | {label} | {was:,.4g} | {is_:,.4g} | {is_ / was:.2f} |\n"


def _said(arguments: Sequence[str]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.chdir(PROJECT):
        if main(list(arguments)) != 0:
            raise ValueError(f"{shlex.join(arguments)} failed")
    return out.getvalue()


def _folded(text: str) -> str:
    return "".join(
        f"{os.linesep.join(textwrap.wrap(line, WIDTH, drop_whitespace=True)) if len(line) > WIDTH else line}\n"
        for line in text.splitlines()
    )


def write() -> None:
    text = FILE.read_text(encoding="utf-8")
    for name in COMMANDS:
        text = with_part(text, name, shown(command(text, name)))
    text = with_part(text, "month", month())
    text = with_part(text, "recordings", recordings())
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
