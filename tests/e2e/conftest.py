"""One apply of envs/dev by Terraform, then stacks that run from its state."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.altered import altered
from tests.e2e.client import Client
from webhookctl.cache import cache_directory
from webhookctl.environment import Environment, from_outputs
from webhookctl.local.stack import LocalStack
from webhookctl.local.state import State
from webhookctl.local.terraform import apply

PROJECT = Path(__file__).parents[2]

StartStack = Callable[..., AbstractAsyncContextManager[LocalStack]]


@pytest.fixture(scope="session")
def state() -> State:
    """The applied state; from the cache when none of Terraform's inputs changed since it was applied."""
    return apply(PROJECT / "envs" / "dev", cache_directory()).state


@pytest.fixture
def start_stack(state: State, tmp_path: Path) -> StartStack:
    """Starts a stack of the test's own, on a free port."""

    @asynccontextmanager
    async def start(applied: State = state, **options: Any) -> AsyncIterator[LocalStack]:
        async with LocalStack(applied, build_dir=PROJECT / "build", cache_dir=tmp_path, **options) as stack:
            yield stack

    return start


def changed(state: State, type_: str, change: Callable[[dict[str, Any]], None]) -> State:
    """The state as it would be with other values in the resources of one type."""

    def change_of_type(of_type: str, values: dict[str, Any]) -> None:
        if of_type == type_:
            change(values)

    return altered(state, change_of_type)


def environment_of(stack: LocalStack) -> Environment:
    return from_outputs(stack.outputs, "the stack under test", aws_endpoint_url=stack.aws_endpoint_url)


async def items_of(stack: LocalStack) -> list[Mapping[str, Any]]:
    """All webhooks in the table. In a thread, since the stack answers from this one."""
    environment = environment_of(stack)
    client = environment.dynamodb()

    def scan() -> list[Mapping[str, Any]]:
        return [
            item
            for page in client.get_paginator("scan").paginate(TableName=environment.table_name)
            for item in page["Items"]
            if "lane" in item  # not when a key was last used, nor what was a duplicate
        ]

    return await asyncio.to_thread(scan)


@pytest_asyncio.fixture
async def client(start_stack: StartStack) -> AsyncIterator[Client]:
    async with start_stack() as stack, aiohttp.ClientSession() as session:
        yield Client(stack, session)
