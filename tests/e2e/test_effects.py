"""Lanes with an effect on the local stack: the built zips, a real PostgreSQL, partners on loopback, and a killer."""

import asyncio
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp

from processor.store import stored_body
from tests.bench.lanes import CONCURRENCY, FAILING, SLOW, THIRD, run, shared
from tests.e2e.client import Client
from tests.e2e.conftest import StartStack, changed, environment_of, items_of
from webhookctl.events import Table, find_only
from webhookctl.local.state import State


async def test_each_event_has_one_effect_while_processors_are_killed(state: State, tmp_path: Path) -> None:
    seen = await run(state, shared(240), 20, kill=True, cache_dir=tmp_path)
    assert seen.kills > 5
    assert seen.distinct_effects == seen.sent
    assert seen.states == {lane: {"done": count} for lane, count in seen.sent.items()}
    assert seen.ledger_rows == seen.sent[THIRD]  # the marker and the row are one transaction: none twice
    assert seen.dead_lettered == 0
    assert (seen.peak_connections, seen.refused_connections) == (CONCURRENCY[THIRD], 0)
    assert all(seen.peak_invocations[lane] <= CONCURRENCY[lane] for lane in (SLOW, FAILING, THIRD))


async def test_events_of_one_group_are_processed_in_their_order_and_groups_do_not_wait_for_each_other(
    start_stack: StartStack,
) -> None:
    async with start_stack() as stack, aiohttp.ClientSession() as session:
        client = Client(stack, session)
        for number in range(12):
            body = json.dumps({"type": "t", "data": {"ticket_id": f"ticket-{number % 3}"}, "n": number}).encode()
            status, _ = await client.deliver("tickets", body, f"evt-{number}")
            assert status == 200
        await stack.idle()
        found = [item for item in await items_of(stack) if item["source"]["S"] == "tickets"]
    stored: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for item in found:
        body = json.loads(stored_body(item))
        stored[body["data"]["ticket_id"]].append((int(item["stored_at_ms"]["N"]), body["n"]))
    assert {group: len(events) for group, events in stored.items()} == {f"ticket-{n}": 4 for n in range(3)}
    assert all([number for _, number in sorted(events)] == sorted(n for _, n in events) for events in stored.values())


async def test_a_body_above_what_one_item_holds_is_read_back_byte_for_byte(
    state: State, start_stack: StartStack
) -> None:
    def larger(values: dict[str, Any]) -> None:
        values["max_message_size"] = 1_048_576

    body = random.Random(1).randbytes(770_000)  # noqa: S311
    async with start_stack(changed(state, "aws_sqs_queue", larger)) as stack, aiohttp.ClientSession() as session:
        client = Client(stack, session)
        status, _ = await client.deliver("github", body, "large")
        assert status == 200
        await stack.idle()
        environment = environment_of(stack)
        table = Table(environment.dynamodb(), environment.table_name)
        record = await asyncio.to_thread(find_only, table, ["github"], "large")
    assert record.entry.body == body
