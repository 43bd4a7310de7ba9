import hashlib
import hmac
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from common.envelope import MalformedEnvelope, read_envelope
from common.headers import gather
from common.keys import Key
from common.signature import Request, verify
from handshake.queue import Queue
from handshake.settings import read_settings
from tests.unit.handshake.events import (
    RECEIVED_AT,
    REQUEST_ID,
    SECRET,
    SLACK_CHALLENGE,
    SLACK_TEXT,
    ZOOM_CHALLENGE,
    ZOOM_TEXT,
    event,
    head,
    signature,
)
from webhookctl.local.demo.traffic import HOSTILE_BODIES

SECRET_NAME = "webhook-test/crew"
ENVIRONMENT = {
    "SOURCE": "crew",
    "SCHEME": '"slack"',
    "TOLERANCE_SECONDS": "300",
    "SECRET_NAME": SECRET_NAME,
    "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/webhook-test-crew",
    "SUCCESS_STATUS": "202",
    "METRICS_NAMESPACE": "webhook-test",
}
WEBHOOK = b'{"type": "event_callback", "event_id": "Ev1"}'
ASK = {"slack": SLACK_CHALLENGE, "zoom": ZOOM_CHALLENGE}


@dataclass
class Bench:
    """The function of one source, its queue and its secret."""

    handler: ModuleType
    scheme: str
    queue_url: str

    def ask(self, body: bytes, **changes: Any) -> tuple[int, dict[str, str]]:
        return self.answer(event(body, **{"scheme": self.scheme, **changes}))

    def answer(self, given: dict[str, Any]) -> tuple[int, dict[str, str]]:
        answer = self.handler.handle(given, None)
        assert answer.keys() == {"status", "body"}
        return answer["status"], json.loads(answer["body"])

    def messages(self) -> list[dict[str, Any]]:
        sqs = boto3.client("sqs")
        answer = sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return [dict(message) for message in answer.get("Messages", [])]

    def put_secret(self, text: str) -> None:
        boto3.client("secretsmanager").put_secret_value(SecretId=SECRET_NAME, SecretString=text)


@pytest.fixture
def start(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Bench]]:
    boto3.client("secretsmanager").create_secret(Name=SECRET_NAME)

    def start(scheme: str) -> Bench:
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="webhook-test-crew", Attributes={"MaximumMessageSize": "4096"})["QueueUrl"]
        for name, value in (ENVIRONMENT | {"SCHEME": json.dumps(scheme), "QUEUE_URL": url}).items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("handshake.handler", None)
        return Bench(importlib.import_module("handshake.handler"), scheme, url)

    yield start
    sys.modules.pop("handshake.handler", None)


@pytest.fixture
def bench(start: Callable[[str], Bench]) -> Bench:
    bench = start("slack")
    bench.put_secret(SECRET)
    return bench


@pytest.fixture(params=["slack", "zoom"])
def each_bench(request: pytest.FixtureRequest, start: Callable[[str], Bench]) -> Bench:
    bench = start(request.param)
    bench.put_secret(SECRET)
    return bench


def test_a_webhook_of_a_source_in_order_has_its_place_in_the_queue(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="webhook-test-crew.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    monkeypatch.setattr(bench.handler, "lane", replace(bench.handler.lane, queue=Queue(sqs, url)))
    status, _ = bench.answer(event(WEBHOOK) | {"group": "ticket-5", "deduplication_id": "5f5f"})
    [message] = replace(bench, queue_url=url).messages()
    place = {name: message["Attributes"][name] for name in ("MessageGroupId", "MessageDeduplicationId")}
    assert (status, place) == (202, {"MessageGroupId": "ticket-5", "MessageDeduplicationId": "5f5f"})


def refused(reason: str) -> tuple[int, dict[str, str]]:
    return 403, {"error": "ACCESS_DENIED", "reason": reason, "request_id": REQUEST_ID}


def failed(reason: str) -> tuple[int, dict[str, str]]:
    return 503, {"error": "INTEGRATION_FAILURE", "reason": reason, "request_id": REQUEST_ID}


def expected(scheme: str, key: str = SECRET) -> dict[str, str]:
    if scheme == "slack":
        return {"challenge": SLACK_TEXT}
    digest = hmac.new(key.encode(), ZOOM_TEXT.encode(), hashlib.sha256).hexdigest()
    return {"plainToken": ZOOM_TEXT, "encryptedToken": digest}


def test_a_genuine_challenge_is_answered_with_200_and_kept_nowhere(each_bench: Bench) -> None:
    assert each_bench.ask(ASK[each_bench.scheme]) == (200, expected(each_bench.scheme))
    assert each_bench.messages() == []


def test_an_answered_challenge_is_one_metric_line_without_any_header(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.ask(SLACK_CHALLENGE)
    bench.ask(SLACK_CHALLENGE, key="forged")
    bench.ask(WEBHOOK)
    (line,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (line["source"], line["Handshakes"], line["request_id"]) == ("crew", 1, REQUEST_ID)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["source"]]
    assert line.keys() == {"_aws", "request_id", "source", "Handshakes"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": "another"}, "signature_mismatch"),
        ({"signed_at": RECEIVED_AT - 301}, "stale_timestamp"),
        ({"signed_at": RECEIVED_AT + 301}, "future_timestamp"),
    ],
)
def test_a_challenge_that_is_not_genuine_is_refused_and_kept_nowhere(
    each_bench: Bench, changes: dict[str, Any], reason: str
) -> None:
    assert each_bench.ask(ASK[each_bench.scheme], **changes) == refused(reason)
    assert each_bench.messages() == []


def test_a_signature_of_another_body_does_not_answer_a_challenge(bench: Bench) -> None:
    other = head(SLACK_CHALLENGE)
    assert bench.ask(SLACK_CHALLENGE + b" ", given_head=other) == refused("signature_mismatch")


def test_a_genuine_challenge_with_a_text_out_of_the_ordinary_is_refused(each_bench: Bench) -> None:
    for text in ("", "a" * 201, "<script>", f"v0:{RECEIVED_AT}:{{}}"):
        body: dict[str, Any] = {"type": "url_verification", "challenge": text}
        if each_bench.scheme == "zoom":
            body = {"event": "endpoint.url_validation", "payload": {"plainToken": text}}
        assert each_bench.ask(json.dumps(body).encode()) == refused("malformed_body")


def test_no_forger_learns_whether_his_text_would_do(bench: Bench) -> None:
    body = SLACK_CHALLENGE.replace(SLACK_TEXT.encode(), b"a:b")
    assert bench.ask(body, key="forged") == refused("signature_mismatch")


def test_with_several_live_keys_the_one_that_signed_answers(each_bench: Bench) -> None:
    each_bench.put_secret(json.dumps(["newer", "newest"]))  # SECRET is the previous version
    for key in (SECRET, "newer", "newest"):
        assert each_bench.ask(ASK[each_bench.scheme], key=key) == (200, expected(each_bench.scheme, key))


def test_a_key_that_was_put_since_answers_as_soon_as_it_may_be_read(bench: Bench) -> None:
    assert bench.ask(SLACK_CHALLENGE)[0] == 200
    bench.put_secret("new")
    later = event(SLACK_CHALLENGE, key="new", signed_at=RECEIVED_AT + 20)
    later["envelope"]["received_at_ms"] += 20_000
    assert bench.answer(later) == (200, expected("slack", "new"))


def test_a_secret_that_can_not_be_read_is_no_fault_of_the_senders(start: Callable[[str], Bench]) -> None:
    bench = start("slack")
    assert bench.ask(SLACK_CHALLENGE, key="forged") == failed("handshake_failure")
    bench.put_secret('{"key": "value"}')
    later = event(SLACK_CHALLENGE)
    later["envelope"]["received_at_ms"] += 6_000
    assert bench.answer(later) == failed("handshake_failure")
    assert bench.messages() == []


def test_a_webhook_needs_no_secret_to_be_kept(start: Callable[[str], Bench]) -> None:
    bench = start("slack")
    assert bench.ask(WEBHOOK, key="whoever") == (202, {"id": REQUEST_ID})
    assert len(bench.messages()) == 1


def test_everything_else_is_in_the_queue_as_the_template_would_write_it(bench: Bench) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    assert bench.ask(WEBHOOK, trace=trace) == (202, {"id": REQUEST_ID})
    (message,) = bench.messages()
    assert message["Attributes"]["AWSTraceHeader"] == trace
    envelope = read_envelope(message["Body"])
    assert (envelope.source, envelope.request_id, envelope.received_at_ms) == ("crew", REQUEST_ID, RECEIVED_AT * 1000)
    assert envelope.bodies == (WEBHOOK,)
    verify(bench.handler.settings.scheme, [Key(SECRET.encode())], Request(gather(envelope.headers.items())), WEBHOOK)


def test_the_other_kinds_challenge_is_a_webhook_like_any(each_bench: Bench) -> None:
    (other,) = (ASK[scheme] for scheme in ASK if scheme != each_bench.scheme)
    assert each_bench.ask(other) == (202, {"id": REQUEST_ID})
    assert len(each_bench.messages()) == 1


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(body=st.binary(max_size=300) | st.sampled_from([body for body in HOSTILE_BODIES if len(body) < 2000]))
def test_any_body_arrives_as_the_bytes_that_came(bench: Bench, body: bytes) -> None:
    sqs = boto3.client("sqs")
    assert bench.ask(body) == (202, {"id": REQUEST_ID})
    (message,) = bench.messages()
    sqs.delete_message(QueueUrl=bench.queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert read_envelope(message["Body"]).bodies == ((body,) if body else (b"", b"{}"))


@pytest.mark.parametrize("name", ["version", "received_at_ms", "request_id", "head", "body"])
@pytest.mark.parametrize("change", [None, {}])
def test_an_event_that_the_template_did_not_make_is_an_error_and_kept_nowhere(
    bench: Bench, name: str, change: object
) -> None:
    given = event(WEBHOOK)
    given["envelope"][name] = change
    with pytest.raises(MalformedEnvelope):
        bench.answer(given)
    assert bench.messages() == []


@pytest.mark.parametrize("given", [{}, {"envelope": event(WEBHOOK)["envelope"]}, {"requestContext": {}}, []])
def test_another_services_event_is_an_error_and_kept_nowhere(bench: Bench, given: Any) -> None:
    with pytest.raises((KeyError, TypeError)):
        bench.answer(given)
    assert bench.messages() == []


def test_a_webhook_that_the_queue_is_too_small_for_is_the_senders_fault(bench: Bench) -> None:
    error = {"error": "REQUEST_TOO_LARGE", "reason": "too_large", "request_id": REQUEST_ID}
    assert bench.ask(b"a" * 4096) == (413, error)
    assert bench.messages() == []


def test_a_queue_that_refuses_is_no_fault_of_the_senders(bench: Bench) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=bench.queue_url)
    assert bench.ask(WEBHOOK) == failed("queue_unavailable")


def test_a_queue_that_can_not_be_reached_is_no_fault_of_the_senders(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**_request: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    monkeypatch.setattr(bench.handler.lane.queue.client, "send_message", unreachable)
    assert bench.ask(WEBHOOK) == failed("queue_unavailable")


def test_a_head_that_the_authorizer_did_not_write_is_an_error(bench: Bench) -> None:
    for body in (SLACK_CHALLENGE, WEBHOOK):
        with pytest.raises(MalformedEnvelope):
            bench.ask(body, given_head="e30")


def test_what_is_logged_tells_why_and_nothing_of_body_and_headers(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    body = SLACK_CHALLENGE
    bench.ask(body)
    bench.ask(body, key="forged")
    boto3.client("sqs").delete_queue(QueueUrl=bench.queue_url)
    bench.ask(WEBHOOK)
    refusal, failure = caplog.records
    assert vars(refusal).items() >= {"source": "crew", "reason": "signature_mismatch"}.items()
    facts = {"source": "crew", "reason": "queue_unavailable", "aws_code": "AWS.SimpleQueueService.NonExistentQueue"}
    assert vars(failure).items() >= facts.items()
    text = " ".join(str(vars(record)) for record in caplog.records)
    secrets = (body.decode(), WEBHOOK.decode(), SLACK_TEXT, ZOOM_TEXT, SECRET, signature(body, "forged"))
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        read_settings({other: value for other, value in ENVIRONMENT.items() if other != name})


@pytest.mark.parametrize("name", ["slack", "zoom"])
def test_which_challenges_a_source_gets_is_in_the_data_of_its_preset(name: str) -> None:
    assert read_settings(ENVIRONMENT | {"SCHEME": json.dumps(name)}).handshake == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOLERANCE_SECONDS", "soon"),
        ("SUCCESS_STATUS", "OK"),
        ("SCHEME", "slack"),
        ("SCHEME", '"nobody"'),
        ("SCHEME", '"github"'),
        ("SCHEME", '{"signature": {"header": "X-Acme"}, "handshake": "zoom"}'),
    ],
)
def test_a_wrong_variable_is_an_error_at_start(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_settings(ENVIRONMENT | {name: value})
