import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.keys import Key
from common.reasons import Reason
from common.scheme import preset
from tests.unit.common.vectors import Vector, all_vectors, vector_of
from tests.unit.webhookctl.conftest import Ended, Run
from webhookctl import output
from webhookctl.reasons import HINTS, hint
from webhookctl.verification import needed_headers

VECTORS = all_vectors()
GITHUB, SLACK, STANDARD = vector_of("github"), vector_of("slack"), vector_of("standard-webhooks")

ids = [vector.scheme for vector in VECTORS]


def verify(run: Run, vector: Vector, *more: str) -> Ended:
    Path("secret").write_text(vector.secret, encoding="utf-8")
    Path("body").write_bytes(vector.body)
    headers = [part for name, value in vector.headers.items() for part in ("-H", f"{name}: {value}")]
    target = ("--method", vector.method, "--url", vector.url) if vector.url else ()
    at = ("--at", str(vector.received_at))
    return run("verify", "--scheme", vector.scheme, "--secret-file", "secret", *headers, *target, *at, *more, "body")


def flipped(text: str, place: int = -1) -> str:
    """The text with the lowest bit of one character changed."""
    characters = list(text)
    characters[place] = chr(ord(characters[place]) ^ 1)
    return "".join(characters)


@pytest.mark.parametrize("vector", VECTORS, ids=ids)
def test_a_published_request_is_genuine(run: Run, vector: Vector) -> None:
    ended = verify(run, vector)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("genuine")
    assert vector.scheme in ended.out


ONE_OF_EACH = [vector_of(scheme) for scheme in dict.fromkeys(ids)]
COVERING = [vector for vector in ONE_OF_EACH if preset(vector.scheme).signs_body]


@pytest.mark.parametrize("vector", COVERING, ids=lambda vector: vector.scheme)
def test_one_bit_changed_in_the_body_is_not_genuine(run: Run, vector: Vector) -> None:
    for place in range(0, len(vector.body), 29):
        body = bytearray(vector.body)
        body[place] ^= 1
        ended = verify(run, replace(vector, body=bytes(body)))
        assert ended.code == 1
        assert ended.out.startswith("not genuine: ")


@pytest.mark.parametrize("vector", ONE_OF_EACH, ids=lambda vector: vector.scheme)
def test_one_bit_changed_in_the_secret_is_not_genuine(run: Run, vector: Vector) -> None:
    secret = json.loads(vector.secret)["x"] if vector.scheme == "plaid" else vector.secret
    for place in range(0, len(secret), 9):
        changed = vector.secret.replace(secret, flipped(secret, place))
        ended = verify(run, replace(vector, secret=changed))
        if ended.code == 2:
            assert "can't be used" in ended.err
        else:
            assert (ended.code, ended.out) == (1, "not genuine: signature_mismatch\n")


@pytest.mark.parametrize(
    "vector", [vector for vector in ONE_OF_EACH if preset(vector.scheme).signs_url], ids=lambda vector: vector.scheme
)
def test_another_url_is_not_genuine_and_none_is_wrong_usage(run: Run, vector: Vector) -> None:
    ended = verify(run, replace(vector, url=vector.url + "x"))
    assert (ended.code, ended.out) in {
        (1, f"not genuine: {reason}\n") for reason in ("signature_mismatch", "url_mismatch")
    }
    without = verify(run, replace(vector, url=""))
    assert without.code == 2
    assert "--url is needed" in without.err


@pytest.mark.parametrize("vector", [GITHUB, SLACK, STANDARD], ids=lambda vector: vector.scheme)
def test_one_bit_changed_in_any_security_header_is_not_genuine(run: Run, vector: Vector) -> None:
    for name in vector.headers.keys() & needed_headers(preset(vector.scheme)):
        for place in range(0, len(vector.headers[name]), 3):
            ended = verify(run, vector.with_header(name, flipped(vector.headers[name], place)))
            assert ended.code == 1, (name, place)
            assert ended.out.startswith("not genuine: ")


def test_it_tells_what_matched(run: Run) -> None:
    secrets = json.dumps(["whsec_b3RoZXI=", STANDARD.secret])
    ended = verify(run, replace(STANDARD, secret=secrets), "--json")
    (name,) = [name for name in STANDARD.headers if name.lower() == "webhook-id"]
    assert ended.document == {
        "genuine": True,
        "scheme": "standard-webhooks",
        "signs_body": True,
        "key_id": ended.document["key_id"],
        "event_id": STANDARD.headers[name],
        "event_type": None,
        "signed_at": "2021-02-25T15:02:10.000Z",
        "age_seconds": 10.0,
    }
    alone = verify(run, STANDARD, "--json")
    assert ended.document["key_id"] == alone.document["key_id"]


def test_a_request_is_judged_as_of_the_time_given(run: Run) -> None:
    late = replace(SLACK, received_at=SLACK.received_at + 300)
    assert verify(run, late).out == "not genuine: stale_timestamp\n"
    assert verify(run, late, "--tolerance-seconds", "310").code == 0
    early = replace(SLACK, received_at=SLACK.received_at - 400)
    assert verify(run, early).out == "not genuine: future_timestamp\n"


def test_without_a_time_it_is_judged_as_of_now(run: Run) -> None:
    Path("secret").write_text(SLACK.secret)
    headers = [part for name, value in SLACK.headers.items() for part in ("-H", f"{name}: {value}")]
    ended = run("verify", "--scheme", "slack", "--secret-file", "secret", *headers, "-", stdin=SLACK.body)
    assert (ended.code, ended.out) == (1, "not genuine: stale_timestamp\n")


def test_a_header_given_twice_is_repeated(run: Run) -> None:
    (header,) = GITHUB.headers.items()
    ended = verify(run, GITHUB, "-H", f"{header[0].lower()}: {header[1]}", "--json")
    assert ended.code == 1
    assert ended.document["reason"] == "repeated_header"


def test_a_missing_header_is_named(run: Run) -> None:
    ended = verify(run, replace(SLACK, headers={}))
    assert (ended.code, ended.err) == (1, "")
    assert ended.out == "not genuine: missing_header\nnot given: X-Slack-Signature, X-Slack-Request-Timestamp\n"


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_#", "whsec_", "[]", "", "\udcff"])
def test_a_secret_that_is_not_a_key_is_wrong_usage_and_not_the_request_s_fault(run: Run, secret: str) -> None:
    Path("secret").write_bytes(secret.encode("utf-8", "surrogateescape"))
    Path("body").write_bytes(STANDARD.body)
    ended = run("verify", "--scheme", "standard-webhooks", "--secret-file", "secret", "body", "--json")
    assert (ended.code, ended.out) == (2, "")
    assert "UTF-8" in ended.err or "must be whsec_ and base64" in " ".join(ended.err.split())


@pytest.mark.parametrize(
    ("scheme", "secret", "form"),
    [
        ("basic", "password", "user:password"),
        ("sendgrid", "-----BEGIN PUBLIC KEY-----", "without BEGIN and END"),
        ("sendgrid", "AAAA", "without BEGIN and END"),
        ("discord", "00", "hexadecimal digits"),
        ("plaid", "{}", "a JSON Web Key on P-256"),
        ("github", "", "the text that the sender shows"),
    ],
)
def test_an_unusable_secret_is_told_the_form_that_it_must_have(run: Run, scheme: str, secret: str, form: str) -> None:
    Path("secret").write_text(secret)
    Path("body").write_bytes(b"{}")
    ended = run("verify", "--scheme", scheme, "--secret-file", "secret", "body")
    assert (ended.code, ended.out) == (2, "")
    assert form in " ".join(ended.err.split())


@pytest.mark.parametrize("url", ["nonsense", "/webhooks/x", "ftp://a/b", "https://", "https://a/b#c", "https://a/ b"])
def test_a_url_that_is_none_is_wrong_usage(run: Run, url: str) -> None:
    ended = verify(run, replace(vector_of("square"), url=url))
    assert (ended.code, ended.out) == (2, "")
    assert "--url must be a whole one" in ended.err


def test_a_scheme_with_a_slip_is_told_which_was_meant(run: Run) -> None:
    for slip, meant in (("githb", "github"), ("GitHub", "github"), ("strip", "stripe")):
        ended = verify(run, replace(GITHUB, scheme=slip))
        assert ended.code == 2
        assert meant in ended.err


@pytest.mark.parametrize("scheme", ["basic", "mailgun"])
def test_what_does_not_sign_the_body_is_said_to_be_so(run: Run, scheme: str) -> None:
    ended = verify(run, vector_of(scheme))
    assert ended.out.startswith("genuine, but for the body, which is not signed\n")
    assert verify(run, vector_of(scheme), "--json").document["signs_body"] is False
    assert verify(run, GITHUB, "--json").document["signs_body"] is True


def test_a_hint_is_of_the_scheme(run: Run) -> None:
    wrong = replace(vector_of("square"), secret="another")
    assert "the URL is not, to the letter" in verify(run, wrong, "--json").document["hint"]
    assert "a label in common" in hint(Reason.MALFORMED_SIGNATURE, preset("rfc9421"))
    assert "no parameter with the body's digest" in hint(Reason.MALFORMED_BODY, preset("twilio"))
    assert hint(Reason.MALFORMED_SIGNATURE, preset("github")) == HINTS[Reason.MALFORMED_SIGNATURE]


def test_the_body_may_come_from_standard_input(run: Run) -> None:
    Path("secret").write_text(GITHUB.secret + "\n")
    (header,) = [f"{name}: {value}" for name, value in GITHUB.headers.items()]
    ended = run("verify", "--scheme", "github", "--secret-file", "secret", "-H", header, "-", stdin=GITHUB.body)
    assert ended.code == 0
    assert Key(GITHUB.secret.encode()).id in ended.out


def test_a_custom_scheme_comes_from_a_file(run: Run) -> None:
    signature = next(iter(GITHUB.headers.values())).removeprefix("sha256=")
    Path("mine.json").write_text('{"signature": {"header": "X-Mine", "prefix": "mac "}}')
    ended = verify(run, replace(GITHUB, scheme="mine.json", headers={"x-mine": f"mac {signature}"}))
    assert ended.code == 0
    assert "mine.json" in ended.out


def test_an_unsigned_request_is_said_to_prove_nothing(run: Run) -> None:
    ended = run("verify", "--scheme", "unsigned", "-", stdin=b"{}")
    assert ended.code == 0
    assert "anybody could have sent this" in ended.out


def test_the_method_and_the_url_may_be_given(run: Run) -> None:
    assert verify(run, GITHUB, "--method", "POST", "--url", "https://example.com/webhooks/github").code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--scheme", "gitub", "body"], "There is no scheme 'gitub'"),
        (["--scheme", "mine.json", "body"], "Can't read mine.json: no such file or directory."),
        (["--scheme", "wrong.json", "body"], "wrong.json: scheme.signed must contain {body} once"),
        (["--scheme", "text.json", "body"], "text.json is not JSON: "),
        (["--scheme", "github", "body"], "give the file it is in with --secret-file"),
        (["--scheme", "github", "--secret-file", "no", "body"], "Can't read no: no such file or directory."),
        (["--scheme", "github", "--secret-file", "secret", "no"], "Can't read no: no such file or directory."),
        (["--scheme", "github", "--secret-file", "secret", "."], "Can't read .: is a directory."),
        (["--scheme", "github", "--secret-file", "secret", "-H", "X-A", "body"], "'X-A' is not of the form"),
        (["--scheme", "github", "--secret-file", "secret", "-H", ": a", "body"], "': a' is not of the form"),
        (["--scheme", "github", "--secret-file", "secret", "--at", "now", "body"], "Invalid value for '--at'"),
        (["--scheme", "github", "--secret-file", "secret", "--at", "1700000000000", "body"], "milliseconds"),
        (["--scheme", "github", "--secret-file", "secret", "--tolerance-seconds", "-1", "body"], "Invalid value"),
        (["--scheme", "github", "--secret-file", "-", "-"], "can't both come from standard input"),
        (["--scheme", "github", "--secret-file", "secret"], "Missing argument"),
        (["--secret-file", "secret", "body"], "Missing option '--scheme'"),
    ],
)
def test_wrong_usage_says_what_is_wrong(run: Run, arguments: list[str], sentence: str) -> None:
    Path("secret").write_text("secret")
    Path("body").write_bytes(b"{}")
    Path("wrong.json").write_text('{"signature": {"header": "X-A"}, "signed": "{id}"}')
    Path("text.json").write_text("not JSON")
    ended = run("verify", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


def test_every_reason_has_a_hint() -> None:
    assert {*Reason} <= HINTS.keys()


def test_a_hint_is_for_terminals_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(GITHUB, secret="another")
    assert HINTS[Reason.SIGNATURE_MISMATCH] not in verify(run, wrong).out
    monkeypatch.setattr("webhookctl.verify_view.is_terminal", lambda: True)
    assert HINTS[Reason.SIGNATURE_MISMATCH] in verify(run, wrong).out


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert output.styled("genuine", "good") == "genuine"
    monkeypatch.setattr(output, "is_terminal", lambda _=None: True)
    assert output.styled("genuine", "good") == "\x1b[32mgenuine\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.styled("genuine", "good") == "genuine"


def test_prose_ends_its_lines_between_words_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output.write_error("a sentence that is long")
    monkeypatch.setattr(output, "is_terminal", lambda _: True)
    monkeypatch.setenv("COLUMNS", "11")
    output.write_error("a sentence that is long\n  and another")
    assert capsys.readouterr().err.splitlines() == [
        "a sentence that is long",
        "a sentence",
        "that is",
        "long",
        "  and",
        "another",
    ]
