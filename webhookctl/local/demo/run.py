"""Runs the demonstration on a local stack: the published examples at their own time, then the mixed burst now."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.keys import read_keys
from common.scheme import preset
from webhookctl.environment import from_outputs
from webhookctl.local.demo.audit import Answer, Audit, audit
from webhookctl.local.demo.published import EXAMPLES
from webhookctl.local.demo.sending import Progress, send_all
from webhookctl.local.demo.traffic import Sender, burst
from webhookctl.local.lane import Lane
from webhookctl.local.stack import LocalStack
from webhookctl.local.state import State

BURST_SIZE = 2_000
SEED = 9421
# The source in envs/dev of each scheme that the burst is signed with.
BURST_SCHEMES: Mapping[str, str] = {
    "github": "github",
    "slack": "slack",
    "stripe": "stripe",
    "billing": "standard-webhooks",
}


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What was seen. `drained_seconds` is from the first request until the last lane was idle."""

    audit: Audit
    lanes: Sequence[Lane]
    accepted: int
    sent_seconds: float
    drained_seconds: float

    @property
    def problems(self) -> Sequence[str]:
        """A sentence for each promise that was broken."""
        exceeded = [
            f"{lane.source}: {lane.peak} processors at once, above the maximum of {lane.maximum}"
            for lane in self.lanes
            if lane.peak > lane.maximum
        ]
        dead = [f"{lane.source}: {lane.dead_lettered} dead-lettered" for lane in self.lanes if lane.dead_lettered]
        return [*self.audit.problems, *exceeded, *dead]


class Clock:
    """The time, or the moment at which a published example was fresh."""

    def __init__(self) -> None:
        self.set_to: float | None = None

    def __call__(self) -> float:
        """Epoch seconds."""
        return time.time() if self.set_to is None else self.set_to


async def demonstrate(
    state: State, *, build_dir: Path, cache_dir: Path, progress: Progress, burst_size: int = BURST_SIZE
) -> Demonstration:
    """Starts a stack of its own on a free port, sends, waits until all lanes are idle, and audits the table."""
    secrets = {example.delivery.source: example.secret for example in EXAMPLES}
    clock = Clock()
    async with LocalStack(state, build_dir=build_dir, cache_dir=cache_dir, secrets=secrets, clock=clock) as stack:
        answers = await _send_published(stack, clock, progress)
        deliveries = burst(_senders(stack), burst_size, time.time(), SEED)
        started = time.monotonic()
        progress.begin("Sending", len(deliveries))
        answers += await send_all(deliveries, _urls(stack), progress.advance)
        sent_seconds = time.monotonic() - started
        progress.begin("Draining", None)
        await stack.idle()
        drained_seconds = time.monotonic() - started
        lanes = stack.lanes()
        items = await asyncio.to_thread(_all_items, stack)
    accepted = sum(answer.is_accepted for answer in answers)
    return Demonstration(audit(answers, items), lanes, accepted, sent_seconds, drained_seconds)


async def _send_published(stack: LocalStack, clock: Clock, progress: Progress) -> list[Answer]:
    answers: list[Answer] = []
    progress.begin("Sending the published examples", len(EXAMPLES))
    for example in EXAMPLES:
        clock.set_to = example.delivery.at
        answers += await send_all([example.delivery], _urls(stack), progress.advance)
    clock.set_to = None
    return answers


def _senders(stack: LocalStack) -> list[Sender]:
    senders = []
    for source, name in BURST_SCHEMES.items():
        scheme = preset(name)
        senders.append(Sender(source, scheme, read_keys([stack.secrets[source]], scheme.key_encoding)[0]))
    return senders


def _urls(stack: LocalStack) -> dict[str, str]:
    return {source: output["url"] for source, output in stack.outputs["sources"].items()}


def _all_items(stack: LocalStack) -> list[Mapping[str, Any]]:
    environment = from_outputs(stack.outputs, "the demonstration", aws_endpoint_url=stack.aws_endpoint_url)
    pages = environment.dynamodb().get_paginator("scan").paginate(TableName=environment.table_name)
    return [item for page in pages for item in page["Items"]]
