"""Figures as a table for people, as Markdown for the docs, and as JSON."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.figure import Figure

HEADINGS = ("", "figure", "ours", "baseline", "ratio", "to reach", "reached", "spread")
DISTRIBUTIONS = {
    "boto3": "boto3",
    "powertools": "aws-lambda-powertools",
    "aws-xray-sdk": "aws-xray-sdk",
    "awslambdaric": "awslambdaric",
    "stripe": "stripe",
    "standardwebhooks": "standardwebhooks",
    "slack-sdk": "slack-sdk",
    "http-message-signatures": "http-message-signatures",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What was measured, when, and with what."""

    figures: Sequence[Figure]
    rounds: int
    seconds: float
    about: Mapping[str, Any]


def about(zips_have_bytecode: Mapping[str, bool]) -> dict[str, Any]:
    """Date, versions, and the machine."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(distribution) for name, distribution in DISTRIBUTIONS.items()},
        "cpu_count": os.cpu_count(),
        "machine": platform.machine(),
        "system": sys.platform,
        "zips_have_bytecode": dict(zips_have_bytecode),
        "runtime_has_bytecode": True,
    }


def rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """A row for each figure, as `HEADINGS` say."""
    return [_row(figure) for figure in figures]


def table(figures: Sequence[Figure]) -> str:
    """Columns of text, aligned."""
    lines = [HEADINGS, *rows(figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown(run: Run) -> str:
    """The table with what it was measured with, for docs/performance.md."""
    # Without the codes by which figures are asked for: they are of no use to who reads.
    lines = [line[1:] for line in (HEADINGS, ("---",) * len(HEADINGS), *rows(run.figures))]
    texts = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{_sentence(run)}\n\n{texts}\n"


def as_json(run: Run) -> str:
    """All that is known, for machines."""
    figures = [dataclasses.asdict(figure) | {"reached": figure.reached} for figure in run.figures]
    fields = {**run.about, "rounds": run.rounds, "seconds": round(run.seconds, 1), "figures": figures}
    return json.dumps(fields, indent=2) + "\n"


def summary(figures: Sequence[Figure]) -> str:
    """How many of the figures with a limit are reached, and which are not."""
    limited = [figure for figure in figures if figure.reached is not None]
    missed = [f"{figure.code} {figure.name}" for figure in limited if not figure.reached]
    text = f"{len(limited) - len(missed)} of {len(limited)} figures reached"
    return f"{text}; not: {'; '.join(missed)}" if missed else text


def _sentence(run: Run) -> str:
    known = run.about
    versions = ", ".join(f"{name} {known[name]}" for name in ("boto3", "powertools", "awslambdaric", "aws-xray-sdk"))
    compiled = [name for name, has in known["zips_have_bytecode"].items() if has]
    bytecode = f"bytecode in the zips of {' and '.join(compiled)}" if compiled else "no bytecode in the zips"
    return (
        f"Measured on {known['date'][:10]}: Python {known['python']}, {versions}, {known['cpu_count']} cores "
        f"({known['machine']}), {run.rounds} rounds; {bytecode}, as in what the runtime brings along."
    )


def _row(figure: Figure) -> tuple[str, ...]:
    ratio, limit = figure.ratio, figure.limit
    has_spread = ratio is not None and ratio.least != ratio.most
    return (
        figure.code,
        figure.name,
        _amount(figure.ours, figure.unit),
        "" if figure.baseline is None else f"{_amount(figure.baseline, figure.unit)} {figure.baseline_name}".strip(),
        "" if ratio is None else _number(ratio.median),
        "" if limit is None else f"<= {_number(limit) if figure.limited == 'ratio' else _amount(limit, figure.unit)}",
        {None: "", True: "yes", False: "NO"}[figure.reached],
        f"{_number(ratio.least)}-{_number(ratio.most)}" if ratio is not None and has_spread else "",
    )


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value:,.0f} bytes"
    return f"{_number(value)} {unit.removesuffix('s') if value == 1 and unit not in ('ms', 'us') else unit}"


def _number(value: float) -> str:
    """Three digits that mean something; a whole number as it is."""
    if value == int(value):
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"
