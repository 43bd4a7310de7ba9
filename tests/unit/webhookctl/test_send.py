import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from common.headers import gather
from common.keys import read_keys
from common.scheme import preset
from common.signature import Request
from tests.unit.webhookctl.conftest import REGION, Ended, Run
from webhookctl.sending import MAX_UNDER_WAY, Answer, Burst, Sent, Webhook, send
from webhookctl.signing import first_key
from webhookctl.verification import Genuine, judge

SECRET = "It's a secret"
BODY = b'{"id": "evt_1", "n": 1.50}'


@dataclass
class Endpoint:
    """An endpoint that keeps what it is sent, and answers what it is told to."""

    url: str = ""
    status: int = 200
    answer: bytes | None = None
    received: list[tuple[web.Request, bytes]] = field(default_factory=list)
    under_way: int = 0
    peak: int = 0
    held: asyncio.Event | None = None
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        self.received.append((request, await request.read()))
        async with self.more:
            self.more.notify_all()
        if self.held is not None:
            await self.held.wait()
        self.under_way -= 1
        answer = json.dumps({"id": f"message-{len(self.received)}"}).encode() if self.answer is None else self.answer
        return web.Response(status=self.status, body=answer, content_type="application/json")

    async def has_received(self, count: int) -> None:
        async with self.more:
            await self.more.wait_for(lambda: len(self.received) >= count)

    def ids(self, header: str = "X-GitHub-Delivery") -> list[str]:
        return [request.headers[header] for request, _ in self.received]


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    application = web.Application()
    application.router.add_post("/webhooks/{source}", endpoint.handle)
    async with TestServer(application) as server:
        endpoint.url = str(server.make_url("")).rstrip("/")
        yield endpoint


@pytest.fixture
def sender(
    run: Run, endpoint: Endpoint, aws: None, deployed: Callable[..., Path]
) -> Callable[..., "asyncio.Future[Ended]"]:
    """Runs `webhookctl send` in an environment whose sources have the endpoint's URL, and secrets."""
    environment = deployed(endpoint.url, github="github", stripe="stripe", open="unsigned")
    client = boto3.client("secretsmanager", region_name=REGION)
    client.create_secret(Name="webhook-test/github", SecretString=json.dumps([SECRET, "older"]))
    client.create_secret(Name="webhook-test/stripe", SecretString=SECRET)

    def sender(source: str, *arguments: str, body: bytes = BODY) -> "asyncio.Future[Ended]":
        command = ("send", source, "-", "--env", str(environment), *arguments)
        return asyncio.ensure_future(asyncio.to_thread(run, *command, stdin=body))

    return sender


Sender = Callable[..., "asyncio.Future[Ended]"]


def judged(scheme: str, request: web.Request, body: bytes) -> object:
    at = int(re.findall(r"t=([0-9]+)", request.headers.get("Stripe-Signature", "t=0"))[0])
    keys = read_keys([SECRET], "utf8")
    return judge(preset(scheme), keys, Request(gather(request.headers.items())), body, at=at, tolerance_seconds=0)


async def test_a_webhook_is_signed_with_the_first_key_and_posted(sender: Sender, endpoint: Endpoint) -> None:
    ended = await sender("github", "--type", "push")
    assert (ended.code, ended.err) == (0, "")
    ((request, body),) = endpoint.received
    assert body == BODY
    assert request.path == "/webhooks/github"
    assert request.headers["Content-Type"] == "application/json"
    assert isinstance(judged("github", request, body), Genuine)
    assert request.headers["X-GitHub-Event"] == "push"
    assert "1 x 200 accepted" in ended.out
    assert "message-1" in ended.out


async def test_each_has_an_id_of_its_own_in_the_header(sender: Sender, endpoint: Endpoint) -> None:
    ended = await sender("github", "--count", "5", "--rate", "1000")
    assert ended.code == 0
    assert len(set(endpoint.ids())) == 5
    assert {body for _, body in endpoint.received} == {BODY}


async def test_each_but_the_first_has_another_id_in_the_body(sender: Sender, endpoint: Endpoint) -> None:
    await sender("stripe", "--count", "3")
    bodies = sorted((body for _, body in endpoint.received), key=lambda body: body != BODY)
    assert bodies[0] == BODY
    assert len({json.loads(body)["id"] for body in bodies}) == 3
    assert {json.loads(body)["n"] for body in bodies} == {1.5}
    assert all(isinstance(judged("stripe", *received), Genuine) for received in endpoint.received)


async def test_the_same_id_can_be_sent_again_and_again(sender: Sender, endpoint: Endpoint) -> None:
    await sender("github", "--count", "4", "--same-id")
    assert len(endpoint.ids()) == 4
    assert len(set(endpoint.ids())) == 1


async def test_an_unsigned_source_needs_no_secret(sender: Sender, endpoint: Endpoint) -> None:
    ended = await sender("open", "--content-type", "text/plain", body=b"\x00")
    assert ended.code == 0
    ((request, body),) = endpoint.received
    assert (request.headers["Content-Type"], body) == ("text/plain", b"\x00")


async def test_programs_get_one_document(sender: Sender) -> None:
    ended = await sender("github", "--count", "3", "--json")
    document = ended.document
    assert ended.err == ""
    assert document["source"] == "github"
    assert (document["count"], document["answered"], document["accepted"]) == (3, 3, 3)
    assert document["answers"] == [{"status": 200, "what": "accepted", "count": 3}]
    assert sorted(document["receipt_ids"]) == ["message-1", "message-2", "message-3"]
    assert not document["interrupted"]
    latency = document["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]


async def test_a_refusal_fails_and_tells_the_reason(sender: Sender, endpoint: Endpoint) -> None:
    endpoint.status = 403
    endpoint.answer = b'{"error": "ACCESS_DENIED", "reason": "stale_timestamp", "request_id": "a"}'
    ended = await sender("github", "--count", "2")
    assert ended.code == 1
    assert "2 x 403 stale_timestamp" in ended.out
    assert ended.err.startswith("stale_timestamp: ")


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"id": null}'])
async def test_an_answer_that_is_not_ours_is_no_fault(sender: Sender, endpoint: Endpoint, answer: bytes) -> None:
    endpoint.answer = answer
    assert (await sender("github")).code == 0
    endpoint.status = 502
    ended = await sender("github")
    assert ended.code == 1
    assert "1 x 502 not accepted" in ended.out


async def test_a_secret_without_a_value_says_how_to_put_one(sender: Sender) -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    client.delete_secret(SecretId="webhook-test/github", ForceDeleteWithoutRecovery=True)
    client.create_secret(Name="webhook-test/github")
    ended = await sender("github")
    assert (ended.code, ended.out) == (1, "")
    assert "aws secretsmanager put-secret-value --secret-id webhook-test/github" in ended.err


async def test_nothing_listening_is_counted_and_explained(run: Run, aws: None, deployed: Callable[..., Path]) -> None:
    environment = deployed(f"http://127.0.0.1:{unused_port()}", open="unsigned")
    ended = await asyncio.to_thread(run, "send", "open", "-", "--env", environment, "--count", "2", stdin=b"{}")
    assert ended.code == 1
    assert "2 x none no connection to 127.0.0.1:" in ended.out
    assert "latency" not in ended.out


async def test_only_so_many_are_under_way_at_once(endpoint: Endpoint) -> None:
    endpoint.held = asyncio.Event()
    count = MAX_UNDER_WAY * 2
    sending = asyncio.ensure_future(send(*burst_of(endpoint, count), print, asyncio.Event()))
    await endpoint.has_received(MAX_UNDER_WAY)
    endpoint.held.set()
    assert (await sending).accepted == count
    assert endpoint.peak == MAX_UNDER_WAY


async def test_stopping_keeps_the_answers_to_what_was_sent(endpoint: Endpoint) -> None:
    endpoint.held = asyncio.Event()
    stop = asyncio.Event()
    sending = asyncio.ensure_future(send(*burst_of(endpoint, 1_000), print, stop))
    await endpoint.has_received(MAX_UNDER_WAY)
    stop.set()
    endpoint.held.set()
    sent = await sending
    assert sent.interrupted
    assert sent.accepted == len(endpoint.received) == MAX_UNDER_WAY


async def test_ctrl_c_stops_it_and_prints_what_was_done(
    endpoint: Endpoint, deployed: Callable[..., Path], tmp_path: Path
) -> None:
    environment = deployed(endpoint.url, open="unsigned")
    body = tmp_path / "body"
    body.write_bytes(BODY)
    command = ("-m", "webhookctl", "send", "open", body, "--env", environment, "--count", "100000", "--rate", "20")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        "--json",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    await endpoint.has_received(3)
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 130
    document: dict[str, Any] = json.loads(out)
    assert document["interrupted"]
    assert document["accepted"] == len(endpoint.received)


def test_a_percentile_is_a_latency_that_was_measured() -> None:
    sent = Sent([Answer(seconds=number / 1000, status=200) for number in range(1, 101)], 1.0, interrupted=False)
    assert [sent.latency_ms(percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert Sent([Answer(seconds=1, fault="none")], 1.0, interrupted=False).latency_ms(50) is None


def burst_of(endpoint: Endpoint, count: int) -> tuple[str, Webhook, Burst]:
    scheme = preset("github")
    webhook = Webhook(scheme, first_key(SECRET, scheme, ""), BODY, "application/json")
    return f"{endpoint.url}/webhooks/github", webhook, Burst(count)
