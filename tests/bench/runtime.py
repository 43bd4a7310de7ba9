"""One execution environment under AWS's runtime interface client, and the Runtime API that it talks to.

Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes". Ready is when it first asks for the next
invocation; the first invocation is over when its answer has come.
"""

import contextlib
import io
import itertools
import json
import queue
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from tests.bench.process import BOOTSTRAP, TRACE, ended, start
from tests.bench.ratio import Sample

WAIT_SECONDS = 60


class HandlerFailed(Exception):
    """The environment reported an error, in `args`, or it ended."""


class ExecutionEnvironment:
    """The process, while its context is entered."""

    def __init__(self, handler: str, environment: Mapping[str, str], options: Sequence[str] = ()) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._payloads: queue.Queue[bytes | None] = queue.Queue()
        self._go_on = threading.Semaphore(0)
        self._numbers = itertools.count(1)
        self._answered = False
        self._is_ready = False
        self._connections: list[socket.socket] = []
        address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()
        self._began = time.perf_counter()
        self._process = start([str(BOOTSTRAP), handler, *options], {**environment, "AWS_LAMBDA_RUNTIME_API": address})
        self._cost: Sample = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ready(self) -> None:
        """Return when the handler is imported. Raises HandlerFailed when that fails."""
        if not self._is_ready:
            self._expect("next")
            self._is_ready = True

    def invoke(self, event: object) -> Any:
        """The handler's answer. Until the next call the process waits: its answer is not yet acknowledged."""
        self.ready()
        if self._answered:
            self._go_on.release()
            self._expect("next")
        self._payloads.put(json.dumps(event).encode())
        self._answered = True
        return json.loads(self._expect("response"))

    def end(self) -> Sample:
        """Kills the process where it stands; what it cost until then."""
        if not self._cost:
            self._process.kill()
            self._cost = ended(self._process, self._began, killed=True)
            self._payloads.put(None)
            self._go_on.release()
            for connection in (self._listener, *self._connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
        return self._cost

    def _expect(self, kind: str) -> bytes:
        try:
            came, content = self._events.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise HandlerFailed(f"no {kind} within {WAIT_SECONDS} s") from None
        if came != kind:
            raise HandlerFailed(came, content.decode(errors="replace")[:2000])
        return content

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection.makefile("rb") as file:
            while request := file.readline():
                path, body = request.split()[1].decode(), _body(file)
                if path.endswith("/invocation/next"):
                    self._events.put(("next", b""))
                    payload = self._payloads.get()
                    if payload is None:
                        return
                    connection.sendall(self._invocation(payload))
                else:
                    self._events.put((path.rpartition("/")[2], body))
                    self._go_on.acquire()
                    connection.sendall(b'HTTP/1.1 202 Accepted\r\nContent-Length: 15\r\n\r\n{"status":"OK"}')

    def _invocation(self, payload: bytes) -> bytes:
        headers = {
            "Content-Type": "application/json",
            "Content-Length": len(payload),
            "Lambda-Runtime-Aws-Request-Id": f"00000000-0000-4000-8000-{next(self._numbers):012}",
            "Lambda-Runtime-Deadline-Ms": int((time.time() + 300) * 1000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:webhook-bench",
            "Lambda-Runtime-Trace-Id": TRACE,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + payload


def _body(file: io.BufferedReader) -> bytes:
    length = 0
    while (line := file.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return file.read(length)
