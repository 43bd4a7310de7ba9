import base64
import gzip
import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from authorizer.settings import read_settings

SOURCES = {
    "github": {"scheme": "github"},
    "acme": {"scheme": {"signature": {"header": "X-Acme"}}, "content_types": ["text/xml"], "tolerance_seconds": 60},
    "partner": {"scheme": "token"},
}


def packed(sources: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(sources).encode())).decode()


ENVIRONMENT = {
    "SOURCES": packed(SOURCES),
    "SECRET_PREFIX": "webhook-test/",
    "METRICS_NAMESPACE": "webhook-test",
}


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    sys.modules.pop("authorizer.handler", None)
    yield importlib.import_module("authorizer.handler")
    del sys.modules["authorizer.handler"]


@pytest.fixture
def event() -> dict[str, Any]:
    text = (Path(__file__).parent / "events" / "github.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_an_allowed_request_gets_exactly_its_method_and_its_head(handler: ModuleType, event: dict[str, Any]) -> None:
    answer = handler.handle(event, None)
    assert answer["policyDocument"]["Statement"] == [
        {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    ]
    head = json.loads(base64.urlsafe_b64decode(answer["context"]["head"] + "=="))
    assert head["source"] == "github"
    assert head["headers"]["x-github-event"] == "issues"


def test_a_refused_request_is_denied_in_so_many_words_with_a_reason(handler: ModuleType, event: dict[str, Any]) -> None:
    event["multiValueHeaders"]["X-Hub-Signature-256"] = ["sha1=abc"]
    answer = handler.handle(event, None)
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert answer["context"] == {"reason": "malformed_signature"}


def test_a_header_repeated_with_another_spelling_is_refused(handler: ModuleType, event: dict[str, Any]) -> None:
    headers = event["multiValueHeaders"]
    headers["x-hub-signature-256"] = headers["X-Hub-Signature-256"]
    assert handler.handle(event, None)["context"] == {"reason": "repeated_header"}


def test_an_event_without_headers_is_refused_not_an_error(handler: ModuleType, event: dict[str, Any]) -> None:
    event["multiValueHeaders"] = None
    assert handler.handle(event, None)["context"] == {"reason": "missing_content_type"}


def test_context_values_are_texts_since_templates_see_nothing_else(handler: ModuleType, event: dict[str, Any]) -> None:
    assert all(isinstance(value, str) for value in handler.handle(event, None)["context"].values())


def test_a_source_in_order_gets_its_group_and_its_deduplication_id_and_another_neither(
    monkeypatch: pytest.MonkeyPatch, event: dict[str, Any]
) -> None:
    ordered = {"github": {"scheme": "github", "fifo": True, "order_by": "X-GitHub-Event"}}
    contexts = []
    for sources in (SOURCES, ordered):
        for name, value in (ENVIRONMENT | {"SOURCES": packed(sources)}).items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("authorizer.handler", None)
        contexts.append(importlib.import_module("authorizer.handler").handle(event, None)["context"])
        del sys.modules["authorizer.handler"]
    plain, in_order = contexts
    assert plain.keys() == {"head"}
    assert in_order == plain | {
        "group": "issues",
        "deduplication_id": hashlib.sha256(plain["head"].encode()).hexdigest(),
    }


def test_the_trace_is_lambdas_own_and_never_the_senders(
    handler: ModuleType, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    event["multiValueHeaders"]["X-Amzn-Trace-Id"] = ["Root=1-sender"]
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    assert handler.handle(event, None)["context"]["trace"] == trace
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    assert "trace" not in handler.handle(event, None)["context"]


def test_each_decision_is_one_metric_line_without_any_header(
    handler: ModuleType, event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    handler.handle(event, None)
    event["multiValueHeaders"]["X-Hub-Signature-256"] = ["forged"]
    handler.handle(event, None)
    accepted, refused = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (accepted["source"], accepted["Accepted"], accepted["request_id"]) == ("github", 1, "ZYXwvuTSrqpONm=")
    assert (refused["Refused"], refused["reason"]) == (1, "malformed_signature")
    assert refused["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["source", "reason"]]
    assert refused.keys() == {"_aws", "request_id", "source", "reason", "Refused"}


def test_a_source_is_a_preset_or_data_and_the_rest_has_defaults() -> None:
    sources = read_settings(ENVIRONMENT).sources
    assert sources["github"].tolerance_seconds == 300
    assert sources["github"].content_types == ("application/json", "application/x-www-form-urlencoded")
    assert (sources["acme"].tolerance_seconds, sources["acme"].content_types) == (60, ("text/xml",))
    assert sources["acme"].scheme.header_names == ("x-acme",)
    assert not any(source.fifo or source.order_by for source in sources.values())


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        read_settings({other: value for other, value in ENVIRONMENT.items() if other != name})


@pytest.mark.parametrize("text", ["not base64", base64.b64encode(b"not gzip").decode()])
def test_sources_that_can_not_be_read_are_an_error_at_start(text: str) -> None:
    with pytest.raises((ValueError, OSError)):
        read_settings(ENVIRONMENT | {"SOURCES": text})


LOADED = "import sys, authorizer.handler; print(sorted({'http.client', 'ssl'} & sys.modules.keys()))"


@pytest.mark.parametrize(
    ("sources", "loaded"), [(["github", "stripe"], []), (["github", "token"], ["http.client", "ssl"])]
)
def test_what_speaks_https_is_loaded_at_the_start_where_a_source_needs_its_keys_here(
    sources: list[str], loaded: list[str]
) -> None:
    variables = ENVIRONMENT | {"SOURCES": packed({name: {"scheme": name} for name in sources})}
    folder = str(Path(__file__).parents[3] / "lambdas")
    environment = {**os.environ, **variables, "PYTHONPATH": folder, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    run = subprocess.run(
        [sys.executable, "-S", "-B", "-c", LOADED], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == repr(loaded)


INTROSPECTING = """
import sys, authorizer.handler, common.json_web_token, common.message_signature
print({"ast", "dataclasses", "inspect"} & sys.modules.keys())
"""


def test_what_looks_into_code_is_not_loaded() -> None:
    """Data classes need it: with them a start takes a sixth longer."""
    folder = str(Path(__file__).parents[3] / "lambdas")
    variables = ENVIRONMENT | {"PYTHONPATH": folder, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    command = [sys.executable, "-S", "-B", "-c", INTROSPECTING]
    assert subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout == "set()\n"


def test_no_key_and_no_credential_is_read_before_a_request_needs_it(handler: ModuleType) -> None:
    """A snapshot taken in between would keep what is old when it is restored. There are no credentials here at all."""
    assert not any(name.startswith("AWS_ACCESS_KEY") for name in ENVIRONMENT)
    assert handler.keyrings.keys() == {"partner"}
    assert handler.keyrings["partner"]._keys == ()


def test_a_key_is_as_old_as_its_reading_by_the_time_of_requests(
    handler: ModuleType, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the process slept: it reads again upon the first request after it."""
    texts = ["old"]
    monkeypatch.setattr(handler.keyrings["partner"], "_fetch", lambda: texts)
    event |= {"resource": "/webhooks/partner"}
    event["multiValueHeaders"]["X-Webhook-Token"] = ["old"]
    assert "head" in handler.handle(event, None)["context"]
    texts[:] = ["new"]
    event["requestContext"]["requestTimeEpoch"] += 3_600_000
    assert handler.handle(event, None)["context"] == {"reason": "signature_mismatch"}
