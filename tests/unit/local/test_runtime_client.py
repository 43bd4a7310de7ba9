"""What awslambdaric calls, against answers of a Runtime API that come in any pieces."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookctl.local import runtime_client

ACCEPTED = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + b'{"status":"OK"}\n'
)
REFUSED = ACCEPTED.replace(b"202 Accepted", b"413 Payload Too Large")
PAYLOADS = (b"{}", b'{"a": "' + b"\r\n\r\n" * 500 + b'"}', b'{"a": 1}')


class Wire:
    """A socket: what was sent into it, and the answers that come out of it in pieces."""

    def __init__(self, answers: bytes, piece_bytes: int) -> None:
        self.sent: list[bytes] = []
        self._answers = answers
        self._piece_bytes = piece_bytes

    def setsockopt(self, *_: int) -> None:
        pass

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)

    def recv(self, most_bytes: int) -> bytes:
        size = min(most_bytes, self._piece_bytes)
        piece, self._answers = self._answers[:size], self._answers[size:]
        return piece


@pytest.fixture(autouse=True)
def _disconnected() -> Iterator[None]:
    yield
    runtime_client._connections.clear()


def invocation(number: int, payload: bytes) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {number}\r\nLambda-Runtime-Deadline-Ms: {1700 + number}\r\n"
    )
    return f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload


def connect(wire: Wire) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
        patch.setattr(socket, "create_connection", lambda _: wire)
        runtime_client.initialize_client("agent")


@given(st.integers(1, 5000))
def test_each_invocation_comes_out_as_it_was_sent_in_whatever_pieces(piece_bytes: int) -> None:
    answers = [invocation(number, payload) for number, payload in enumerate(PAYLOADS)]
    wire = Wire(ACCEPTED.join(answers), piece_bytes)
    connect(wire)

    for number, expected in enumerate(PAYLOADS):
        payload, headers = runtime_client.next()
        assert payload == expected
        assert headers["Lambda-Runtime-Aws-Request-Id"] == str(number)
        assert headers["Lambda-Runtime-Deadline-Ms"] == 1700 + number
        headers["Lambda-Runtime-Aws-Request-Id"] = "changed"  # is nobody else's
        runtime_client.post_invocation_result(str(number), expected, "application/json")

    first, second, third = wire.sent
    get = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUser-Agent: agent\r\n\r\n"
    assert first == get
    assert second.startswith(b"POST /2018-06-01/runtime/invocation/0/response HTTP/1.1\r\n")
    assert second.endswith(b"\r\nContent-Length: 2\r\n\r\n" + PAYLOADS[0] + get)
    assert third.endswith(PAYLOADS[1] + get)


def test_a_refused_answer_is_an_error_of_the_runtime() -> None:
    connect(Wire(invocation(1, b"{}") + REFUSED, 65_536))
    runtime_client.next()
    runtime_client.post_invocation_result("1", b"{}", "application/json")

    with pytest.raises(RuntimeError, match="413"):
        runtime_client.next()


def test_a_connection_that_closes_is_an_error_and_no_wait() -> None:
    connect(Wire(invocation(1, b"{}")[:-1], 65_536))

    with pytest.raises(RuntimeError, match="closed"):
        runtime_client.next()
