"""moto as an HTTP server of its own, for the time of one `terraform apply`: `python -m webhookctl.local.aws.server`.

It listens on a free port of 127.0.0.1, prints the port as its first line, and ends when its standard input does: its
parent holds the other end of that pipe, so it never outlives a parent that was killed. It is a process because moto's
look for Docker leaks sockets.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from webhookctl.local.aws import extensions

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def serialised(app: WsgiApp) -> WsgiApp:
    """Let one request at a time into `app`: moto is not safe under threads."""
    lock = threading.Lock()

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with lock:
            return app(environ, start_response)

    return call


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve until standard input ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    with extensions.applied(extensions.FOR_APPLY):
        app = serialised(DomainDispatcherApplication(create_backend_app))
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
        print(server.port, flush=True)  # noqa: T201
        server.serve_forever()


if __name__ == "__main__":
    main()
