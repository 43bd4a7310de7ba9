"""Run a command that never outlives this process, not even when this process is killed.

`leashed` starts `python -m webhookctl.local.leash COMMAND...`, which starts the command as a process group of its own,
and ends the whole group when its standard input ends: this process holds the other end of that pipe, and the system
closes it in any case. Terraform needs it, because its provider is a process of its own that goes on when Terraform is
killed.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

Output = int | IO[str]


@contextmanager
def leashed(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    folder: Path,
    stdout: Output = subprocess.PIPE,
    stderr: Output = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[str]]:
    """The command, running in `folder`; leaving the block kills what still runs of it. Ctrl-C does not reach it."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "webhookctl.local.leash", *map(str, command)],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            let_go(process)


def let_go(process: subprocess.Popen[str]) -> None:
    """Close the standard input of a process that ends with it, and wait until it has."""
    if process.stdin:
        process.stdin.close()
        process.stdin = None
    process.wait()


def main() -> int:
    """Run the command given as arguments; its exit code is this one's."""
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True) as command:
        threading.Thread(target=_kill_with_standard_input, args=(command.pid,), daemon=True).start()
        code = command.wait()
    return code if code >= 0 else 128 - code


def _kill_with_standard_input(group: int) -> None:
    sys.stdin.buffer.read()
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    # Not sys.exit: the thread that reads standard input holds its lock, which the interpreter's end would wait for.
    status = main()
    sys.stdout.flush()
    os._exit(status)
