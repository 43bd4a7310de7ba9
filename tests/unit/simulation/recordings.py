"""The bursts that tests/bench/record.py recorded, as scenarios of what the local stack is.

The stack differs from AWS where the model has a parameter: its mapping has all of its places from the start and gathers
one batch at a time, its account has no limits, and everything was warm. Nothing is different from burst to burst.
"""

import json
from collections.abc import Mapping as Document
from pathlib import Path
from typing import Any

from webhookctl.simulation.arrivals import recorded
from webhookctl.simulation.duration import Constant, Measured
from webhookctl.simulation.scenario import (
    Account,
    Authorizer,
    Mapping,
    Processor,
    Queue,
    Retry,
    Scenario,
    Throttle,
)

FOLDER = Path(__file__).parents[2] / "data" / "bursts"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def read_recording(name: str) -> Document[str, Any]:
    document: Document[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return document


def scenario_of(recording: Document[str, Any]) -> Scenario:
    given = recording["parameters"]
    return Scenario(
        arrivals=recorded(recording["arrivals_seconds"]),
        route=Throttle(rate_per_second=given["rate_per_second"], burst=given["burst"]),
        account=Account(throttle=Throttle(rate_per_second=1e6, burst=1e6), concurrency=10**6, new_environments=10**6),
        authorizer=Authorizer(duration=Measured(recording["answer_seconds"]), cold_start_seconds=0.0, send_seconds=0.0),
        queue=Queue(visibility_seconds=given["visibility_seconds"]),
        mapping=Mapping(
            max_concurrency=given["max_concurrency"],
            batch_size=given["batch_size"],
            window_seconds=given["window_seconds"],
            initial_concurrency=given["max_concurrency"],
            growth_per_minute=0,
            pollers=1,
        ),
        processor=Processor(
            call=Constant(0.0),
            # What an invocation took is divided evenly among its events.
            handler=Measured([seconds / count for count, seconds in recording["invocations"] for _ in range(count)]),
            cold_start_seconds=0.0,
            failure_probability=given["failure_share"],
            timeout_seconds=given["timeout_seconds"],
        ),
        retry=Retry(delays_seconds=(given["retry_delay_seconds"],) * 20),
    )
