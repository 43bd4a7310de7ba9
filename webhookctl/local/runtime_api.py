"""Lambda's Runtime API, version 2018-06-01, as one execution environment sees it.

Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes". An environment is told its address by
AWS_LAMBDA_RUNTIME_API, which has room for a host and a port only: so each one gets a port of its own. It is asked twice
for each request that a sender makes, so it speaks the little HTTP that a runtime does by itself.
"""

import asyncio
import json
import socket
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple, cast

from webhookctl.local.function_error import FunctionError

VERSION = "/2018-06-01/runtime"
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
# 100 bytes more are let through for a response, by the figure in Lambda's own error message.
MAX_RESPONSE_BYTES = MAX_PAYLOAD_BYTES + 100
MAX_HEAD_BYTES = 2 * 1024 * 1024  # awslambdaric puts up to 1 MB of an error's account for X-Ray into a header

_HEAD_END = b"\r\n\r\n"
_JSON = MappingProxyType({"Content-Type": "application/json"})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_OK = b'{"status":"OK"}\n'


class Invocation(NamedTuple):
    """One event on its way to a handler."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    trace_id: str

    def headers(self) -> dict[str, str]:
        """The headers of the answer to "next invocation"."""
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.function_arn,
            "Lambda-Runtime-Trace-Id": self.trace_id,
        }


class RuntimeApi:
    """Serves one execution environment on loopback: hands it one invocation at a time and takes its answer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._asking: _Connection | None = None
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._current: Invocation | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._closed: FunctionError | None = None
        self.address = ""

    async def start(self) -> None:
        """Listen; from here on `address` is the value of AWS_LAMBDA_RUNTIME_API."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self._listener = await self._loop.create_server(lambda: _Connection(self), sock=listener)

    async def ready(self) -> None:
        """Return when the environment asks for its next invocation. Raises FunctionError when it never will."""
        if self._closed is not None:
            raise self._closed
        if not self._ready.done():
            await asyncio.shield(self._ready)

    async def invoke(self, invocation: Invocation) -> bytes:
        """The handler's answer, as it wrote it. Raises FunctionError as the environment reported it."""
        await self.ready()
        self._ready, self._answer = self._loop.create_future(), self._loop.create_future()
        self._current = invocation
        asking, self._asking = self._asking, None
        if asking is not None:  # else the process has just ended, and whoever watches it says so
            asking.answer(200, invocation.payload, invocation.headers())
        try:
            return await self._answer
        finally:
            self._current = self._answer = None

    def give_up(self) -> None:
        """Whoever waits for an answer gets a TimeoutError; the environment may still be at it."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(TimeoutError())

    def fail(self, error: FunctionError) -> None:
        """The environment is gone: whoever waits for it gets this error, and so does everyone after."""
        self._closed = self._closed or error
        for waiter in (self._ready, self._answer):
            if waiter is not None and not waiter.done():
                waiter.set_exception(error)
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # nobody may be waiting for it, which is no fault
        if self._asking is not None:
            self.ask(self._asking)

    async def stop(self) -> None:
        """Stop listening and drop the connections."""
        self.fail(FunctionError("Runtime.ExitError", "The execution environment was shut down"))
        if self._listener is not None:
            self._listener.close()
        for connection in self._connections:
            connection.drop()
        await asyncio.gather(*(connection.lost for connection in self._connections))
        if self._listener is not None:
            await self._listener.wait_closed()

    def connected(self, connection: "_Connection") -> None:
        """A connection of the environment's."""
        self._connections.add(connection)

    def disconnected(self, connection: "_Connection") -> None:
        """It is gone, whatever it was waiting for."""
        self._connections.discard(connection)
        if self._asking is connection:
            self._asking = None

    def is_asked_by(self, connection: "_Connection") -> bool:
        """Whether it waits for an invocation."""
        return self._asking is connection

    def handle(self, connection: "_Connection", request: "_Request") -> None:
        """Answer a request, at once or when there is something to answer."""
        match request.method, request.path.removeprefix(VERSION).split("/")[1:]:
            case "GET", ["invocation", "next"]:
                self.ask(connection)
            case "POST", ["invocation", request_id, "response"]:
                self._take_response(connection, request, request_id)
            case "POST", ["invocation", request_id, "error"]:
                self._take_error(connection, request, request_id)
            case "POST", ["init", "error"]:
                self.fail(_reported(request))
                connection.answer(202, _OK)
            case _:
                connection.refuse(404, "NotFound", f"{request.method} {request.path} is not part of the Runtime API")

    def ask(self, connection: "_Connection") -> None:
        """Let it wait for the next invocation, or know that there will be none."""
        if self._closed is not None:
            self._asking = None
            connection.refuse(410, "Gone", "The execution environment is shutting down")
            return
        self._asking = connection
        if not self._ready.done():
            self._ready.set_result(None)

    def _take_response(self, connection: "_Connection", request: "_Request", request_id: str) -> None:
        answer = self._awaited(request_id)
        if answer is None:
            connection.refuse(400, "InvalidRequestID", f"No invocation {request_id} is in progress")
        elif request.body is None:
            sentence = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            answer.set_exception(FunctionError("Function.ResponseSizeTooLarge", sentence))
            connection.refuse(413, "RequestEntityTooLarge", sentence)
        else:
            answer.set_result(request.body)
            connection.answer(202, _OK)

    def _take_error(self, connection: "_Connection", request: "_Request", request_id: str) -> None:
        answer = self._awaited(request_id)
        if answer is None:
            connection.refuse(400, "InvalidRequestID", f"No invocation {request_id} is in progress")
        else:
            answer.set_exception(_reported(request))
            connection.answer(202, _OK)

    def _awaited(self, request_id: str) -> asyncio.Future[bytes] | None:
        expected = self._current is not None and self._current.request_id == request_id
        return self._answer if expected and self._answer is not None and not self._answer.done() else None


class _Head(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body_bytes: int


class _Request(NamedTuple):
    """`body` is None when it was longer than a response may be."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


class _Connection(asyncio.Protocol):
    """Reads requests one after the other, each with a Content-Length if it has a body, and writes answers."""

    def __init__(self, api: RuntimeApi) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._api = api
        self._received = bytearray()
        self._head: _Head | None = None
        self._missing = 0
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # Two answers in a row are usual; asyncio sets this only for sockets that were made with a protocol's number.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._api.connected(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._api.disconnected(self)
        self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while not self._transport.is_closing() and (request := self._next()) is not None:
            self._api.handle(self, request)
        if not self._api.is_asked_by(self):
            self._flush()

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] = _JSON) -> None:
        """Write an answer with these headers and its length.

        Where the environment has sent its next request along, and waits for an invocation, both answers go together.
        """
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"HTTP/1.1 {status} {_PHRASES[status]}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        self._held += head.encode() + body
        if not self._received:
            self._flush()

    def refuse(self, status: int, error_type: str, message: str) -> None:
        """Say why, and hear no more: what was sent behind this request counts on its being taken."""
        body = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
        self.answer(status, body, {**_JSON, "Connection": "close"})
        self._flush()
        self._transport.close()

    def drop(self) -> None:
        """Close; what is not sent yet is for nobody."""
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def _flush(self) -> None:
        if self._held:
            self._transport.write(self._held)
            self._held = b""

    def _next(self) -> _Request | None:
        if self._head is None:
            self._take_head()
        request = None if self._head is None else self._whole(self._head)
        if request is not None:
            self._head = None
        return request

    def _take_head(self) -> None:
        end = self._received.find(_HEAD_END)
        if end < 0:
            if len(self._received) > MAX_HEAD_BYTES:
                self.refuse(431, "RequestHeaderFieldsTooLarge", "The request has no end of its headers")
            return
        try:
            self._head = _read_head(self._received[:end].decode("latin-1"))
        except ValueError as error:
            self.refuse(400, "BadRequest", str(error))
            return
        self._missing = self._head.body_bytes
        del self._received[: end + len(_HEAD_END)]

    def _whole(self, head: _Head) -> _Request | None:
        """The request when all of it is there."""
        if head.body_bytes > MAX_RESPONSE_BYTES:
            skipped = min(self._missing, len(self._received))
            del self._received[:skipped]
            self._missing -= skipped
            return None if self._missing else _Request(head.method, head.path, head.headers, None)
        if len(self._received) < self._missing:
            return None
        body = bytes(self._received[: self._missing])
        del self._received[: self._missing]
        return _Request(head.method, head.path, head.headers, body)


@lru_cache(maxsize=64)  # every other head is the same: that of a request for the next invocation
def _read_head(text: str) -> _Head:
    """Raises ValueError for what is no head, and for a body of a length that is not told first."""
    first, *lines = text.split("\r\n")
    method, path, _version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "transfer-encoding" in headers:
        raise ValueError("The body must have a Content-Length")
    return _Head(method, path, headers, int(headers.get("content-length", 0)))


def _reported(request: _Request) -> FunctionError:
    """The error that a runtime posts: errorType and errorMessage in a JSON object; else a header has the type."""
    category = request.headers.get("lambda-runtime-function-error-type", "Unhandled")
    try:
        report = json.loads(request.body or b"{}")
    except ValueError:
        report = {}
    if not isinstance(report, dict):
        report = {}
    return FunctionError(str(report.get("errorType") or category), str(report.get("errorMessage", "")))
