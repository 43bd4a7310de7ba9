"""One request at a time, as a sender sees it."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from common.keyring import RETRY_SECONDS
from tests.e2e.client import BODY, Client
from tests.e2e.conftest import StartStack, changed, environment_of, items_of
from webhookctl.local.stack import LocalStack
from webhookctl.local.state import State


async def test_every_source_is_accepted_with_its_status_and_a_receipt_and_stored(client: Client) -> None:
    sources = client.stack.outputs["sources"]
    receipts = {}
    for source, output in sources.items():
        status, answer = await client.deliver(source)
        assert (source, status) == (source, output["success_status"])
        receipts[source] = answer.pop("id")
        assert answer == {}
    assert {output["success_status"] for output in sources.values()} == {200, 202}
    assert (await client.post("github"))[2]["Content-Type"] == "application/json"
    stored: dict[str, Mapping[str, Any]] = {}
    async with asyncio.timeout(120):
        while stored.keys() != sources.keys():  # not until all is done: lanes with an effect have no backend here
            stored = {item["source"]["S"]: item for item in await items_of(client.stack)}
    assert {source: item["request_id"]["S"] for source, item in stored.items()} == receipts
    assert {item["outcome"]["S"] for item in stored.values()} == {"stored"}


async def test_every_refusal_has_one_shape_with_a_reason_and_the_request_id(client: Client) -> None:
    github = client.headers("github")
    unsigned = {name: value for name, value in github.items() if name != "X-Hub-Signature-256"}
    untyped = {name: value for name, value in github.items() if name != "Content-Type"}
    large = b"x" * 220_000
    cases = [
        ("github", BODY, unsigned, 401, "UNAUTHORIZED", "missing_signature"),
        ("github", BODY, {**github, "X-Hub-Signature-256": "sha1=0"}, 403, "ACCESS_DENIED", "malformed_signature"),
        ("github", BODY, {**github, "Content-Type": "text/plain"}, 403, "ACCESS_DENIED", "unsupported_content_type"),
        ("github", BODY, untyped, 403, "ACCESS_DENIED", "missing_content_type"),
        ("partner", BODY, {**github, "X-Webhook-Token": "guess"}, 403, "ACCESS_DENIED", "signature_mismatch"),
        ("nobody", BODY, github, 404, "MISSING_AUTHENTICATION_TOKEN", "unknown_route"),
        ("github", large, client.headers("github", large), 413, "REQUEST_TOO_LARGE", "too_large"),
    ]
    for source, body, headers, status, error, reason in cases:
        got, answer, response_headers = await client.post(source, body, headers)
        assert (got, answer["error"], answer["reason"]) == (status, error, reason)
        assert answer.keys() == {"error", "reason", "request_id"}
        assert answer["request_id"]
        assert response_headers["Content-Type"] == "application/json"
    await client.stack.idle()
    assert await items_of(client.stack) == []


async def test_other_methods_are_no_routes(client: Client) -> None:
    for method in ("GET", "PUT", "DELETE"):
        status, answer, _ = await client.post("github", method=method)
        assert (status, answer["reason"]) == (404, "unknown_route")


async def test_a_stale_timestamp_is_refused_at_the_edge(client: Client) -> None:
    headers = {**client.headers("slack"), "X-Slack-Request-Timestamp": str(int(time.time()) - 301)}
    status, answer, _ = await client.post("slack", headers=headers)
    assert (status, answer["reason"]) == (403, "stale_timestamp")


async def test_headers_in_any_case_are_accepted(client: Client) -> None:
    for change in (str.lower, str.upper):
        headers = {change(name): value for name, value in client.headers("billing").items()}
        assert (await client.post("billing", headers=headers))[0] == 202


async def test_a_query_parameter_can_not_stand_in_for_a_header(client: Client) -> None:
    url = f"{client.stack.endpoint}/webhooks/github?X-Hub-Signature-256=sha256=00&head=e30"
    async with client.session.post(url, data=BODY, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 401
    async with client.session.post(url, data=BODY, headers=client.headers("github")) as response:
        assert response.status == 200
    await client.stack.idle()
    (item,) = await items_of(client.stack)
    assert item["outcome"]["S"] == "stored"


def slowed(values: dict[str, Any]) -> None:
    if values["method_path"].startswith("~1webhooks~1shopify/"):
        values["settings"][0] |= {"throttling_rate_limit": 1, "throttling_burst_limit": 10}


async def test_a_route_is_throttled_at_its_rate_and_burst_and_others_are_not(
    state: State, start_stack: StartStack
) -> None:
    slow_route = changed(state, "aws_api_gateway_method_settings", slowed)
    async with start_stack(slow_route) as stack, aiohttp.ClientSession() as session:
        client = Client(stack, session)
        headers = client.headers("shopify")
        started = time.monotonic()
        answers = await asyncio.gather(*(client.post("shopify", headers=headers) for _ in range(60)))
        most = 10 + 1 * (time.monotonic() - started) + 1
        statuses = [status for status, _, _ in answers]
        assert set(statuses) == {200, 429}
        assert 10 <= statuses.count(200) <= most
        refused = next(answer for status, answer, _ in answers if status == 429)
        assert (refused["error"], refused["reason"]) == ("THROTTLED", "throttled")
        assert (await client.post("github"))[0] == 200


def paused(values: dict[str, Any]) -> None:
    values["enabled"] = False


async def test_a_paused_lane_accepts_and_keeps_without_processing(state: State, start_stack: StartStack) -> None:
    stopped = changed(state, "aws_lambda_event_source_mapping", paused)
    async with start_stack(stopped) as stack, aiohttp.ClientSession() as session:
        client = Client(stack, session)
        for _ in range(3):
            assert (await client.post("github"))[0] == 200
        await asyncio.sleep(0.5)
        assert stack.backend.queues["webhook-dev-github"].counts()[0] == 3
        assert await items_of(stack) == []


def only_from_elsewhere(values: dict[str, Any]) -> None:
    policy = json.loads(values["policy"])
    (allow,) = policy["Statement"]
    deny = {
        **allow,
        "Effect": "Deny",
        "Resource": [each.removesuffix("*") + "github" for each in allow["Resource"]],
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}},
    }
    values["policy"] = json.dumps({**policy, "Statement": [allow, deny]})


async def test_an_address_that_is_not_allowed_is_refused_before_any_lambda(
    state: State, start_stack: StartStack
) -> None:
    listed = changed(state, "aws_api_gateway_rest_api_policy", only_from_elsewhere)
    async with start_stack(listed) as stack, aiohttp.ClientSession() as session:
        client = Client(stack, session)
        assert (await client.post("github"))[0] == 403
        assert stack.functions.function("webhook-dev-authorizer").peak_busy == 0
        assert (await client.post("slack"))[0] == 200


async def hide_for(stack: LocalStack, queue_url: str, seconds: int) -> None:
    attributes = {"VisibilityTimeout": str(seconds)}
    await stack.backend.sqs.call("SetQueueAttributes", {"QueueUrl": queue_url, "Attributes": attributes})


async def test_a_lane_without_a_secret_keeps_its_webhooks_until_they_can_be_redriven(client: Client) -> None:
    environment = environment_of(client.stack)
    secrets, source = environment.secrets_manager(), client.stack.outputs["sources"]["github"]
    queue = client.stack.backend.queues["webhook-dev-github"]
    dead_letter = client.stack.backend.queues["webhook-dev-github-dead-letter"]
    genuine = client.headers("github")

    def put(text: str) -> None:
        secrets.put_secret_value(SecretId=source["secret_name"], SecretString=text)

    # A secret that holds no key is a fault of ours: nothing is judged by it.
    good = client.stack.secrets["github"]
    await asyncio.to_thread(put, " ")
    await asyncio.to_thread(put, " ")  # neither as the current nor as the previous version
    await hide_for(client.stack, source["queue_url"], 1)  # not a minute, five times
    assert (await client.post("github", headers=genuine))[0] == 200
    async with asyncio.timeout(30):
        await client.stack.idle()
    assert dead_letter.counts()[0] == 1
    assert await items_of(client.stack) == []

    await asyncio.to_thread(put, good)
    await hide_for(client.stack, source["queue_url"], RETRY_SECONDS + 1)  # the secret is not read before
    await client.stack.backend.sqs.call("StartMessageMoveTask", {"SourceArn": dead_letter.arn})
    async with asyncio.timeout(30):
        while not await items_of(client.stack):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await client.stack.idle()
    (item,) = await items_of(client.stack)
    assert item["outcome"]["S"] == "stored"
    assert sum(queue.counts()) == sum(dead_letter.counts()) == 0


async def test_keys_overlap_while_a_secret_is_rotated(client: Client) -> None:
    environment = environment_of(client.stack)
    secret_name = client.stack.outputs["sources"]["github"]["secret_name"]
    before = client.headers("github", event_id="before")

    def rotate() -> None:
        environment.secrets_manager().put_secret_value(SecretId=secret_name, SecretString="rotated")

    await asyncio.to_thread(rotate)
    client.stack.secrets["github"] = "rotated"
    after = client.headers("github", event_id="after")
    for headers in (before, after):
        assert (await client.post("github", headers=headers))[0] == 200
    await client.stack.idle()
    items = await items_of(client.stack)
    assert {item["outcome"]["S"] for item in items} == {"stored"}
    assert len({item["key_id"]["S"] for item in items}) == 2


async def test_nothing_secret_is_logged(client: Client) -> None:
    headers = client.headers("github") | {"X-Private": "private-header"}
    await client.post("github", b"private-body", client.headers("github", b"private-body") | headers)
    await client.post("github", BODY, headers)
    await client.post("partner")
    await client.stack.idle()
    logs = "".join(file.read_text(encoding="utf-8") for file in client.stack.log_dir.iterdir())
    assert '"Stored"' in logs
    private = ["private-header", "private-body", 'evt-1"}', *client.stack.secrets.values()]
    private += [value for name, value in headers.items() if "Signature" in name]
    assert [text for text in private if text in logs] == []
