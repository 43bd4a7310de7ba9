"""DynamoDB and Secrets Manager on two loopback ports, one with TLS, in a process that ends with its parent.

Answers after a latency, keeps connections, and counts. `Bench.*` are operations of the bench's own:
Create, Items, Counts, Reset and Latency.

usage: python -m tests.bench.fake.server [CERTIFICATE]        prints the ports as JSON; ends when standard input does
"""

import asyncio
import binascii
import contextlib
import json
import socket
import ssl
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.bench.fake.table import Database, Refused

SECRET = "a secret of more than thirty-two bytes"
HOST = "127.0.0.1"


@dataclass
class Service:
    """The state behind all connections. Latencies are in seconds; of a batch each further item adds its own."""

    database: Database = field(default_factory=Database)
    latency: float = 0.0
    latency_per_item: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    request_bytes: int = 0
    response_bytes: int = 0

    def answer(self, target: str, body: bytes) -> tuple[int, bytes, float]:
        """Status, content, and after how many seconds."""
        service, _, operation = target.rpartition(".")
        request = json.loads(body)
        if service == "Bench":
            return 200, json.dumps(self._control(operation, request)).encode(), 0
        try:
            status, answer = 200, self._asked(service, operation, request)
        except Refused as refusal:
            name = f"com.amazonaws.dynamodb.v20120810#{refusal.code}"
            status, answer = 400, {"__type": name, "message": str(refusal), "Message": str(refusal), **refusal.fields}
        content = json.dumps(answer, separators=(",", ":")).encode()
        self.requests[operation] += 1
        self.request_bytes += len(body)
        self.response_bytes += len(content)
        return status, content, self._seconds(service, request)

    def _asked(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if service != "secretsmanager":
            return self.database.answer(operation, request)
        if request.get("VersionStage", "AWSCURRENT") != "AWSCURRENT":
            raise Refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret value")
        return {
            "Name": request["SecretId"],
            "SecretString": SECRET,
            "VersionId": "1" * 32,
            "VersionStages": ["AWSCURRENT"],
        }

    def _seconds(self, service: str, request: dict[str, Any]) -> float:
        if service == "secretsmanager":
            return 0
        batches = [request.get("Statements", []), request.get("TransactItems", [])]
        asked = request.get("RequestItems", {}).values()
        batches += [wanted["Keys"] if isinstance(wanted, dict) else wanted for wanted in asked]
        further = max(0, sum(map(len, batches)) - 1)
        return self.latency + further * self.latency_per_item

    def _control(self, operation: str, request: dict[str, Any]) -> Any:
        match operation:
            case "Create":
                self.database.create(request["table"], request["keys"])
            case "Items":
                return list(self.database.table(request["table"]).items.values())
            case "Latency":
                self.latency, self.latency_per_item = request["seconds"], request["per_item_seconds"]
            case "Counts":
                tables = self.database.tables.values()
                return {
                    "requests": dict(self.requests),
                    "request_bytes": self.request_bytes,
                    "response_bytes": self.response_bytes,
                    "write_units": sum(table.write_units for table in tables),
                    "read_units": sum(table.read_units for table in tables),
                }
            case "Reset":
                self.requests.clear()
                self.request_bytes = self.response_bytes = 0
                for table in self.database.tables.values():
                    table.write_units = table.read_units = 0
        return {}


async def _serve(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(
                line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line
            )
            came = loop.time()
            if fields.get("expect") == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            target = next(
                line for line in head.decode("latin-1").split("\r\n") if line.lower().startswith("x-amz-target")
            )
            status, content, seconds = service.answer(target.partition(":")[2].strip(), body)
            if seconds:
                # Of the latency, what answering took is a part: the service's own time is not ours to measure.
                await asyncio.sleep(max(0, came + seconds - loop.time()))
            writer.write(_response(status, content))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


def _response(status: int, content: bytes) -> bytes:
    # The checksum is what botocore holds the content against.
    return (
        f"HTTP/1.1 {status} {'OK' if status == 200 else 'Bad Request'}\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        f"Content-Length: {len(content)}\r\n"
        f"x-amz-crc32: {binascii.crc32(content)}\r\n"
        "x-amzn-RequestId: 0000\r\n\r\n"
    ).encode() + content


async def _run(certificate: str) -> None:
    service = Service()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # when all is over
            await _serve(service, reader, writer)

    plain = await asyncio.start_server(serve, HOST, 0, limit=64 * 1024 * 1024)
    ports = {"http": plain.sockets[0].getsockname()[1]}
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        secure = await asyncio.start_server(serve, HOST, 0, ssl=context)
        ports["https"] = secure.sockets[0].getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as traces:
        traces.bind((HOST, 0))
        ports["traces"] = traces.getsockname()[1]
        loop = asyncio.get_running_loop()
        loop.add_reader(traces, traces.recv, 65_536)  # so that nobody who sends there is told that nothing listens
        over = asyncio.Event()
        loop.add_reader(sys.stdin, over.set)  # readable when it ends: nobody writes to it
        print(json.dumps(ports), flush=True)  # noqa: T201
        await over.wait()


if __name__ == "__main__":
    try:
        asyncio.run(_run(sys.argv[1] if len(sys.argv) > 1 else ""))
    except KeyboardInterrupt:
        sys.exit(0)
