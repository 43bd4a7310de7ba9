"""Sends requests that were made before over a few kept connections, as fast as they are answered or at a rate.

Started by `tests.bench.stack` as a process of its own, from a file of requests. Standard library alone, and no HTTP
client: what it uses of the machine is not there for what it measures.
"""

import asyncio
import json
import sys
import time
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LENGTH_BYTES = 4
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Plan:
    """`rate_per_second` is 0 for as fast as it goes: each connection has one request under way at a time."""

    port: int
    connections: int
    seconds: float
    rate_per_second: float


@dataclass(frozen=True)
class Sent:
    """The answers by request, in the order of the file, as far as it got. With a rate, a latency begins when the
    request was due, whether or not a connection was free.
    """

    statuses: Sequence[int]
    latencies_ms: Sequence[float]
    seconds: float
    cpu_seconds: float


def write_requests(requests: Iterable[bytes], file: Path) -> None:
    """Each request with its length before it."""
    with file.open("wb") as out:
        for request in requests:
            out.write(len(request).to_bytes(LENGTH_BYTES, "big") + request)


def read_requests(file: Path) -> list[bytes]:
    """What `write_requests` wrote."""
    content, requests, position = file.read_bytes(), [], 0
    while position < len(content):
        start = position + LENGTH_BYTES
        position = start + int.from_bytes(content[position:start], "big")
        requests.append(content[start:position])
    return requests


class _Load:
    def __init__(self, requests: Sequence[bytes], plan: Plan) -> None:
        self.plan = plan
        self.requests = requests
        self.statuses = array("H", bytes(2 * len(requests)))
        self.latencies_ms = array("f", bytes(4 * len(requests)))
        self.taken = 0
        self.started = 0.0
        self.ended = 0.0
        self.over = asyncio.Event()
        self.busy = 0

    def take(self) -> int | None:
        if self.taken == len(self.requests) or time.perf_counter() - self.started >= self.plan.seconds:
            return None
        self.taken += 1
        return self.taken - 1

    def due(self, number: int) -> float:
        return self.started + number / self.plan.rate_per_second if self.plan.rate_per_second else 0.0

    def leave(self) -> None:
        self.ended = time.perf_counter()
        self.busy -= 1
        if not self.busy:
            self.over.set()


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._received = b""
        self._number = -1
        self._sent_at = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send_next(self) -> None:
        number = self._load.take()
        if number is None:
            self._number = -1
            self._load.leave()
            return
        self._number = number
        wait = self._load.due(number) - time.perf_counter()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._sent_at = self._load.due(self._number) or time.perf_counter()
        self._transport.write(self._load.requests[self._number])

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(HEAD_END)
        if not end or len(rest) < _content_length(head):
            return
        self._received = b""
        load, number = self._load, self._number
        load.statuses[number] = int(head[9:12])
        load.latencies_ms[number] = (time.perf_counter() - self._sent_at) * 1000
        self.send_next()

    def connection_lost(self, _: Exception | None) -> None:
        if self._number >= 0:  # without an answer: its status stays 0
            self._number = -1
            self._load.leave()


def _content_length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"\r\ncontent-length:")
    return int(after.partition(b"\r\n")[0] or 0)


async def send(requests: Sequence[bytes], plan: Plan) -> Sent:
    """Says `ready` on standard output and begins with the first line of standard input."""
    load = _Load(requests, plan)
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(plan.connections):
        _, connection = await loop.create_connection(lambda: _Connection(load), "127.0.0.1", plan.port)
        connections.append(connection)
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    cpu_seconds = time.process_time()
    load.started, load.busy = time.perf_counter(), len(connections)
    for connection in connections:
        connection.send_next()
    await load.over.wait()
    return Sent(
        statuses=load.statuses[: load.taken].tolist(),
        latencies_ms=load.latencies_ms[: load.taken].tolist(),
        seconds=load.ended - load.started,
        cpu_seconds=time.process_time() - cpu_seconds,
    )


if __name__ == "__main__":
    sent = asyncio.run(send(read_requests(Path(sys.argv[1])), Plan(**json.loads(sys.argv[2]))))
    print(json.dumps(asdict(sent)))  # noqa: T201
