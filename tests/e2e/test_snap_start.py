"""An environment whose functions start from snapshots: published, called under an alias, with credentials at a URL."""

from typing import Any

import aiohttp

from tests.e2e.client import Client
from tests.e2e.conftest import StartStack, changed, items_of
from webhookctl.local.state import State

SOURCES = ("github", "meetings", "partner", "tickets")
"""One that only stores, one with a handshake, one whose secret the authorizer reads, one in order."""


def with_snapshots(state: State) -> State:
    def publish(function: dict[str, Any]) -> None:
        function.update(publish=True, version="1")

    def call_alias(resource: dict[str, Any], name: str) -> None:
        if ":lambda:" in resource[name]:
            resource[name] = resource[name].replace("/invocations", ":live/invocations")

    state = changed(state, "aws_lambda_function", publish)
    state = changed(state, "aws_api_gateway_authorizer", lambda one: call_alias(one, "authorizer_uri"))
    state = changed(state, "aws_api_gateway_integration", lambda one: call_alias(one, "uri"))
    return changed(
        state, "aws_lambda_event_source_mapping", lambda one: one.update(function_arn=one["function_arn"] + ":live")
    )


async def test_webhooks_are_let_in_and_stored_as_without_snapshots(state: State, start_stack: StartStack) -> None:
    async with start_stack(with_snapshots(state)) as stack, aiohttp.ClientSession() as session:
        client = Client(stack, session)
        assert [(await client.deliver(source))[0] for source in SOURCES] == [
            stack.outputs["sources"][source]["success_status"] for source in SOURCES
        ]
        await stack.idle()
        stored = {item["source"]["S"]: item["outcome"]["S"] for item in await items_of(stack)}
        assert stored == dict.fromkeys(SOURCES, "stored")
