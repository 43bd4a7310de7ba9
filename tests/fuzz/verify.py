"""Fuzzes the verifier and what stands before it: `python -m tests.fuzz.verify --seconds 30`.

Exit status 0: nothing came out but what their docstrings promise. 1: something did; the input is printed and saved.
2: atheris is not installed here.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from common.headers import gather
from common.scheme import preset
from tests.fuzz.case import SCHEMES, Case, read_case, write_case
from tests.unit.common.vectors import Vector, all_vectors

ROOT = Path(__file__).parents[2]
NOT_INSTALLED = "atheris, which does the fuzzing, is installed on Linux x86_64 alone"
MAX_INPUT_BYTES = 8192
MAX_SECONDS_PER_INPUT = 5
MAX_SHOWN = 2_000

LONG, DEEP = "v1=\x1d\x10a,\x1d=", "\x1d\x0e[\x1d"
"""Of 128 KB and of 16 KB, in the notation of a case; a mutation makes either longer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.verify")
    parser.add_argument("--seconds", type=int, default=30, help="how long to fuzz")
    parser.add_argument("--input", type=Path, help="try this one saved input, and no other")
    parser.add_argument("--plant", action="store_true", help="plant a fault, to see that it is found")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        _say(NOT_INSTALLED)
        return 2
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        inputs = options.input.resolve() if options.input else _corpus(directory)
        planted = ["--plant"] if options.plant else []
        status = _fuzz(inputs, directory, options.seconds, planted)
        return _report(directory) if status else 0


def _corpus(directory: Path) -> Path:
    corpus = directory / "corpus"
    corpus.mkdir()
    for number, case in enumerate(_cases()):
        (corpus / str(number)).write_bytes(write_case(case))
    return corpus


def _cases() -> Iterator[Case]:
    """The vectors, and a signed request of every scheme, with a secret in its encoding."""
    vectors = all_vectors()
    secrets = {preset(vector.scheme).key_encoding: vector.secret for vector in vectors}
    for vector in vectors:
        cut_short = {name: value[:-1] for name, value in vector.headers.items()}
        yield _case_of(vector)
        yield _case_of(replace(vector, headers=cut_short))
    for name, scheme in SCHEMES.items():
        secret = secrets[scheme.key_encoding]
        yield Case(name, secrets=[secret], headers={"content-type": ["application/json"]})
        yield Case(name, secrets=[secret, "[]"], body=b"id=1&type=2", headers={"content-length": ["7"]})
        yield Case(name, secrets=[f'["{secret}", "other"]'], headers={header: [LONG] for header in scheme.header_names})
        yield Case(name, secrets=[DEEP], body=DEEP.encode())
        for header in scheme.header_names:
            yield Case(name, secrets=[secret], headers={header: ["1", "2"], "content-type": ["application/json"]})


def _case_of(vector: Vector) -> Case:
    return Case(
        vector.scheme,
        signed=False,
        received_at=vector.received_at,
        secrets=[vector.secret],
        url=vector.url,
        body=vector.body,
        headers=gather(vector.headers.items()),
    )


def _fuzz(inputs: Path, directory: Path, seconds: int, planted: Sequence[str]) -> int:
    command = [
        *(sys.executable, "-m", "tests.fuzz.target", *planted),
        f"-max_total_time={seconds}",
        f"-timeout={MAX_SECONDS_PER_INPUT}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-artifact_prefix={directory}/found-",
        "-print_final_stats=1",
        str(inputs),
    ]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=seconds + 120).returncode


def _report(directory: Path) -> int:
    for path in directory.glob("found-*"):
        data = path.read_bytes()
        with tempfile.NamedTemporaryFile(prefix="fuzz-verify-", delete=False) as saved:
            saved.write(data)
        _say(f"found, and saved for --input as {saved.name}:\n{data!r}")
        _say(f"which stands for {read_case(data)!r:.{MAX_SHOWN}}")
    return 1


def _say(sentence: str) -> None:
    print(f"\n{sentence}", file=sys.stderr)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
