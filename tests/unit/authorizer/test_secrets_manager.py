import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from authorizer.secrets_manager import SecretsManager, SecretUnavailable, _credentials

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUt",
    "AWS_SESSION_TOKEN": "session+/=",
}
MISSING = (400, {"__type": "ResourceNotFoundException"})


@contextmanager
def serving(server: HTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Service:
    """Stands in for Secrets Manager: answers by version stage, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {
            "AWSCURRENT": (200, {"SecretString": "new"}),
            "AWSPREVIOUS": MISSING,
        }
        self.requests: list[tuple[dict[str, str], bytes]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status, answer = service.answers[json.loads(body)["VersionStage"]]
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def client(self, **environ: str) -> SecretsManager:
        url = f"http://127.0.0.1:{self.server.server_port}"
        return SecretsManager({"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": url, **CREDENTIALS, **environ})


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with serving(service.server):
        yield service


def test_the_current_and_the_previous_version_are_live(service: Service) -> None:
    assert service.client().live_versions("webhook-dev/partner") == ["new"]
    service.answers["AWSPREVIOUS"] = (200, {"SecretString": "old"})
    assert service.client().live_versions("webhook-dev/partner") == ["new", "old"]
    assert json.loads(service.requests[0][1])["SecretId"] == "webhook-dev/partner"


def test_a_request_is_signed_as_botocore_signs_it(service: Service) -> None:
    service.client().live_versions("webhook-dev/partner", NOW)
    headers, body = service.requests[0]
    request = AWSRequest("POST", f"http://{headers['host']}/", data=body)
    for name in ("content-type", "x-amz-target"):
        request.headers[name] = headers[name]
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUt", "session+/="), "secretsmanager", "eu-central-1")
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    request.headers["X-Amz-Security-Token"] = "session+/="
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert f"Credential=AKIDEXAMPLE/{signer.credential_scope(request)}," in headers["authorization"]


BINARY = (200, {"SecretBinary": "AA=="})


def test_a_binary_value_that_was_replaced_by_a_text_does_no_harm(service: Service) -> None:
    service.answers["AWSPREVIOUS"] = BINARY
    assert service.client().live_versions("webhook-dev/partner") == ["new"]


@pytest.mark.parametrize("answer", [MISSING, BINARY])
def test_a_secret_without_a_text_says_what_to_do(service: Service, answer: tuple[int, Any]) -> None:
    service.answers["AWSCURRENT"] = answer
    with pytest.raises(SecretUnavailable, match="put one with: aws secretsmanager put-secret-value"):
        service.client().live_versions("webhook-dev/partner")


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"oops"),
        (400, {"__type": "com.amazon#AccessDeniedException"}),
        (200, b"[]"),
    ],
)
def test_any_other_answer_is_unavailable_with_its_code(service: Service, answer: tuple[int, Any]) -> None:
    service.answers["AWSCURRENT"] = answer
    with pytest.raises(SecretUnavailable, match=f"status {answer[0]}"):
        service.client().live_versions("webhook-dev/partner")


def test_a_service_out_of_reach_is_unavailable() -> None:
    client = SecretsManager({"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", **CREDENTIALS})
    with pytest.raises(SecretUnavailable, match="ConnectionRefusedError"):
        client.live_versions("webhook-dev/partner")


def test_the_endpoint_is_the_regions_own_unless_told_otherwise() -> None:
    def host(**environ: str) -> str | None:
        return SecretsManager({**CREDENTIALS, **environ})._endpoint.hostname

    assert host(AWS_REGION="eu-central-1") == "secretsmanager.eu-central-1.amazonaws.com"
    assert host(AWS_REGION="cn-north-1") == "secretsmanager.cn-north-1.amazonaws.com.cn"
    assert host(AWS_REGION="x", AWS_ENDPOINT_URL_SECRETS_MANAGER="http://[::1]:5/") == "::1"


class Kept:
    """Stands in for Secrets Manager and for Lambda's credentials: keeps connections open, and counts them."""

    def __init__(self) -> None:
        self.connections = 0
        self.authorizations: list[str] = []
        self.hangs_up_after = self.hangs_up_before = ""
        self.credentials: Any = {"AccessKeyId": "AKIDSNAP", "SecretAccessKey": "s", "Token": "t", "Expiration": "x"}
        kept = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                kept.connections += 1
                super().setup()

            def do_GET(self) -> None:
                assert self.path == "/credentials?a=b"
                kept.authorizations.append(self.headers["Authorization"])
                self._answer(200, kept.credentials)

            def do_POST(self) -> None:
                stage = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["VersionStage"]
                kept.authorizations.append(self.headers["Authorization"].partition("/")[0])
                self.close_connection = stage in (kept.hangs_up_after, kept.hangs_up_before)
                if stage == kept.hangs_up_before:
                    return
                self._answer(*({"AWSCURRENT": (200, {"SecretString": "new"})}.get(stage, MISSING)))

            def _answer(self, status: int, answer: Any) -> None:
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def kept() -> Iterator[Kept]:
    kept = Kept()
    with serving(kept.server):
        yield kept


def test_both_versions_come_over_one_connection(kept: Kept) -> None:
    client = SecretsManager({"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": kept.url, **CREDENTIALS})
    assert client.live_versions("webhook-dev/partner") == ["new"]
    assert len(kept.authorizations) == 2
    assert kept.connections == 1


def test_a_connection_that_was_closed_after_the_first_answer_is_opened_once_more(kept: Kept) -> None:
    kept.hangs_up_after = "AWSCURRENT"
    client = SecretsManager({"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": kept.url, **CREDENTIALS})
    assert client.live_versions("webhook-dev/partner") == ["new"]
    assert kept.connections == 2


@pytest.mark.parametrize(("stage", "requests"), [("AWSCURRENT", 1), ("AWSPREVIOUS", 3)])
def test_a_service_that_hangs_up_on_a_new_connection_is_unavailable(kept: Kept, stage: str, requests: int) -> None:
    kept.hangs_up_before = stage
    client = SecretsManager({"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": kept.url, **CREDENTIALS})
    with pytest.raises(SecretUnavailable, match="can't be reached: RemoteDisconnected"):
        client.live_versions("webhook-dev/partner")
    assert len(kept.authorizations) == requests


def test_credentials_show_nothing_of_themselves() -> None:
    shown = f"{_credentials(CREDENTIALS)!r} {_credentials(CREDENTIALS)}"
    assert not [value for value in CREDENTIALS.values() if value in shown]


def from_snapshot(kept: Kept) -> dict[str, str]:
    return {
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": kept.url,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{kept.url}/credentials?a=b",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
    }


def test_a_function_that_starts_from_a_snapshot_gets_its_credentials_anew_for_each_reading(kept: Kept) -> None:
    client = SecretsManager(from_snapshot(kept))
    assert client.live_versions("webhook-dev/partner") == ["new"]
    kept.credentials["AccessKeyId"] = "AKIDLATER"
    assert client.live_versions("webhook-dev/partner") == ["new"]
    signed = "AWS4-HMAC-SHA256 Credential="
    assert kept.authorizations == ["token", *[f"{signed}AKIDSNAP"] * 2, "token", *[f"{signed}AKIDLATER"] * 2]


def test_credentials_in_the_environment_are_looked_up_for_each_reading(kept: Kept) -> None:
    environ = {"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": kept.url, **CREDENTIALS}
    client = SecretsManager(environ)
    environ["AWS_ACCESS_KEY_ID"] = "AKIDLATER"
    client.live_versions("webhook-dev/partner")
    assert kept.authorizations[0].endswith("AKIDLATER")


@pytest.mark.parametrize("credentials", [[], {}, {"AccessKeyId": "AKIDSNAP", "SecretAccessKey": "sn4p-secret"}])
def test_without_credentials_a_secret_is_unavailable_and_the_error_shows_none(kept: Kept, credentials: Any) -> None:
    kept.credentials = credentials
    with pytest.raises(SecretUnavailable, match="there are no credentials to ask with: KeyError") as error:
        SecretsManager(from_snapshot(kept)).live_versions("webhook-dev/partner")
    assert "sn4p-secret" not in str(error.value)


def test_credentials_out_of_reach_are_a_secret_that_is_unavailable(kept: Kept) -> None:
    environ = from_snapshot(kept) | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"}
    with pytest.raises(SecretUnavailable, match="no credentials to ask with: ConnectionRefusedError"):
        SecretsManager(environ).live_versions("webhook-dev/partner")


@pytest.mark.parametrize(("url", "count"), [("http://127.0.0.1:1", 0), ("https://127.0.0.1:1", 1)])
def test_authorities_are_read_once_and_only_for_https(monkeypatch: pytest.MonkeyPatch, url: str, count: int) -> None:
    made: list[ssl.SSLContext] = []
    real = ssl.create_default_context

    def create(*, cadata: bytes | None = None) -> ssl.SSLContext:
        made.append(real(cadata=cadata))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", create)
    client = SecretsManager({"AWS_REGION": "x", "AWS_ENDPOINT_URL": url, **CREDENTIALS})
    assert len(made) == count
    for _ in range(2):
        with pytest.raises(SecretUnavailable, match="ConnectionRefusedError"):
            client.live_versions("webhook-dev/partner")
    assert len(made) == count
