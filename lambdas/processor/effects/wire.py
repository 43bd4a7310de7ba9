"""Connections that end in time: a name is looked up, an address connected to, and bytes exchanged before a deadline.

A time-out of a socket's is not enough: it starts anew with every byte that the other side cares to send.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def tls_context(ca_certificates: str = "") -> ssl.SSLContext:
    """For a server whose certificate is signed by one of these authorities (PEM), or else of the system's.

    Raises ssl.SSLError and ValueError for what are no certificates.
    """
    context = ssl.create_default_context(cadata=ca_certificates or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # From 3.13 on Python also refuses certificates for their form, such as many a company's own authority gives out.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class AddressNotAllowed(OSError):
    """The name has addresses, and none that may be connected to."""


class Cut:
    """Whether the connection was ended because its time was up."""

    def __init__(self) -> None:
        self.is_made = False


@contextmanager
def cut_off(connection: socket.socket, seconds: float) -> Iterator[Cut]:
    """Within the block, the connection ends `seconds` from now: reads come to an end, writes fail."""
    cut = Cut()

    def make() -> None:
        cut.is_made = True
        with suppress(OSError):
            # Of the class socket even where this is TLS, whose own would go on in plain text.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, seconds), make)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()
        timer.join()


def connect(host: str, port: int, seconds: float, is_allowed: Callable[[str], bool] | None = None) -> socket.socket:
    """A TCP connection to the first of the host's allowed addresses that takes it, made before `seconds` are over.

    The host is looked up once, and what was judged is what is connected to. Raises OSError: TimeoutError,
    AddressNotAllowed, socket.gaierror, or what the last address said.
    """
    deadline = time.monotonic() + seconds
    answers = _resolve(host, port, seconds)
    addresses = [answer for answer in answers if is_allowed is None or is_allowed(str(answer[4][0]))]
    failure: OSError = AddressNotAllowed("address not allowed")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        left = (deadline - time.monotonic()) / (len(addresses) - index)
        if left <= 0:
            raise TimeoutError("timed out")
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # of a family that this system has not
            failure = error
            continue
        try:
            connection.settimeout(left)
            connection.connect(address)
            connection.settimeout(None)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def describe(error: Exception) -> str:
    """What an event's item says of a connection that failed: nothing that the other side could have written."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, AddressNotAllowed):
        return "address not allowed"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "name not resolved"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ssl.SSLError):
        return "tls"
    return "connection lost" if isinstance(error, ConnectionError) else "connection failed"


_Answer = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int, ...]]


def _resolve(host: str, port: int, seconds: float) -> list[_Answer]:
    """getaddrinfo takes no time-out. In a thread it may go on when nobody waits for it any more."""
    answer: queue.SimpleQueue[list[_Answer] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        result = answer.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise TimeoutError("timed out") from None
    if isinstance(result, Exception):
        raise result
    return result
