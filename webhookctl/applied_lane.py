"""A source's limits as they were applied: from its environment's state, which has more than the outputs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webhookctl.cache import cache_directory
from webhookctl.environment import LOCAL, ask_terraform, find_directory
from webhookctl.failure import Failure, WrongUsage
from webhookctl.local.state import State, StateError, parse_state, read_state


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedLane:
    """What limits one source. `retry_delays_seconds` is None for a lane that only stores."""

    rate_per_second: float
    burst: float
    max_concurrency: int
    batch_size: int
    window_seconds: float
    timeout_seconds: float
    visibility_seconds: float
    retention_seconds: float
    max_receive_count: int
    retry_delays_seconds: tuple[float, ...] | None
    retry_jitter: bool = False


def read_lane(source: str, env: str, profile: str | None = None) -> AppliedLane:
    """The limits of a source of `--env`: of `local`, as its environment was last applied. Raises Failure."""
    state = _local_state() if env == LOCAL else _terraform_state(find_directory(env), profile)
    outputs = state.outputs.get("sources") or {}
    if source not in outputs:
        raise WrongUsage(f"There is no source {source!r} in {env}; there are {', '.join(sorted(outputs))}.")
    try:
        return lane_of(state, source, outputs[source])
    except (KeyError, TypeError, ValueError, StopIteration):
        raise Failure(f"The state of {env} is not that of this version of the project: apply it again.") from None


def lane_of(state: State, source: str, output: Mapping[str, Any]) -> AppliedLane:
    """From what Terraform knows of the source's resources. Raises WrongUsage for a FIFO lane, which has other rules."""
    queue_name = str(output["queue_url"]).rsplit("/", 1)[1]
    if queue_name.endswith(".fifo"):
        raise WrongUsage(f"{source} has a FIFO queue, which is not simulated: its groups, not its limits, decide.")
    queue = _find(state, "aws_sqs_queue", name=queue_name)
    function = _find(state, "aws_lambda_function", function_name=output["function_name"])
    mapping = _find(state, "aws_lambda_event_source_mapping", event_source_arn=queue["arn"])
    route = _find(state, "aws_api_gateway_method_settings", method_path=f"~1webhooks~1{source}/POST")["settings"][0]
    retry = json.loads(function["environment"][0]["variables"].get("RETRY", "null"))
    return AppliedLane(
        rate_per_second=float(route["throttling_rate_limit"]),
        burst=float(route["throttling_burst_limit"]),
        max_concurrency=int(mapping["scaling_config"][0]["maximum_concurrency"]),
        batch_size=int(mapping["batch_size"]),
        window_seconds=float(mapping.get("maximum_batching_window_in_seconds") or 0),
        timeout_seconds=float(function["timeout"]),
        visibility_seconds=float(queue["visibility_timeout_seconds"]),
        retention_seconds=float(queue["message_retention_seconds"]),
        max_receive_count=int(json.loads(queue["redrive_policy"])["maxReceiveCount"]),
        retry_delays_seconds=tuple(map(float, retry["delays_seconds"])) if retry else None,
        retry_jitter=bool(retry and retry["jitter"]),
    )


def _find(state: State, type_: str, **having: Any) -> Mapping[str, Any]:
    return next(
        resource.values
        for resource in state.resources(type_)
        if all(resource.values.get(name) == value for name, value in having.items())
    )


def _local_state() -> State:
    """What `webhookctl local up` used last."""
    kept = {path: path.parent.stat().st_mtime_ns for path in cache_directory().glob("*/state.json")}
    if not kept:
        raise Failure(
            "Nothing was applied on this machine yet: run webhookctl local up, or name an environment with --env."
        )
    try:
        return read_state(max(kept, key=lambda path: kept[path]))
    except StateError as error:
        raise Failure(str(error)) from None


def _terraform_state(directory: Path, profile: str | None) -> State:
    text = ask_terraform(directory, ("show", "-json", "-no-color"), "the state", profile)
    try:
        return parse_state(json.loads(text), directory)
    except (ValueError, StateError):
        raise Failure(
            f"{directory} has no state, so it was not applied yet: terraform -chdir={directory} apply"
        ) from None
