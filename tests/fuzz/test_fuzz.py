import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.case import MAX_FIELD_BYTES, Case, read_case, write_case
from tests.fuzz.verify import NOT_INSTALLED, main

ROOT = Path(__file__).parents[2]
INSTRUMENTED = ("common.signature", "common.json_web_token", "common.message_signature", "authorizer.decision")

needs_atheris = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason=NOT_INSTALLED)


Fuzz = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def fuzz(tmp_path: Path) -> Fuzz:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.fuzz.verify", *arguments]
        environ = {**os.environ, "TMPDIR": str(tmp_path)}
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120)

    return run


@needs_atheris
def test_nothing_but_its_own_refusals_comes_out_of_the_verifier(fuzz: Fuzz) -> None:
    ended = fuzz("--seconds", "15")
    assert ended.returncode == 0, ended.stderr[-5_000:]
    assert all(f"Instrumenting {module}" in ended.stderr for module in INSTRUMENTED)
    executions = re.search(r"number_of_executed_units: (\d+)", ended.stderr)
    assert executions
    assert int(executions[1]) > 2_000
    covered = [int(count) for count in re.findall(r"cov: (\d+)", ended.stderr)]
    assert covered[0] > 300  # the seeds alone
    assert covered[-1] > covered[0]


@needs_atheris
def test_a_planted_fault_is_found_printed_and_saved(fuzz: Fuzz) -> None:
    ended = fuzz("--seconds", "60", "--plant")
    assert ended.returncode == 1
    found = re.search(r"saved for --input as (.+):\n(b['\"].*)\n", ended.stderr)
    assert found
    saved = Path(found[1])
    assert repr(saved.read_bytes()) == found[2]
    assert b"\xff" in read_case(saved.read_bytes()).body
    assert fuzz("--input", str(saved)).returncode == 0
    assert fuzz("--input", str(saved), "--plant").returncode == 1


def test_without_atheris_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main([]) == 2
    assert NOT_INSTALLED in capsys.readouterr().err


def test_a_case_comes_back_from_its_bytes() -> None:
    case = Case(
        "stripe",
        signed=False,
        received_at=5,
        secrets=["new", "old"],
        url="https://example.com/é",
        body=b"\x00\xff",
        headers={"stripe-signature": ["t=1", "v1=a\udcff"], "date": ["today"]},
    )
    assert read_case(write_case(case)) == case


def test_any_bytes_are_a_case_and_few_are_enough_for_a_megabyte() -> None:
    assert read_case(b"").body == b""
    assert len(read_case(b"hmac\x1e\x1e\x1e\x1e\x1e<\x1d\x14a\x1d>").body) == MAX_FIELD_BYTES + 2
