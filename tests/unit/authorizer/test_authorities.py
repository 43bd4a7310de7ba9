"""Which servers are believed: those on loopback, by a machine whose list of authorities is the test's own."""

import hashlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore
import pytest

from authorizer import authorities
from authorizer.secrets_manager import SecretsManager, SecretUnavailable
from tests.unit.processor.effects.certificates import Authority

HOST = "127.0.0.1"
ELSEWHERE = "127.0.0.2"


authority = partial(Authority, is_strict=True)


class Server:
    """Secrets Manager, with a certificate by this authority for this name."""

    def __init__(self, by: Authority, name: str) -> None:
        self.handshakes = 0
        self.bodies: list[bytes] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_POST(self) -> None:
                server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                content = json.dumps({"SecretString": "new"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        class Secure(ThreadingHTTPServer):
            def get_request(self) -> tuple[Any, Any]:
                server.handshakes += 1
                connection, address = super().get_request()
                try:
                    return context.wrap_socket(connection, server_side=True), address
                except OSError:  # a client that does not believe us
                    connection.close()
                    raise

        context = by.server_context(name)
        self.listening = Secure((HOST, 0), Handler)
        self._thread = threading.Thread(target=self.listening.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def end(self) -> None:
        self.listening.shutdown()
        self._thread.join()
        self.listening.server_close()

    def client(self) -> SecretsManager:
        url = f"https://{HOST}:{self.listening.server_port}"
        environ = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUt", "AWS_REGION": "x"}
        return SecretsManager({**environ, "AWS_ENDPOINT_URL": url})


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def start(by: Authority, name: str = HOST) -> Server:
            server = Server(by, name)
            stack.callback(server.end)
            return server

        yield start


@pytest.fixture
def believe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Has the machine believe these alone, and the authorizer take `amazon` for Amazon's."""
    nothing = tmp_path / "none"
    nothing.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(nothing))

    def set_list(*believed: Authority, amazon: Authority) -> None:
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(b"# a line that is no certificate\n".join(each.pem for each in believed))
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        monkeypatch.setattr(authorities, "AMAZON", frozenset({fingerprint(amazon)}))

    return set_list


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """For each time that authorities were read, whether it was some of them, or all."""
    seen: list[str] = []
    real = ssl.create_default_context

    def create(*, cadata: bytes | None = None) -> ssl.SSLContext:
        seen.append("some" if cadata else "all")
        return real(cadata=cadata)

    monkeypatch.setattr(ssl, "create_default_context", create)
    return seen


def fingerprint(of: Authority) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(of.pem.decode())).hexdigest()


def test_the_fingerprints_are_of_amazons_five_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """As botocore's own list of authorities has them."""
    monkeypatch.setenv("SSL_CERT_FILE", str(Path(botocore.__file__).parent / "cacert.pem"))
    subjects = [each["subject"] for each in authorities.Authorities()._context.get_ca_certs()]
    assert sorted(re.findall(r"'commonName', '(.*?)'", str(subjects))) == [
        *(f"Amazon Root CA {number}" for number in range(1, 5)),
        "Starfield Services Root Certificate Authority - G2",
    ]


def test_a_server_that_amazon_vouches_for_is_believed_without_reading_all_authorities(
    serve: Callable[..., Server], believe: Callable[..., None], read: list[str]
) -> None:
    amazon = authority()
    server = serve(amazon)
    believe(authority(), amazon, authority(), amazon=amazon)
    assert server.client().live_versions("partner") == ["new", "new"]
    assert (read, server.handshakes) == (["some"], 1)


def test_a_server_that_another_authority_of_the_machine_vouches_for_is_believed_at_the_second_attempt(
    serve: Callable[..., Server], believe: Callable[..., None], read: list[str]
) -> None:
    other, amazon = authority(), authority()
    server = serve(other)
    believe(other, amazon, amazon=amazon)
    client = server.client()
    for _ in range(2):
        assert client.live_versions("partner") == ["new", "new"]
    assert read == ["some", "all"]
    assert server.handshakes == 3  # the one in vain is the first reading's alone
    assert len(server.bodies) == 4


def test_where_the_machine_does_not_believe_amazon_all_its_authorities_are_read_at_the_start(
    serve: Callable[..., Server], believe: Callable[..., None], read: list[str]
) -> None:
    other, amazon = authority(), authority()
    believe(other, amazon=amazon)
    client = serve(other).client()
    assert read == ["all"]
    assert client.live_versions("partner") == ["new", "new"]
    with pytest.raises(SecretUnavailable, match="SSLCertVerificationError"):
        serve(amazon).client().live_versions("partner")


@pytest.mark.parametrize("has_amazon", [True, False])
def test_a_server_that_no_authority_of_the_machine_vouches_for_is_sent_nothing(
    serve: Callable[..., Server], believe: Callable[..., None], has_amazon: bool
) -> None:
    other, amazon = authority(), authority()
    believe(other, *([amazon] if has_amazon else []), amazon=amazon)
    server = serve(authority())
    client = server.client()
    for _ in range(2):
        with pytest.raises(SecretUnavailable, match="can't be reached: SSLCertVerificationError"):
            client.live_versions("partner")
    assert server.bodies == []
    assert server.handshakes == (3 if has_amazon else 2)


@pytest.mark.parametrize("by_amazon", [True, False])
def test_a_server_of_another_name_is_sent_nothing_whoever_vouches_for_it(
    serve: Callable[..., Server], believe: Callable[..., None], by_amazon: bool
) -> None:
    amazon, other = authority(), authority()
    believe(amazon, other, amazon=amazon)
    server = serve(amazon if by_amazon else other, ELSEWHERE)
    with pytest.raises(SecretUnavailable, match="SSLCertVerificationError"):
        server.client().live_versions("partner")
    assert server.bodies == []
    assert server.handshakes == 2


def test_but_for_the_authorities_a_connection_is_what_pythons_defaults_make_it(believe: Callable[..., None]) -> None:
    amazon = authority()
    believe(amazon, amazon=amazon)
    short, usual = authorities.Authorities()._context, ssl.create_default_context()
    for name in ("check_hostname", "verify_mode", "verify_flags", "minimum_version", "maximum_version", "options"):
        assert getattr(short, name) == getattr(usual, name), name
    assert short.get_ciphers() == usual.get_ciphers()
    assert (short.check_hostname, short.verify_mode) == (True, ssl.CERT_REQUIRED)


@pytest.mark.parametrize("text", [None, b"", b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"])
def test_a_list_that_is_not_there_or_can_not_be_read_is_left_to_openssl(
    text: bytes | None, read: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    if text is not None:
        bundle.write_bytes(text)
    authorities.Authorities()
    assert read == ["all"]
