"""Sends deliveries to the local stack as fast as it takes them; what is throttled is sent again, as senders do."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import aiohttp

from webhookctl.local.demo.audit import Answer
from webhookctl.local.demo.delivery import Delivery

CONNECTIONS = 40
THROTTLED = 429
RETRY_SECONDS = 0.25


class Progress(Protocol):
    """How far it is, for whoever watches."""

    def begin(self, what: str, total: int | None) -> None:
        """A step begins; its length is known or not."""

    def advance(self, answer: Answer) -> None:
        """One more of the step was answered."""


async def send_all(
    deliveries: Sequence[Delivery], urls: Mapping[str, str], on_answer: Callable[[Answer], None]
) -> list[Answer]:
    """Every delivery's last answer, in the order of the deliveries."""
    turns = asyncio.Semaphore(CONNECTIONS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def send(delivery: Delivery) -> Answer:
            answer = await _send(session, turns, delivery, urls[delivery.source])
            on_answer(answer)
            return answer

        return await asyncio.gather(*(send(delivery) for delivery in deliveries))


async def _send(session: aiohttp.ClientSession, turns: asyncio.Semaphore, delivery: Delivery, url: str) -> Answer:
    throttled = 0
    while True:
        async with turns:
            status = await _post(session, delivery, url)
        if status != THROTTLED:
            return Answer(delivery, status, throttled)
        throttled += 1
        await asyncio.sleep(RETRY_SECONDS)


async def _post(session: aiohttp.ClientSession, delivery: Delivery, url: str) -> int:
    # Without the skipped header aiohttp would add a content type where a delivery has none on purpose.
    request = session.post(url, data=delivery.body, headers=delivery.headers, skip_auto_headers=("Content-Type",))
    async with request as response:
        await response.read()
        return response.status
