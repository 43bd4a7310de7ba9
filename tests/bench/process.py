"""A process of its own, in an environment as Lambda makes it: what it cost, all of it, from start to end."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.ratio import Sample

REGION = "eu-central-1"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


def lambda_environment(task_root: Path, libraries: Path, handler: str, variables: Mapping[str, str]) -> dict[str, str]:
    """What Lambda sets, and a function's own variables. `libraries` is what its runtime brings along.

    Lambda Developer Guide, "Defined runtime environment variables". Without LAMBDA_TASK_ROOT aws-xray-sdk makes a
    botocore client when it is imported, which no Lambda ever sees.
    """
    return {
        "_HANDLER": handler,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "webhook-bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/webhook-bench",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_SESSION_TOKEN": "session",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_RUNTIME_DIR": str(libraries),
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(libraries),
        "TZ": ":UTC",
        **variables,
    }


def start(arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """This interpreter without site-packages, and without writing bytecode: in Lambda a package is read-only."""
    return subprocess.Popen(
        [sys.executable, "-S", "-B", *arguments],
        cwd=environment["LAMBDA_TASK_ROOT"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the bench, which ends its processes itself
    )


def ended(process: "subprocess.Popen[bytes]", began: float, *, killed: bool = False) -> Sample:
    """What the process and its children cost until it ended. Raises RuntimeError when it failed."""
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not killed:
        raise RuntimeError(
            f"a measured process ended with {process.returncode}: {said.decode(errors='replace')[-2000:]}"
        )
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": wall}


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Sample:
    """Start to end."""
    began = time.perf_counter()
    process = start(arguments, environment)
    try:
        return ended(process, began)
    except BaseException:
        if process.returncode is None:
            process.kill()
            process.wait()
        raise
