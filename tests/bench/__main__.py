"""How fast, how small and how cheap: against the usual ways to do the same, side by side on this machine.

usage: python -m tests.bench [--only FIGURE...] [--rounds 9] [--json FILE] [--picture FILE] [--markdown]

`--only G5 G7` measures these alone. `--markdown` measures nothing: it writes what was measured last into
docs/performance.md, and draws the picture beside it.
"""

import argparse
import contextlib
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from tests.bench import batches, calls, packages, starts
from tests.bench.figure import Figure
from tests.bench.plot import write as write_picture
from tests.bench.ratio import Spread
from tests.bench.report import Run, about, as_json, markdown, summary, table
from tests.bench.staging import BUILD, PROJECT, MissingZip, has_bytecode
from tests.bench.workshop import open_workshop

ROUNDS = 9
RESULT = BUILD / "bench.json"
PICTURE = BUILD / "bench.svg"
DOCUMENT = PROJECT / "docs" / "performance.md"
COMMITTED_PICTURE = PROJECT / "docs" / "pictures" / "bench.svg"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

CODES = (*starts.CODES, *calls.CODES, *batches.CODES, *packages.CODES)


def measure(codes: Sequence[str], rounds: int, say: Callable[[str], None], shuffler: random.Random) -> list[Figure]:
    """All figures of these codes, in the order of the codes."""
    figures = packages.measure(codes)
    if set(codes) - set(packages.CODES):
        with open_workshop() as workshop:
            for subject in (calls, starts, batches):
                if set(codes) & set(subject.CODES):
                    figures += subject.measure(workshop, codes, rounds, say, shuffler)
    return sorted(figures, key=lambda figure: ORDER.index(figure.code))


ORDER = sorted(CODES, key=lambda code: (not code.startswith("G"), int("".join(filter(str.isdigit, code)) or 0), code))


def read_run(file: Path) -> Run:
    """What `--json` wrote."""
    fields = json.loads(file.read_text(encoding="utf-8"))
    figures = [_figure(each) for each in fields.pop("figures")]
    return Run(figures, fields.pop("rounds"), fields.pop("seconds"), fields)


def _figure(fields: dict[str, object]) -> Figure:
    given = {name: value for name, value in fields.items() if name != "reached"}
    spread = given.pop("ratio")
    return Figure(**given, ratio=Spread(**spread) if isinstance(spread, dict) else None)  # type: ignore[arg-type]


def between_markers(text: str, content: str) -> str:
    """The document with that content between its markers. Raises ValueError where it has none."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"{BEGIN} and {END} must be in the document")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{content}{END}{rest.partition(END)[2]}"


def _say(text: str) -> None:
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{clear}{text}", end="" if clear else "\n", file=sys.stderr, flush=True)  # noqa: T201


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=ORDER, metavar="FIGURE", help=f"of {', '.join(ORDER)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"{ROUNDS} unless given")
    parser.add_argument("--seed", type=int, help="of the order within the rounds; another each time unless given")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result goes: build/bench.json")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where the picture goes: build/bench.svg")
    parser.add_argument("--markdown", action="store_true", help="write the last result into docs/")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    return given


def _run(given: argparse.Namespace) -> None:
    began = time.monotonic()
    figures = measure(given.only or ORDER, given.rounds, _say, random.Random(given.seed))  # noqa: S311
    if sys.stderr.isatty():
        _say("")
    known = about({package: has_bytecode(package) for package in ("authorizer", "processor")})
    run = Run(figures, given.rounds, time.monotonic() - began, known)
    given.json.write_text(as_json(run), encoding="utf-8")
    write_picture(figures, given.picture)
    print(table(figures))  # noqa: T201
    print(f"\n{summary(figures)}\n{given.json}, {given.picture}: {run.seconds:.0f} s")  # noqa: T201


def main(arguments: Sequence[str]) -> int:
    """The exit code. Figures that are not reached are no failure: they are what is to be seen."""
    given = _arguments(arguments)
    if given.markdown:
        run = read_run(given.json)
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(between_markers(text, markdown(run)), encoding="utf-8")
        COMMITTED_PICTURE.parent.mkdir(exist_ok=True)
        write_picture(run.figures, COMMITTED_PICTURE)
        return 0
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        _run(given)
    except MissingZip as missing:
        print(missing, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            print("\nstopped; nothing was written", file=sys.stderr)  # noqa: T201
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
