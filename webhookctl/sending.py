"""Posts webhooks as their sender would: each signed as it is sent, at a rate, and with a bound on those under way."""

import asyncio
import contextlib
import json
import math
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from common.keys import Key
from common.scheme import Scheme
from webhookctl.sender import Signed, with_query, written
from webhookctl.signing import fresh_id, signed_request

MAX_UNDER_WAY = 64
TIMEOUT_SECONDS = 35
"""API Gateway answers within 29 seconds, or with an error of its own."""

STOP_SECONDS = 5
"""How long requests under way may still take after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """What is sent, again and again. The id is fresh each time unless `same_id`.

    `signed_url` is the URL as its sender has it, for a scheme that signs it.
    """

    scheme: Scheme
    key: Key | None
    body: bytes
    content_type: str
    event_type: str | None = None
    same_id: bool = False
    signed_url: str = ""


@dataclass(frozen=True, slots=True)
class Burst:
    """How many, and how many a second; without a rate as fast as the bound on those under way allows."""

    count: int = 1
    rate_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status with the receipt id or the reason code in its body, or, without any status, a fault."""

    seconds: float
    status: int | None = None
    receipt_id: str = ""
    reason: str = ""
    fault: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether the webhook is now kept."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Kind:
    """Answers that are alike. `what` is "accepted", a reason code, or, without a status, what went wrong."""

    status: int | None
    what: str

    @classmethod
    def of(cls, answer: Answer) -> "Kind":
        """The kind of this answer."""
        if answer.status is None:
            return cls(None, answer.fault)
        return cls(answer.status, "accepted" if answer.is_accepted else answer.reason or "not accepted")


@dataclass(frozen=True, slots=True)
class Sent:
    """A burst's end. `interrupted` when Ctrl-C came before all were sent."""

    answers: Sequence[Answer]
    seconds: float
    interrupted: bool

    @property
    def accepted(self) -> int:
        """How many are kept."""
        return sum(answer.is_accepted for answer in self.answers)

    @property
    def kinds(self) -> list[tuple["Kind", int]]:
        """How often each kind of answer came, the most frequent first."""
        return Counter(Kind.of(answer) for answer in self.answers).most_common()

    @property
    def receipt_ids(self) -> list[str]:
        """What the endpoint named the accepted ones, in the order of the answers."""
        return [answer.receipt_id for answer in self.answers if answer.is_accepted and answer.receipt_id]

    def latency_ms(self, percent: float) -> float | None:
        """The latency that so many percent of the answers did not exceed (nearest rank); None without an answer."""
        latencies = sorted(answer.seconds * 1000 for answer in self.answers if answer.status is not None)
        return latencies[max(0, math.ceil(len(latencies) * percent / 100) - 1)] if latencies else None


def send_burst(url: str, webhook: Webhook, burst: Burst, on_answer: Callable[[Answer], None]) -> Sent:
    """Sends all, in an event loop of its own. Ctrl-C stops it without losing the answers to what was sent."""
    return asyncio.run(_interruptible(url, webhook, burst, on_answer))


async def send(
    url: str, webhook: Webhook, burst: Burst, on_answer: Callable[[Answer], None], stop: asyncio.Event
) -> Sent:
    """Sends all, or until `stop` is set; then waits a little for those under way."""
    answers: list[Answer] = []
    started = time.monotonic()
    async with _session() as session:
        tasks: set[asyncio.Task[None]] = set()
        places = asyncio.Semaphore(MAX_UNDER_WAY)
        requests = _requests(webhook)

        async def post(request: Signed) -> None:
            try:
                answer = await _post(session, with_query(url, request.query), request.headers, request.body)
            finally:
                places.release()
            answers.append(answer)
            on_answer(answer)

        for number in range(burst.count):
            if burst.rate_per_second:
                await _sleep_until(started + number / burst.rate_per_second, stop)
            await _take(places, stop)
            if stop.is_set():
                break
            task = asyncio.create_task(post(next(requests)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await _finish(tasks, stop)
    return Sent(answers, time.monotonic() - started, interrupted=len(answers) < burst.count)


async def _interruptible(url: str, webhook: Webhook, burst: Burst, on_answer: Callable[[Answer], None]) -> Sent:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError):  # on Windows, and outside the main thread
        loop.add_signal_handler(signal.SIGINT, stop.set)
    return await send(url, webhook, burst, on_answer, stop)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_UNDER_WAY),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "webhookctl"},
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
    )


def _requests(webhook: Webhook) -> Iterator[Signed]:
    """One request after another, signed when asked for."""
    event_id = fresh_id()
    body = webhook.body
    pointer = webhook.scheme.id.pointer if webhook.scheme.id else None
    while True:
        signed = signed_request(
            webhook.scheme,
            webhook.key,
            body,
            at=time.time(),
            event_id=event_id,
            event_type=webhook.event_type,
            url=webhook.signed_url,
        )
        yield replace(signed, headers={"Content-Type": webhook.content_type, **signed.headers})
        if webhook.same_id:
            continue
        event_id = fresh_id()
        body = written(body, {pointer: event_id}) if pointer else body


async def _post(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    started = time.monotonic()
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            content = await response.read()
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(seconds=time.monotonic() - started, fault=_fault(error))
    answer = _object(content)
    return Answer(
        seconds=time.monotonic() - started,
        status=status,
        receipt_id=str(answer.get("id", "")),
        reason=str(answer.get("reason", "")),
    )


async def _sleep_until(moment: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, moment - time.monotonic()))


async def _take(places: asyncio.Semaphore, stop: asyncio.Event) -> None:
    """Waits for a place, or for `stop`."""
    if not places.locked():
        await places.acquire()
        return
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(places.acquire()), asyncio.ensure_future(stop.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def _finish(tasks: set[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Waits for all, but once `stop` is set only so long."""
    if not tasks:
        return
    everything = asyncio.gather(*tasks)
    stopped = asyncio.ensure_future(stop.wait())
    waits: list[asyncio.Future[Any]] = [everything, stopped]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(everything, STOP_SECONDS)


def _fault(error: aiohttp.ClientError | TimeoutError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {TIMEOUT_SECONDS} seconds"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host} can't be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the TLS certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection to {error.host}:{error.port} ({(error.strerror or str(error)).lower()})"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return "the connection was closed before an answer came"
    return f"{type(error).__name__}: {error}"


def _object(content: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
