import os
import subprocess
import sys
from pathlib import Path

import pytest

from webhookctl.local.leash import leashed

# A process that runs a command on a leash, with its own standard output.
HOLDER = """
import os, sys
from pathlib import Path
from webhookctl.local.leash import leashed
command = [sys.executable, "-c", sys.argv[1]]
with leashed(command, environment=os.environ, folder=Path.cwd(), stdout=sys.stdout) as command:
    command.wait()
"""
# A command with a child of its own, as Terraform has its provider; both write to the same pipe.
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("started", flush=True)
time.sleep(600)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(("code", "expected"), [("print('out')", 0), ("raise SystemExit(3)", 3)])
def test_output_and_exit_code_are_the_commands(tmp_path: Path, code: str, expected: int) -> None:
    with leashed(python(code), environment=os.environ, folder=tmp_path) as command:
        output = command.stdout.read() if command.stdout else ""
        status = command.wait()

    assert (output, status) == ("out\n" if expected == 0 else "", expected)


def test_a_command_that_a_signal_ended_has_the_exit_code_of_shells(tmp_path: Path) -> None:
    with leashed(python("import os; os.kill(os.getpid(), 9)"), environment=os.environ, folder=tmp_path) as command:
        assert command.wait() == 128 + 9


def test_it_runs_in_its_folder_with_its_environment_and_without_input(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['NAME'], repr(sys.stdin.read()))"
    with leashed(python(code), environment={**os.environ, "NAME": "value"}, folder=tmp_path) as command:
        output = command.stdout.read() if command.stdout else ""

    assert output.split() == [str(tmp_path), "value", "''"]


def test_leaving_the_block_ends_the_command_and_its_children(tmp_path: Path) -> None:
    with leashed(python(FAMILY), environment=os.environ, folder=tmp_path) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "started\n"
        output = os.dup(command.stdout.fileno())

    # Command and child share this pipe: that it ends says that neither is left to write to it.
    with os.fdopen(output) as rest:
        assert rest.read() == ""
    assert command.returncode == 128 + 9


def test_killing_this_process_ends_the_command_and_its_children(tmp_path: Path) -> None:
    with subprocess.Popen([*python(HOLDER), FAMILY], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "started\n"
        holder.kill()

        # All of them share this pipe: that it ends says that none is left to write to it.
        assert holder.stdout.read() == ""
