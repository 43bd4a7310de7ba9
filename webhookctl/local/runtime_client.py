"""What awslambdaric calls for each request to the Runtime API, in place of the module of this name that it compiles.

That one takes 0.5 ms of CPU for an invocation, most of it in libcurl and in a thread for each wait, and has no build
for macOS. Here a connection is kept open and read in place: 0.1 ms. In a function's process this is all there is of
this project, so it imports nothing else of it.
"""

import os
import socket
from functools import lru_cache

RECEIVE_BYTES = 65_536
HEAD_END = b"\r\n\r\n"
INVOCATION = "/2018-06-01/runtime/invocation"
DEADLINE = "Lambda-Runtime-Deadline-Ms"


class _Connection:
    """To one Runtime API, one request after the other.

    What is posted is sent with the request for the next invocation, and answered before it: awslambdaric asks at once.
    """

    def __init__(self, address: str, user_agent: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"Host: {address}\r\nUser-Agent: {user_agent}\r\n"
        self._get = f"GET {INVOCATION}/next HTTP/1.1\r\n{self._head}\r\n".encode("latin-1")
        self._received = b""
        self._post = b""

    def next(self) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of the next invocation. Raises RuntimeError for a refusal, of a post too."""
        post, self._post = self._post, b""
        self._socket.sendall(post + self._get)
        if post:
            status, _, _ = self._read()
            if not 200 <= status < 300:
                raise RuntimeError(f"Failed to post an invocation's response: {status}")
        status, headers, body = self._read()
        if status != 200:
            raise RuntimeError(f"Failed to get the next invocation: {status}")
        return body, headers

    def post(self, path: str, body: bytes, headers: str) -> None:
        """Post this with the next request."""
        head = f"POST {INVOCATION}/{path} HTTP/1.1\r\n{self._head}{headers}Content-Length: {len(body)}\r\n\r\n"
        self._post = head.encode("latin-1", "replace") + body

    def _read(self) -> tuple[int, dict[str, str], bytes]:
        while (end := self._received.find(HEAD_END)) < 0:
            self._received += self._receive()
        status, headers, length = _read_head(self._received[:end])
        begin = end + len(HEAD_END)
        missing = begin + length - len(self._received)
        if missing > 0:
            chunks = [self._received]
            while missing > 0:
                chunks.append(self._receive())
                missing -= len(chunks[-1])
            self._received = b"".join(chunks)
        body, self._received = self._received[begin : begin + length], self._received[begin + length :]
        return status, headers, body

    def _receive(self) -> bytes:
        chunk = self._socket.recv(RECEIVE_BYTES)
        if not chunk:
            raise RuntimeError("The Runtime API has closed the connection")
        return chunk


@lru_cache(maxsize=2)  # every other head is the same: that of the answer to a post
def _read_head(head: bytes) -> tuple[int, dict[str, str], int]:
    """Status, headers, and how long the body is."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict([line.split(": ", 1) for line in lines])
    return int(first.split(" ", 2)[1]), headers, int(headers["Content-Length"])


_connections: list[_Connection] = []


def initialize_client(user_agent: str) -> None:
    """Connect to the Runtime API that the environment names."""
    _connections[:] = [_Connection(os.environ["AWS_LAMBDA_RUNTIME_API"], user_agent)]


def next() -> tuple[bytes, dict[str, str | int]]:  # noqa: A001  # awslambdaric calls it so
    """Wait for an invocation: its payload, and the headers it comes with; the deadline among them is a number."""
    payload, headers = _connections[0].next()
    return payload, {**headers, DEADLINE: int(headers[DEADLINE])}


def post_invocation_result(
    request_id: str, result: bytes, content_type: str, _invocation_id: str | None = None
) -> None:
    """Give back a handler's answer."""
    _connections[0].post(f"{request_id}/response", result, f"Content-Type: {content_type}\r\n")


def post_error(request_id: str, error: str, _xray_cause: str, _invocation_id: str | None = None) -> None:
    """Report a handler's exception. X-Ray's account of it goes nowhere, since nobody reads traces here."""
    headers = "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: Unhandled\r\n"
    _connections[0].post(f"{request_id}/error", error.encode(), headers)
