"""A gateway behind a real HTTP server on loopback, between a fake authorizer and a fake queue."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.unit.local.gateway.deployed import FUNCTION_ARN, HANDSHAKE_ARN, deployed
from webhookctl.local.gateway import SERVER_OPTIONS, Api, Gateway
from webhookctl.local.gateway.state_reader import read_api
from webhookctl.local.state import State

NOW = 1_700_000_000.25
STORED = {
    "SendMessageResponse": {
        "SendMessageResult": {"MessageId": "m-1", "MD5OfMessageBody": "d41d8cd98f00b204e9800998ecf8427e"},
        "ResponseMetadata": {"RequestId": "r-1"},
    }
}


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Bench:
    """What the gateway meets, and what came of it. A test changes what its case needs before it posts."""

    effect: str = "Allow"
    context: Mapping[str, Any] = field(default_factory=lambda: {"head": "aGVhZA"})
    authorizer: Callable[[Mapping[str, Any]], Any] | None = None
    function: Callable[[Mapping[str, Any]], Any] = lambda _event: {}
    answer: tuple[int, bytes] = (200, json.dumps(STORED).encode())
    now: float = NOW
    hangs: bool = False
    events: list[Mapping[str, Any]] = field(default_factory=list)
    invoked: list[Any] = field(default_factory=list)
    traces: list[str | None] = field(default_factory=list)
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)
    found: tuple[int, bytes] = (200, b'{"Count":0,"Items":[],"ScannedCount":0}')
    asked: list[tuple[str, Any]] = field(default_factory=list)
    access: list[str] = field(default_factory=list)
    url: str = ""
    session: aiohttp.ClientSession | None = None

    @property
    def form(self) -> dict[str, str]:
        """The last form sent to SQS."""
        return dict(parse_qsl(self.sent[-1][2].decode(), keep_blank_values=True, strict_parsing=True))

    @property
    def envelope(self) -> Any:
        """The last message sent to SQS."""
        return json.loads(self.form["MessageBody"])

    async def invoke(self, function_arn: str, event: Mapping[str, Any], trace_header: str | None) -> Any:
        if function_arn == HANDSHAKE_ARN:
            self.invoked.append(json.loads(json.dumps(event)))
            self.traces.append(trace_header)
            if self.hangs:
                await asyncio.Event().wait()
            return self.function(event)
        assert function_arn == FUNCTION_ARN
        self.events.append(json.loads(json.dumps(event)))
        self.traces.append(trace_header)
        return self.authorizer(event) if self.authorizer else self.policy(event["methodArn"])

    def policy(self, resource: str) -> dict[str, Any]:
        statement = {"Effect": self.effect, "Action": "execute-api:Invoke", "Resource": resource}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        return {"principalId": "github", "policyDocument": document, "context": self.context}

    async def send(self, account_id: str, queue_name: str, form: bytes) -> tuple[int, bytes]:
        self.sent.append((account_id, queue_name, form))
        if self.hangs:
            await asyncio.Event().wait()
        return self.answer

    async def ask(self, operation: str, request: bytes) -> tuple[int, bytes]:
        self.asked.append((operation, json.loads(request)))
        return self.found

    async def get(self, path: str = "/v1/webhooks/github", **headers: str) -> Reply:
        """Send a GET as senders do, without a Content-Type unless it is given."""
        return await self.request("GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})

    async def post(
        self, body: Any = b"{}", path: str = "/v1/webhooks/github", method: str = "POST", **headers: str
    ) -> Reply:
        """Send a request; `content_type=` becomes the header Content-Type, and so on."""
        given = {"Content-Type": "application/json", "X-Hub-Signature-256": "sha256=00"}
        given |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        return await self.request(
            method, path, body, {name: value for name, value in given.items() if value is not None}
        )

    async def request(self, method: str, path: str, body: Any, headers: Any) -> Reply:
        assert self.session is not None
        url = URL(self.url + path, encoded=True)  # or what is signed would not be what is sent
        async with self.session.request(
            method, url, data=body, headers=headers, skip_auto_headers=["Content-Type", "Accept", "User-Agent"]
        ) as response:
            return Reply(response.status, await response.read(), response.headers)

    async def write(self, head: str) -> bytes:
        """Send a request without a body as it is written, and return the first line of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))
        writer.write(head.encode())
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line


Serve = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a gateway for a state, an API, or the ordinary environment."""
    async with AsyncExitStack() as stack:

        async def start(what: State | Api | None = None, **settings: Any) -> Bench:
            bench = Bench()
            api = what if isinstance(what, Api) else read_api(what or deployed())
            gateway = Gateway(
                api,
                invoke=bench.invoke,
                send=bench.send,
                ask=bench.ask,
                on_access=bench.access.append,
                now=lambda: bench.now,
                **settings,
            )
            runner = web.ServerRunner(web.Server(gateway.handle, **SERVER_OPTIONS))
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            bench.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            bench.session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            return bench

        yield start
