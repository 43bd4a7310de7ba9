"""A loopback port that hands every request to one handler."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

HOST = "127.0.0.1"
BACKLOG = 1024
# More than any request that API Gateway or an AWS API takes: refusing is up to the handlers.
MAX_BODY_BYTES = 64 * 1024 * 1024

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class PortInUse(Exception):
    """Something else listens on the port. The message is a sentence that names it and says what to change."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} of {HOST} is in use: "
            "stop what listens there (perhaps another local stack) or choose another port."
        )
        self.port = port


class HttpServer:
    """Serves while its context is entered. Leaving it gives the requests under way so many seconds to end."""

    def __init__(
        self,
        handler: Handler,
        listener: socket.socket,
        *,
        grace_seconds: float,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self._listener = listener
        server = web.Server(handler, access_log=None, request_factory=_request, **(options or {}))
        self._runner = web.ServerRunner(server, shutdown_timeout=grace_seconds)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener, backlog=BACKLOG).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def listen(port: int) -> socket.socket:
    """A socket that listens on a loopback port, 0 for any free one. Raises PortInUse."""
    try:
        return socket.create_server((HOST, port), backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(port) from error
        raise


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)
