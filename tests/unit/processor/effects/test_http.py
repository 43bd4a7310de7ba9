import base64
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from processor.effects import load_effect
from processor.effects.http import MAX_ANSWER_BYTES, http_effect, read_partner, wait_seconds, webhook_id
from processor.handling import AttemptFailed, Handle, PauseLane
from tests.unit.processor.effects.certificates import Authority
from tests.unit.processor.effects.events import make_event
from tests.unit.processor.effects.partner import Partner, answer

NEWEST, OLDER = (f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))
SECONDS_TO_SAY_ANYTHING = 60
"""How long a partner of these tests goes on that is not cut off. No test waits for it."""


def configuration(url: str, **fields: Any) -> dict[str, Any]:
    ordinary = {"timeout_seconds": 30, "allow_private_addresses": True}
    return {"kind": "http", "secret_name": "webhook/shop/delivery", "url": url, **ordinary, **fields}


def effect(url: str, *secrets: str, **fields: Any) -> Handle:
    return load_effect(configuration(url, **fields), lambda _: list(secrets or (NEWEST,)))


def failure_of(handle: Handle, **fields: Any) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as failed:
        handle(make_event(**fields))
    return failed.value


@pytest.mark.parametrize("body", [b'{"a":1}', b"", b'{ "order" : 1.00 }\r\n', bytes(range(256)), b"x" * 1_048_576])
def test_the_partner_gets_the_exact_body_with_its_content_type(body: bytes) -> None:
    with Partner() as partner:
        effect(partner.url)(make_event(body, content_type="text/plain; charset=utf-8"))

    (request,) = partner.requests
    assert request.body == body
    assert request.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_request_is_a_post_to_the_url_with_its_query() -> None:
    with Partner() as partner:
        effect(f"{partner.url}/a%20b?c=d&e=%2F")(make_event())

    (request,) = partner.requests
    assert request.line == "POST /hooks/a%20b?c=d&e=%2F HTTP/1.1"
    assert request.headers["host"] == f"127.0.0.1:{partner.port}"
    assert request.headers["user-agent"] == "scalable-webhook"


@pytest.mark.parametrize(
    "content_type", ["", "a\r\nX-Injected: 1", " ", "a" * 300, "text/\x7fplain", "text/plain; a=\xfc"]
)
def test_a_content_type_that_is_no_header_is_replaced(content_type: str) -> None:
    with Partner() as partner:
        effect(partner.url)(make_event(content_type=content_type))

    (request,) = partner.requests
    assert request.headers["content-type"] == "application/octet-stream"
    assert "x-injected" not in request.headers


@pytest.mark.parametrize("key", [NEWEST, OLDER])
def test_the_standard_webhooks_sdk_verifies_it_with_any_live_key(key: str) -> None:
    with Partner() as partner:
        effect(partner.url, NEWEST, OLDER)(make_event(b'{"amount": 12}'))

    (request,) = partner.requests
    assert standardwebhooks.Webhook(key).verify(request.body, request.headers) == {"amount": 12}


def test_the_standard_webhooks_sdk_refuses_it_with_another_key() -> None:
    with Partner() as partner:
        effect(partner.url, NEWEST)(make_event())

    (request,) = partner.requests
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(OLDER).verify(request.body, request.headers)


def test_the_newest_keys_signature_is_the_first() -> None:
    with Partner() as partner:
        effect(partner.url, NEWEST, OLDER)(make_event())
        effect(partner.url, NEWEST)(make_event())

    both, newest = (request.headers["webhook-signature"].split(" ") for request in partner.requests)
    assert (len(both), len(newest)) == (2, 1)
    assert all(signature.startswith("v1,") for signature in both)


def test_the_secret_is_read_at_the_first_event_and_not_at_each() -> None:
    reads = []

    def read_secret(name: str) -> list[str]:
        reads.append(name)
        return [NEWEST]

    with Partner() as partner:
        handle = load_effect(configuration(partner.url), read_secret)
        assert reads == []
        handle(make_event())
        handle(make_event())

    assert reads == ["webhook/shop/delivery"]


@pytest.mark.parametrize("secret", ["no key", "whsec_", "whsec_!", "", "{}"])
def test_a_secret_that_is_no_key_fails_the_attempt_and_is_not_quoted(secret: str) -> None:
    with Partner() as partner:
        failed = failure_of(effect(partner.url, secret))

    assert partner.connections == 0
    assert failed.error.startswith("the delivery secret: ")
    assert "no key" not in failed.error.removeprefix("the delivery secret: ")


def test_every_attempt_has_the_same_id_and_its_own_time() -> None:
    now = iter([1_700_000_000.0, 1_700_000_000.0, 1_700_000_060.0, 1_700_000_060.0])
    with Partner() as partner:
        handle = http_effect(configuration(partner.url), lambda _: [NEWEST], lambda: next(now))
        handle(make_event())
        handle(make_event(attempt=2))

    first, second = (request.headers for request in partner.requests)
    assert first["webhook-id"] == second["webhook-id"] == "shop_evt_1"
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("1700000000", "1700000060")


@pytest.mark.parametrize("event_id", ["evt_1", "5f0b0f6e-8e7c-11ee-b9d1-0242ac120002", "A" * 128, "-", "_"])
def test_a_safe_id_stays_as_it_is(event_id: str) -> None:
    assert webhook_id(make_event(id=event_id)) == f"shop_{event_id}"


@pytest.mark.parametrize(
    "event_id", ["a.b", "a b", "sha256:00", "sha256-00", "ü", "a\n", "A" * 129, "a/b", "msg\x00", "a,b", "\ud800"]
)
def test_any_other_id_is_digested(event_id: str) -> None:
    source, _, digest = webhook_id(make_event(id=event_id)).partition("_sha256-")

    assert source == "shop"
    assert len(bytes.fromhex(digest)) == 32


def test_no_two_events_share_an_id() -> None:
    digest = webhook_id(make_event(id="a.b")).removeprefix("shop_")
    ids = ["a.b", "a_b", "a-b", "A.b", digest, "b"]

    found = {webhook_id(make_event(id=event_id, source=source)) for event_id in ids for source in ("shop", "shop-a")}

    assert len(found) == 2 * len(ids)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_status_of_success_is_the_result(status: int) -> None:
    with Partner(answer(status)) as partner:
        assert effect(partner.url)(make_event()) == f"http {status}"


def test_gone_pauses_the_lane() -> None:
    with Partner(answer(410, body=b"secret text")) as partner, pytest.raises(PauseLane) as paused:
        effect(partner.url)(make_event())

    assert paused.value.reason == "http 410"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 418, 429, 500, 502, 503, 504, 599, 999])
def test_any_other_status_fails_the_attempt(status: int) -> None:
    with Partner(answer(status, body=b"secret text")) as partner:
        failed = failure_of(effect(partner.url))

    assert (failed.error, failed.after_seconds) == (f"http {status}", None)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with Partner() as other, Partner(answer(status, f"Location: {other.url}")) as partner:
        failed = failure_of(effect(partner.url))

    assert failed.error == f"http {status}, redirects are not followed"
    assert (partner.connections, other.connections) == (1, 0)


@pytest.mark.parametrize("status", [429, 503])
def test_a_partner_may_say_when_to_come_again(status: int) -> None:
    with Partner(answer(status, "Retry-After: 120")) as partner:
        failed = failure_of(effect(partner.url))

    assert (failed.error, failed.after_seconds) == (f"http {status}", 120)


@pytest.mark.parametrize("status", [400, 500, 502])
def test_only_with_a_status_that_asks_to_wait(status: int) -> None:
    with Partner(answer(status, "Retry-After: 120")) as partner:
        failed = failure_of(effect(partner.url))

    assert failed.after_seconds is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("1", 1), (" 90 ", 90), ("0", 1), ("43200", 43_200), ("43201", 43_200), ("9999999999", 43_200)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 480),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 480),
        ("Wed, 21 Oct 2015 09:28:00 +0200", 480),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", 480),
        ("Wed, 21 Oct 2015 07:19:00 GMT", 1),
        ("Wed, 21 Oct 2095 07:28:00 GMT", 43_200),
        *((text, None) for text in ("", "soon", "-1", "1.5", "1e3", "0x10", "60, 120", "99999999999", "٣", "1_0")),
        *((text, None) for text in ("Wed, 99 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015", "\x00", ", , , :", "Wed,")),
    ],
)
def test_a_retry_after_is_taken_within_bounds_or_not_at_all(text: str, seconds: float | None) -> None:
    assert wait_seconds(text, datetime(2015, 10, 21, 7, 20, tzinfo=UTC).timestamp()) == seconds


def test_a_date_to_come_again_is_counted_from_the_answer() -> None:
    at = datetime.now(UTC) + timedelta(hours=2)
    with Partner(answer(503, f"Retry-After: {format_datetime(at, usegmt=True)}")) as partner:
        failed = failure_of(effect(partner.url))

    assert failed.after_seconds is not None
    assert 3600 < failed.after_seconds <= 7200


def test_a_failure_says_nothing_of_what_the_partner_wrote() -> None:
    marked = answer(500, "X-Marked: marked", "Retry-After: marked", body=b"marked").replace(b"whatever", b"marked")
    with Partner(marked) as partner:
        failed = failure_of(effect(partner.url))

    assert "marked" not in str(failed.__dict__)
    assert failed.__cause__ is None


def drip(head: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(SECONDS_TO_SAY_ANYTHING * 10):
            connection.sendall(b"x")
            time.sleep(0.1)
        connection.sendall(b"\r\n\r\n")

    return speak


def hold(connection: socket.socket) -> None:
    connection.settimeout(SECONDS_TO_SAY_ANYTHING)
    connection.recv(1)


def wait(partner: Partner) -> None:
    partner.closing.wait(SECONDS_TO_SAY_ANYTHING)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 20", b"HTTP/1.1 204 ", b"HTTP/1.1 204 No Content\r\nX-Drip: "])
def test_a_partner_that_drips_its_answer_is_cut_off(head: bytes) -> None:
    with Partner(speaks=drip(head)) as partner:
        started = time.monotonic()
        failed = failure_of(effect(partner.url, timeout_seconds=0.5))
        elapsed = time.monotonic() - started

    assert failed.error == "timed out"
    assert elapsed < SECONDS_TO_SAY_ANYTHING / 2


def test_a_status_counts_though_the_answer_never_ends() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    with Partner(speaks=drip(head)) as partner:
        started = time.monotonic()
        result = effect(partner.url, timeout_seconds=5)(make_event())
        elapsed = time.monotonic() - started

    assert result == "http 200"
    assert elapsed < SECONDS_TO_SAY_ANYTHING / 2


def test_a_partner_that_does_not_answer_is_cut_off() -> None:
    with Partner(speaks=hold) as partner:
        assert failure_of(effect(partner.url, timeout_seconds=0.5)).error == "timed out"


def test_a_partner_that_does_not_read_is_cut_off() -> None:
    with Partner(speaks=lambda _: wait(partner), reads=False) as partner:
        failed = failure_of(effect(partner.url, timeout_seconds=0.5), body=b"x" * 50_000_000)

    assert failed.error == "timed out"


def test_a_partner_that_never_ends_its_handshake_is_cut_off() -> None:
    with Partner(speaks=lambda _: wait(partner), reads=False) as partner:
        url = partner.url.replace("http:", "https:")
        assert failure_of(effect(url, timeout_seconds=0.5)).error == "timed out"


def test_the_attempts_own_time_is_a_bound_as_well() -> None:
    with Partner(speaks=hold) as partner:
        assert failure_of(effect(partner.url), seconds=0.5).error == "timed out"


def test_nothing_is_begun_without_time() -> None:
    with Partner() as partner:
        failed = failure_of(effect(partner.url), seconds=0)

    assert (failed.error, partner.connections) == ("no time left", 0)


def test_of_a_long_answer_only_the_beginning_is_read() -> None:
    sent: list[int] = []

    def speak(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_ANSWER_BYTES)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        sent.extend(connection.send(b"x" * 100_000) for _ in range(10_000))

    with Partner(speaks=speak) as partner:
        assert effect(partner.url)(make_event()) == "http 200"

    assert sum(sent) < 100_000_000


def test_a_compressed_answer_is_not_unpacked() -> None:
    with Partner(answer(200, "Content-Encoding: gzip", body=gzip.compress(b"0" * 10_000_000))) as partner:
        assert effect(partner.url)(make_event()) == "http 200"

    assert partner.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "garbage",
    [
        *(
            b"\x00" * 100,
            b"\r\n\r\n",
            b"220 smtp.example ESMTP\r\n",
            b"SSH-2.0-OpenSSH\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
        ),
        *(
            b"HTTP/1.1 99 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 -200 OK\r\n\r\n",
            b"HTTP/9\xff 204\r\n\r\n",
        ),
        b"HTTP/1.1 204 " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 204 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 204 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
)
def test_an_answer_that_is_not_http_fails_the_attempt(garbage: bytes) -> None:
    with Partner(garbage) as partner:
        assert failure_of(effect(partner.url)).error in ("malformed answer", "connection lost")


@pytest.mark.parametrize("body", [b"zz\r\n", b"-1\r\n", b"5\r\nab", b"ffffffffffffffffffff\r\n", b""])
def test_a_broken_body_does_not_change_the_status(body: bytes) -> None:
    with Partner(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body) as partner:
        assert effect(partner.url)(make_event()) == "http 200"


@pytest.mark.parametrize(
    "beginning", [b"HTTP/1.1 20", b"HTTP/1.1 204", b"HTTP/1.1 204 OK\r\n", b"HTTP/1.1 204 OK\r\nA: b"]
)
def test_an_answer_that_ends_within_its_head_is_none(beginning: bytes) -> None:
    with Partner(beginning) as partner:
        assert failure_of(effect(partner.url)).error in ("malformed answer", "connection lost")


def test_a_partner_that_hangs_up_fails_the_attempt() -> None:
    with Partner(b"") as partner:
        assert failure_of(effect(partner.url)).error == "connection lost"


def test_a_port_where_nobody_listens_fails_the_attempt() -> None:
    with Partner() as partner:
        url = partner.url

    assert failure_of(effect(url)).error == "connection refused"


@pytest.mark.parametrize("host", ["does-not-exist.invalid", "a" * 64 + ".invalid", "a..invalid"])
def test_a_name_without_an_address_fails_the_attempt(host: str) -> None:
    assert failure_of(effect(f"https://{host}/")).error == "name not resolved"


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(SECONDS_TO_SAY_ANYTHING))
    started = time.monotonic()
    failed = failure_of(effect("https://partner.example/", timeout_seconds=0.1))
    elapsed = time.monotonic() - started
    answered.set()

    assert failed.error == "timed out"
    assert elapsed < SECONDS_TO_SAY_ANYTHING / 2


def test_a_private_address_is_not_connected_to_unless_it_is_allowed() -> None:
    with Partner() as partner:
        url = partner.url.replace("http:", "https:")
        failed = failure_of(effect(url, allow_private_addresses=False))

    assert (failed.error, partner.connections) == ("address not allowed", 0)


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Has every look-up give the next of these answers, and says what was looked up."""
    asked = []

    def getaddrinfo(host: str, port: int, **kwargs: Any) -> list[Any]:
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_is_looked_up_once_and_what_was_judged_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with Partner() as partner:
        asked = resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
        effect(f"http://partner.example:{partner.port}/")(make_event())

    assert asked == ["partner.example"]
    assert partner.requests[0].headers["host"] == f"partner.example:{partner.port}"


def test_a_name_that_turns_private_is_refused_then(monkeypatch: pytest.MonkeyPatch) -> None:
    with Partner() as partner:
        resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
        handle = effect(f"http://partner.example:{partner.port}/")
        handle(make_event())

        assert failure_of(handle).error == "address not allowed"


def test_of_a_names_addresses_only_the_allowed_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with Partner() as partner:
        resolving(monkeypatch, ["169.254.169.254", "0.0.0.0", "127.0.0.1"])  # noqa: S104
        assert effect(f"http://partner.example:{partner.port}/")(make_event()) == "http 204"


def test_the_next_address_is_tried_when_one_does_not_take_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with Partner(host="127.0.0.1") as partner:
        resolving(monkeypatch, ["127.0.0.2", "127.0.0.1"])
        assert effect(f"http://partner.example:{partner.port}/")(make_event()) == "http 204"


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with Partner() as proxy, Partner() as partner:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        effect(partner.url)(make_event())

    assert (proxy.connections, partner.connections) == (0, 1)


def test_an_early_refusal_of_a_large_body_is_heard() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(answer(413))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1_000_000):  # else the system may throw away what was said
            pass

    with Partner(speaks=refuse, reads=False) as partner:
        assert failure_of(effect(partner.url), body=b"x" * 5_000_000).error == "http 413"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One whose certificates this process trusts."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


def test_a_partner_with_a_certificate_of_its_name_is_delivered_to(authority: Authority) -> None:
    with Partner(tls=authority.server_context("127.0.0.1")) as partner:
        assert effect(partner.url)(make_event()) == "http 204"


def test_the_certificate_must_be_of_the_urls_host(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with Partner(tls=authority.server_context("partner.example")) as partner:
        resolving(monkeypatch, ["127.0.0.1"])

        assert effect(f"https://partner.example:{partner.port}/")(make_event()) == "http 204"
        assert failure_of(effect(f"https://other.example:{partner.port}/")).error == "tls"
        assert failure_of(effect(f"https://127.0.0.1:{partner.port}/")).error == "tls"

    assert len(partner.requests) == 1


@pytest.mark.parametrize("flaw", ["stranger", "expired"])
def test_a_certificate_must_be_valid(authority: Authority, flaw: str) -> None:
    signer = Authority() if flaw == "stranger" else authority
    with Partner(tls=signer.server_context("127.0.0.1", is_expired=flaw == "expired")) as partner:
        assert failure_of(effect(partner.url)).error == "tls"

    assert partner.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_an_outdated_tls_is_refused(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Partner(tls=context) as partner:
        assert failure_of(effect(partner.url)).error == "tls"


def test_the_partner_is_told_the_name_that_is_asked_for(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    context = authority.server_context("partner.example")
    context.sni_callback = lambda _, name, __: names.append(name)
    with Partner(tls=context) as partner:
        resolving(monkeypatch, ["127.0.0.1"])
        effect(f"https://partner.example:{partner.port}/")(make_event())

    assert names == ["partner.example"]


def test_a_partner_that_drips_over_tls_is_cut_off(authority: Authority) -> None:
    with Partner(speaks=drip(b"HTTP/1.1 204 "), tls=authority.server_context("127.0.0.1")) as partner:
        assert failure_of(effect(partner.url, timeout_seconds=1)).error == "timed out"


def test_a_partner_without_tls_is_not_spoken_to_in_plain_text() -> None:
    with Partner(
        b"HTTP/1.1 400 Bad Request\r\n\r\n", speaks=lambda c: c.sendall(b"HTTP/1.1 400\r\n\r\n"), reads=False
    ) as partner:
        assert failure_of(effect(partner.url.replace("http:", "https:"))).error in ("tls", "connection lost")

    assert partner.requests == []


@pytest.mark.parametrize(
    "fields",
    [
        *({"url": url} for url in ("", "https://", "https:///path", "ftp://a.example/", "//a.example/", "a.example")),
        *({"url": url} for url in ("https://u:p@a.example/", "https://u@a.example/", "https://@a.example/")),
        *({"url": url} for url in ("https://a.example/#b", "https://a.example:0/", "https://a.example:99999/")),
        *(
            {"url": url}
            for url in ("https://a.example:x/", "https://bücher.example/", "https://a.example/a b", "https://[::1")
        ),
        *({"url": url} for url in ("https://a.exam\tple/", "https://a.example/\r\nX: 1", "https://[fe80::1%25eth0]/")),
        *(
            {"url": url}
            for url in ("https://a.example\\@b.example/", "https://a%2eexample/", 7, None, ["https://a.example"])
        ),
        {"url": "http://a.example/", "allow_private_addresses": False},
        *({"timeout_seconds": seconds} for seconds in (0, -1, 901, "10", True, float("nan"))),
        *({"allow_private_addresses": value} for value in ("true", 1)),
        *({"secret_name": name} for name in ("", None, 7)),
        *({"proxy": "x"}, {"kind": "https"}),
    ],
    ids=lambda fields: json.dumps(fields),
)
def test_a_configuration_that_cant_be_meant_is_refused_at_once(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="effect"):
        effect(**{"url": "https://a.example/", **fields})


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://a.example", "a.example", 443, "/"),
        ("https://A.Example:8443?x=1", "a.example", 8443, "/?x=1"),
        ("https://a.example/b//c/../d;e", "a.example", 443, "/b//c/../d;e"),
        ("https://[2600::1]:8443/", "2600::1", 8443, "/"),
        ("https://1.1.1.1/", "1.1.1.1", 443, "/"),
    ],
)
def test_a_url_is_read_as_it_is_written(url: str, host: str, port: int, target: str) -> None:
    partner = read_partner(configuration(url, allow_private_addresses=False))

    assert (partner.host, partner.port, partner.target) == (host, port, target)


def test_an_ipv6_host_is_delivered_to() -> None:
    try:
        listening = Partner(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listening as partner:
        assert effect(f"http://[::1]:{partner.port}/")(make_event()) == "http 204"

    assert partner.requests[0].headers["host"] == f"[::1]:{partner.port}"
