"""What an execution environment runs: code, handler and environment variables, from a function of the applied state."""

import datetime
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webhookctl.local.credentials import at_url, in_variables
from webhookctl.local.package import runtime_libraries, unpack

VERSION = "$LATEST"


@dataclass(frozen=True)
class Machine:
    """Where functions find things on this machine, in place of AWS's."""

    build_dir: Path
    cache_dir: Path
    log_dir: Path
    aws_endpoint_url: str


@dataclass(frozen=True)
class Program:
    """A handler, the folder of its package and all of its environment variables but the Runtime API's address."""

    handler: str
    task_root: Path
    variables: Mapping[str, str]
    timeout_seconds: int


def program(function: Mapping[str, Any], machine: Machine, trace_address: str) -> Program:
    """The program of an `aws_lambda_function`, its package unpacked. Raises MissingPackage."""
    task_root = unpack(machine.build_dir / Path(function["filename"]).name, machine.cache_dir)
    return Program(
        handler=function["handler"],
        task_root=task_root,
        variables={
            **_deployed(function),
            **_set_by_lambda(function, task_root),
            **_local(machine, trace_address),
            **(at_url(machine.aws_endpoint_url) if _has_snapshots(function) else in_variables()),
        },
        timeout_seconds=int(function["timeout"]),
    )


def log_stream_name(today: datetime.date) -> str:
    """The name of a new execution environment's log stream, in Lambda's form."""
    return f"{today:%Y/%m/%d}/[{VERSION}]{secrets.token_hex(16)}"


def _deployed(function: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for block in function.get("environment") or [] for name, value in block["variables"].items()}


def _set_by_lambda(function: Mapping[str, Any], task_root: Path) -> dict[str, str]:
    """Lambda Developer Guide, "Defined runtime environment variables", and those that its X-Ray page adds."""
    logging: Mapping[str, Any] = next(iter(function.get("logging_config") or []), {})
    name: str = function["function_name"]
    region = function["arn"].split(":")[3]
    return {
        "_HANDLER": function["handler"],
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function['runtime']}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["memory_size"]),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": function["version"] if _has_snapshots(function) else VERSION,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",  # here each environment is initialised, with snapshots too
        "AWS_LAMBDA_LOG_FORMAT": logging.get("log_format") or "Text",
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("log_group") or f"/aws/lambda/{name}",
        "AWS_REGION": region,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
        **({"AWS_LAMBDA_LOG_LEVEL": logging["application_log_level"]} if logging.get("application_log_level") else {}),
    }


def _local(machine: Machine, trace_address: str) -> dict[str, str]:
    """Where the same variables must differ here, and the one that sends boto3 to the local stack."""
    libraries = str(runtime_libraries(machine.cache_dir))
    return {
        "AWS_ENDPOINT_URL": machine.aws_endpoint_url,
        "AWS_XRAY_DAEMON_ADDRESS": trace_address,
        "LAMBDA_RUNTIME_DIR": libraries,
        "PYTHONPATH": libraries,
    }


def _has_snapshots(function: Mapping[str, Any]) -> bool:
    """Whether it starts from snapshots, for which modules/function publishes it: moto forgets `snap_start` itself."""
    return bool(function.get("publish"))
