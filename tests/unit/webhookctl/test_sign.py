import base64
import hashlib
import json
from pathlib import Path

import pytest

from common.scheme import preset, presets
from tests.unit.common.vectors import Vector, vector_of
from tests.unit.webhookctl.conftest import Run
from webhookctl.sender import with_query, written

URL = "https://hooks.example.com/webhooks/x?tenant=blue"
BODY = b'{"id": "evt_1"}\n\xff'


@pytest.mark.parametrize(
    "vector",
    [vector_of("github"), vector_of("slack"), vector_of("standard-webhooks")],
    ids=lambda vector: vector.scheme,
)
def test_a_published_request_is_signed_as_its_sender_signed_it(run: Run, vector: Vector) -> None:
    Path("secret").write_text(vector.secret)
    sent = {name.lower(): value for name, value in vector.headers.items()}
    at = next((value for name, value in sent.items() if name.endswith("timestamp")), "0")
    given_id = ("--id", sent["webhook-id"]) if "webhook-id" in sent else ()
    ended = run(
        "sign", "--scheme", vector.scheme, "--secret-file", "secret", "--at", at, *given_id, "-", stdin=vector.body
    )
    assert ended.code == 0
    signed = dict(line.lower().split(": ", 1) for line in ended.out.splitlines())
    for name in sent.keys() & signed.keys():
        assert signed[name] == sent[name].lower()
    assert {name for name in sent if "signature" in name or "timestamp" in name} <= signed.keys()


def secret_for(scheme: str, text: str) -> str:
    encoded = base64.b64encode(text.encode()).decode()
    forms = {"base64-after-whsec_": f"whsec_{encoded}", "basic": f"user:{text}"}
    return forms.get(preset(scheme).key_encoding, text)


PRIVATE = sorted(name for name in presets() if preset(name).needs_cryptography)
IN_BODY = ["linear", "mailgun"]


@pytest.mark.parametrize("scheme", sorted(presets().keys() - {*PRIVATE, *IN_BODY}))
def test_what_is_signed_is_genuine(run: Run, scheme: str) -> None:
    Path("secret").write_text(json.dumps([secret_for(scheme, "first"), secret_for(scheme, "second")]))
    url = ("--url", URL) if preset(scheme).signs_url else ()
    signed = run("sign", "--scheme", scheme, "--secret-file", "secret", *url, "--json", "-", stdin=BODY).document
    headers = [part for name, value in signed["headers"].items() for part in ("-H", f"{name}: {value}")]
    sent_to = ("--url", with_query(URL, signed["query"]))
    assert run("verify", "--scheme", scheme, "--secret-file", "secret", *headers, *sent_to, "-", stdin=BODY).code == 0


@pytest.mark.parametrize("scheme", PRIVATE)
def test_nobody_can_sign_for_a_sender_with_a_private_key(run: Run, scheme: str) -> None:
    Path("secret").write_text(vector_of(scheme).secret)
    ended = run("sign", "--scheme", scheme, "--secret-file", "secret", "-", stdin=BODY)
    assert (ended.code, ended.out) == (1, "")
    assert "private key" in ended.err


@pytest.mark.parametrize("scheme", IN_BODY)
def test_headers_alone_do_not_sign_what_is_signed_in_the_body(run: Run, scheme: str) -> None:
    Path("secret").write_text("secret")
    for body, sentence in ((b"{}", "webhookctl send SOURCE FILE"), (BODY, "malformed_body")):
        ended = run("sign", "--scheme", scheme, "--secret-file", "secret", "-", stdin=body)
        assert (ended.code, ended.out) == (1, "")
        assert sentence in " ".join(ended.err.split())


def test_what_a_sender_adds_to_the_url_is_said_beside_the_headers(run: Run) -> None:
    Path("secret").write_text("secret")
    ended = run("sign", "--scheme", "twilio", "--secret-file", "secret", "--url", URL, "-", stdin=b"{}")
    assert "X-Twilio-Signature: " in ended.out
    assert f"bodySHA256={hashlib.sha256(b'{}').hexdigest()}" in ended.err


def test_the_event_has_the_id_and_the_type_that_were_given(run: Run) -> None:
    Path("secret").write_text("secret")
    more = ("--id", "evt-1", "--type", "push", "--json")
    ended = run("sign", "--scheme", "github", "--secret-file", "secret", *more, "-", stdin=BODY)
    assert ended.document["scheme"] == "github"
    assert ended.document["headers"]["X-GitHub-Delivery"] == "evt-1"
    assert ended.document["headers"]["X-GitHub-Event"] == "push"


def test_without_an_id_it_is_a_new_one_each_time(run: Run) -> None:
    Path("secret").write_text("secret")
    signed = [run("sign", "--scheme", "github", "--secret-file", "secret", "-", stdin=BODY).out for _ in range(2)]
    assert signed[0] != signed[1]


@pytest.mark.parametrize(
    ("scheme", "arguments", "sentence"),
    [
        ("stripe", ("--id", "evt_1"), "--id has no header in this scheme: it is in the body, at /id."),
        ("slack", ("--type", "a"), "--type has no header in this scheme: it is in the body, at /event/type."),
        ("token", ("--id", "evt_1"), "--id has no place in this scheme."),
        ("github", ("--id", "evt 1"), "--id must be 1 to 255 visible ASCII characters."),
        ("github", ("--type", "a\nX-B: c"), "--type must be 1 to 255 visible ASCII characters."),
    ],
)
def test_an_id_or_a_type_that_no_header_can_carry_is_wrong_usage(
    run: Run, scheme: str, arguments: tuple[str, ...], sentence: str
) -> None:
    Path("secret").write_text("secret")
    ended = run("sign", "--scheme", scheme, "--secret-file", "secret", *arguments, "-", stdin=BODY)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


@pytest.mark.parametrize("secret", [b"", b"[]", b"\xff", "\u00e9".encode(), b"a\nX-B: c"])
def test_a_token_that_no_header_can_carry_is_a_failure(run: Run, secret: bytes) -> None:
    Path("secret").write_bytes(secret)
    ended = run("sign", "--scheme", "token", "--secret-file", "secret", "-", stdin=BODY)
    assert (ended.code, ended.out) in ((1, ""), (2, ""))
    assert "secret" in ended.err


@pytest.mark.parametrize(
    ("body", "pointer", "expected"),
    [
        (b'{"id": 1, "a": "\xc3\xa9"}', "/id", '{"id":"new","a":"\u00e9"}'.encode()),
        (b'{"a": 1}', "/id", b'{"a":1,"id":"new"}'),
        (b'{"event": {"id": 1}}', "/event/id", b'{"event":{"id":"new"}}'),
        (b'{"a/b": {"~": 1}}', "/a~1b/~0", b'{"a/b":{"~":"new"}}'),
        (b'{"event": 1}', "/event/id", b'{"event": 1}'),
        (b'[{"id": 1}]', "/0/id", b'[{"id": 1}]'),
        (b"a=b", "/id", b"a=b"),
        (b"\xff", "/id", b"\xff"),
    ],
)
def test_another_id_is_put_where_the_pointer_says_if_there_is_such_a_place(
    body: bytes, pointer: str, expected: bytes
) -> None:
    assert written(body, {pointer: "new"}) == expected
