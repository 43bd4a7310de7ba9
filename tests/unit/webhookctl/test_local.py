import io
import json
import os
import shlex
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from common.headers import gather
from common.signature import Request
from tests.unit.webhookctl.conftest import Run, outputs_of
from webhookctl import applying, local_demo
from webhookctl.arguments import read_header_lines
from webhookctl.environment import from_outputs
from webhookctl.failure import Failure, WrongUsage
from webhookctl.local.state import State
from webhookctl.local.terraform import Applied, ApplyFailed
from webhookctl.local.terraform_log import Progress
from webhookctl.local_up import EXAMPLE_BODY, example_source, listed, read_postgres, signed_curl
from webhookctl.packages import ensure_packages
from webhookctl.signing import keys_in
from webhookctl.verification import Genuine, judge

AT = 1_700_000_000
SECRETS = {"github": "It's a secret", "billing": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
STATE = State(outputs={})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two Lambdas whose build script notes that it was run."""
    for name in ("authorizer", "processor"):
        (tmp_path / "lambdas" / name).mkdir(parents=True)
        (tmp_path / "lambdas" / name / "handler.py").write_text("")
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "build.sh"
    script.write_text("#!/bin/sh\nmkdir -p build; touch build/authorizer.zip build/processor.zip; echo run >>runs\n")
    script.chmod(0o755)
    return tmp_path


def runs(root: Path) -> int:
    return len((root / "runs").read_text().splitlines()) if (root / "runs").exists() else 0


def test_packages_are_built_when_they_are_not_there(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ensure_packages(root) == root / "build"
    assert runs(root) == 1
    assert "scripts/build.sh" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["lambdas/processor/handler.py", "scripts/build.sh"])
def test_packages_are_built_again_only_after_a_change(root: Path, name: str) -> None:
    ensure_packages(root)
    ensure_packages(root)
    assert runs(root) == 1
    later = (root / "build" / "processor.zip").stat().st_mtime + 10
    os.utime(root / name, (later, later))
    ensure_packages(root)
    assert runs(root) == 2


def test_a_build_that_fails_tells_why(root: Path) -> None:
    (root / "scripts" / "build.sh").write_text("#!/bin/sh\necho 'build: .venv is missing' >&2; exit 1\n")
    with pytest.raises(Failure, match=r"scripts/build.sh failed:\nbuild: .venv is missing"):
        ensure_packages(root)


@pytest.mark.parametrize("source", ["github", "billing"])
def test_the_curl_that_is_printed_is_genuine(source: str) -> None:
    outputs = outputs_of("http://127.0.0.1:8080/v1", {"github": "github", "billing": "standard-webhooks"})
    chosen = from_outputs(outputs, "local").source(source)
    command = shlex.split(signed_curl(chosen, SECRETS[source], AT).replace("\\\n", ""))
    assert command[:2] == ["curl", f"http://127.0.0.1:8080/v1/webhooks/{source}"]
    assert command[-2:] == ["--data-raw", EXAMPLE_BODY.decode()]
    headers = read_header_lines([after for before, after in pairwise(command) if before == "-H"])
    keys = keys_in(SECRETS[source], chosen.scheme, "")
    judgement = judge(chosen.scheme, keys, Request(headers), EXAMPLE_BODY, at=AT, tolerance_seconds=0)
    assert isinstance(judgement, Genuine)
    assert headers["content-type"] == gather([("content-type", "application/json")])["content-type"]


def test_the_example_is_of_a_source_whose_signature_does_not_expire() -> None:
    environment = from_outputs(outputs_of("", {"slack": "slack", "github": "github"}), "local")
    assert example_source(environment) == environment.source("github")
    assert example_source(replace(environment, sources={})) is None


@pytest.fixture
def environment_dir(tmp_path: Path) -> Path:
    (tmp_path / "main.tf").write_text("")
    return tmp_path


@pytest.fixture
def console() -> Iterator[Console]:
    with closing(io.StringIO()) as file:
        yield Console(file=file, width=80)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_elsewhere_than_on_a_terminal_an_apply_is_a_line_now_and_then(
    environment_dir: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apply(*_: Any, on_progress: applying.OnProgress, **__: Any) -> Applied:
        on_progress(Progress("init", 0, 0, 0.0, ()))
        for second in range(25):
            on_progress(Progress("apply", second, 90, float(second), ("a",)))
        return Applied(STATE, reused=False, directory=environment_dir)

    monkeypatch.setattr(applying, "apply", apply)
    assert applying.applied_state(environment_dir, console, force=True) == STATE
    lines = shown(console).splitlines()
    assert [line.partition(": ")[2] for line in lines[3:5]] == [
        "10 of 90 resources after 10 s",
        "20 of 90 resources after 20 s",
    ]
    assert "applied by Terraform" in lines[-1]
    assert len(lines) == 6


def test_it_says_what_it_waits_for(environment_dir: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def apply(*_: Any, on_progress: applying.OnProgress, **__: Any) -> Applied:
        for step in ("wait", "init", "apply", "show"):
            on_progress(Progress(step, 0, 0, 0.0, ()))
        return Applied(STATE, reused=False, directory=environment_dir)

    monkeypatch.setattr(applying, "apply", apply)
    applying.applied_state(environment_dir, console, force=False)
    name = environment_dir.name
    assert shown(console).splitlines()[:-1] == [
        f"Looking at {name}",
        "Waiting for another apply to end",
        f"Preparing Terraform for {name}",
        f"Planning {name}",
        f"Reading the state of {name}",
    ]


def test_it_says_when_nothing_had_to_be_applied(
    environment_dir: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "apply", lambda *_, **__: Applied(STATE, reused=True, directory=environment_dir))
    applying.applied_state(environment_dir, console, force=False)
    assert "nothing changed since it was last applied" in shown(console)


def test_terraforms_errors_come_whole(environment_dir: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def apply(*_: Any, **__: Any) -> Applied:
        raise ApplyFailed("apply", "Error: no\n  on main.tf line 3")

    monkeypatch.setattr(applying, "apply", apply)
    with pytest.raises(Failure, match=r"on main\.tf line 3"):
        applying.applied_state(environment_dir, console, force=False)


def test_a_directory_without_terraform_is_wrong_usage(tmp_path: Path, console: Console) -> None:
    with pytest.raises(WrongUsage, match="no Terraform environment"):
        applying.applied_state(tmp_path, console, force=False)


def test_a_port_in_use_is_told_before_anything_else(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("local", "up", "--port", str(port), "--env-dir", tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert f"Port {port} of 127.0.0.1 is in use" in ended.err
    assert ended.err.endswith(" --port 0 takes any that is free.\n")


def test_a_port_that_the_user_may_not_have_is_wrong_usage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listen(_port: int) -> None:
        raise PermissionError

    monkeypatch.setattr("webhookctl.local_up.listen", listen)
    ended = run("local", "up", "--port", "80", "--env-dir", tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "Error: Port 80 is not for every user: choose one from 1024 on with --port.\n"


LOGIN = {"host": "127.0.0.1", "port": 5432, "dbname": "d", "username": "u", "password": "hunter2", "sslmode": "disable"}


def test_a_postgresql_login_is_read_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "login.json"
    file.write_text(json.dumps(LOGIN))
    assert read_postgres(str(file)) == LOGIN


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (json.dumps({**LOGIN, "host": 7}).encode(), "login.json is no PostgreSQL login: the secret's host is missing"),
        (b"postgres://u:hunter2@127.0.0.1/d", "login.json is no PostgreSQL login: the secret is not JSON."),
        (b"hunter2\xff", "login.json is not UTF-8 text."),
        (None, "Can't read login.json: no such file or directory."),
    ],
)
def test_what_is_no_postgresql_login_is_wrong_usage_and_not_quoted(
    run: Run, tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "login.json").write_bytes(content)
    ended = run("local", "up", "--port", "0", "--env-dir", tmp_path, "--postgres", "login.json")
    assert (ended.code, ended.out) == (2, "")
    assert why in ended.err
    assert "hunter2" not in ended.err


def test_the_help_shows_a_postgresql_login_that_is_one(run: Run, tmp_path: Path) -> None:
    text = " ".join(run("local", "up", "--help").out.split())
    file = tmp_path / "login.json"
    file.write_text(text[text.index("{") : text.index("}") + 1])
    assert read_postgres(str(file)).keys() == LOGIN.keys()


def test_names_are_listed_in_lines_that_end_between_two_of_them() -> None:
    names = [f"{'a' * number}-source" for number in range(1, 25)]
    assert listed(names, Console(file=io.StringIO(), width=80)) == ", ".join(names)
    lines = listed(names, Console(file=io.StringIO(), width=80, force_terminal=True)).split("\n")
    assert len(lines) > 1
    assert max(map(len, (f"  endpoint  {lines[0]}", *lines[1:]))) <= 80
    assert " ".join(line.strip() for line in lines).split(", ") == names


def test_a_step_of_no_known_length_has_no_count() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    progress = local_demo.ShownProgress(console)
    progress.begin("Waiting", None)
    waiting = rendered(progress, console)
    assert "Waiting" in waiting
    assert "/" not in waiting
    progress.begin("Sending", 368)
    assert "0/368" in rendered(progress, console)


def rendered(progress: local_demo.ShownProgress, console: Console) -> str:
    with console.capture() as capture:
        console.print(progress.bars.get_renderable())
    return capture.get()


@pytest.mark.parametrize(("kept", "code"), [(True, 0), (False, 1)])
def test_a_demonstration_that_finds_a_promise_broken_fails(
    run: Run, monkeypatch: pytest.MonkeyPatch, kept: bool, code: int
) -> None:
    monkeypatch.setattr(local_demo, "local_demo", lambda _: kept)
    assert run("local", "demo").code == code
