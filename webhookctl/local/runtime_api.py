"""Lambda's Runtime API, version 2018-06-01, as one execution environment sees it.

Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes". An environment is told its address by
AWS_LAMBDA_RUNTIME_API, which has room for a host and a port only: so each one gets a port of its own.
"""

import asyncio
import json
import socket
from dataclasses import dataclass

from aiohttp import web

from webhookctl.local.function_error import FunctionError

VERSION = "/2018-06-01/runtime"
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
# 100 bytes more are let through for a response, by the figure in Lambda's own error message.
MAX_RESPONSE_BYTES = MAX_PAYLOAD_BYTES + 100


@dataclass(frozen=True)
class Invocation:
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
        loop = asyncio.get_running_loop()
        self._server = web.Server(self._handle, access_log=None)
        self._listener: asyncio.Server | None = None
        self._ready: asyncio.Future[None] = loop.create_future()
        self._queue: asyncio.Queue[Invocation | None] = asyncio.Queue()
        self._current: Invocation | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._closed: FunctionError | None = None
        self.address = ""

    async def start(self) -> None:
        """Listen; from here on `address` is the value of AWS_LAMBDA_RUNTIME_API."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self._listener = await asyncio.get_running_loop().create_server(self._server, sock=listener)

    async def ready(self) -> None:
        """Return when the environment asks for its next invocation. Raises FunctionError when it never will."""
        if self._closed is not None:
            raise self._closed
        if not self._ready.done():
            await asyncio.shield(self._ready)

    async def invoke(self, invocation: Invocation) -> bytes:
        """The handler's answer, as it wrote it. Raises FunctionError as the environment reported it."""
        await self.ready()
        loop = asyncio.get_running_loop()
        self._ready, self._answer = loop.create_future(), loop.create_future()
        self._current = invocation
        self._queue.put_nowait(invocation)
        try:
            return await self._answer
        finally:
            self._current = self._answer = None

    def fail(self, error: FunctionError) -> None:
        """The environment is gone: whoever waits for it gets this error, and so does everyone after."""
        self._closed = self._closed or error
        for waiter in (self._ready, self._answer):
            if waiter is not None and not waiter.done():
                waiter.set_exception(error)
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # nobody may be waiting for it, which is no fault
        self._queue.put_nowait(None)

    async def stop(self) -> None:
        """Stop listening and drop the connections."""
        self.fail(FunctionError("Runtime.ExitError", "The execution environment was shut down"))
        if self._listener is not None:
            self._listener.close()
        await self._server.shutdown(1)
        if self._listener is not None:
            await self._listener.wait_closed()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        match request.method, request.path.removeprefix(VERSION).split("/")[1:]:
            case "GET", ["invocation", "next"]:
                return await self._next()
            case "POST", ["invocation", request_id, "response"]:
                return await self._response(request, request_id)
            case "POST", ["invocation", request_id, "error"]:
                return await self._error(request, request_id)
            case "POST", ["init", "error"]:
                self.fail(await _reported(request))
                return _status(202)
            case _:
                return _problem(404, "NotFound", f"{request.method} {request.path} is not part of the Runtime API")

    async def _next(self) -> web.Response:
        if not self._ready.done():
            self._ready.set_result(None)
        invocation = await self._queue.get()
        if invocation is None:
            self._queue.put_nowait(None)
            return _problem(410, "Gone", "The execution environment is shutting down")
        return web.Response(body=invocation.payload, headers=invocation.headers())

    async def _response(self, request: web.BaseRequest, request_id: str) -> web.Response:
        body = await _read(request)
        answer = self._awaited(request_id)
        if answer is None:
            return _problem(400, "InvalidRequestID", f"No invocation {request_id} is in progress")
        if body is None:
            sentence = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            answer.set_exception(FunctionError("Function.ResponseSizeTooLarge", sentence))
            return _problem(413, "RequestEntityTooLarge", sentence)
        answer.set_result(body)
        return _status(202)

    async def _error(self, request: web.BaseRequest, request_id: str) -> web.Response:
        error = await _reported(request)
        answer = self._awaited(request_id)
        if answer is None:
            return _problem(400, "InvalidRequestID", f"No invocation {request_id} is in progress")
        answer.set_exception(error)
        return _status(202)

    def _awaited(self, request_id: str) -> asyncio.Future[bytes] | None:
        expected = self._current is not None and self._current.request_id == request_id
        return self._answer if expected and self._answer is not None and not self._answer.done() else None


async def _read(request: web.BaseRequest) -> bytes | None:
    """The whole body, or None when it is longer than a response may be; read to its end either way."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size <= MAX_RESPONSE_BYTES:
            chunks.append(chunk)
    return b"".join(chunks) if size <= MAX_RESPONSE_BYTES else None


async def _reported(request: web.BaseRequest) -> FunctionError:
    """The error that a runtime posts: errorType and errorMessage in a JSON object; else a header has the type."""
    category = request.headers.get("Lambda-Runtime-Function-Error-Type", "Unhandled")
    try:
        report = json.loads(await _read(request) or b"{}")
    except ValueError:
        report = {}
    if not isinstance(report, dict):
        report = {}
    return FunctionError(str(report.get("errorType") or category), str(report.get("errorMessage", "")))


def _status(status: int) -> web.Response:
    return web.Response(status=status, body=b'{"status":"OK"}\n', content_type="application/json")


def _problem(status: int, error_type: str, message: str) -> web.Response:
    text = json.dumps({"errorType": error_type, "errorMessage": message})
    return web.Response(status=status, text=text, content_type="application/json")
