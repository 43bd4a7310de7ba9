from collections.abc import Callable
from pathlib import Path

import pytest

from common.scheme import preset
from tests.unit.webhookctl.conftest import Run, fake_terraform, outputs_of
from webhookctl.cache import cache_directory
from webhookctl.environment import choose_environment
from webhookctl.local.running import announce, withdraw

CUSTOM = {"signature": {"header": "X-Mine"}}


def test_an_environment_is_what_terraform_tells_of_its_directory(deployed: Callable[..., Path]) -> None:
    directory = deployed("https://api.example", github="github", acme=CUSTOM, open="unsigned")
    environment = choose_environment(str(directory), region=None, profile=None)
    assert environment.table_name == "webhook-test-events"
    assert environment.region == "eu-central-1"
    assert not environment.is_local
    assert environment.source("github").scheme == preset("github")
    assert environment.source("github").url == "https://api.example/webhooks/github"
    assert environment.source("github").secret_name == "webhook-test/github"
    assert environment.source("acme").scheme.signature is not None
    assert environment.source("open").secret_name is None


def test_a_source_has_the_effect_of_its_lane_where_the_outputs_tell_of_one(deployed: Callable[..., Path]) -> None:
    directory = str(deployed(effects={"github": "http"}, github="github", acme=CUSTOM))
    environment = choose_environment(directory, region=None, profile=None)
    assert (environment.source("github").effect, environment.source("github").attempts) == ("http", 10)
    older = environment.source("acme")
    assert (older.effect, older.attempts, older.postgres_secret_name, older.delivery_secret_name) == (None,) * 4


def test_a_region_given_is_another_than_the_environments_own(deployed: Callable[..., Path]) -> None:
    environment = choose_environment(str(deployed(github="github")), region="us-east-1", profile=None)
    assert environment.dynamodb().meta.region_name == "us-east-1"


def test_a_name_is_a_directory_under_envs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "envs" / "mine").mkdir(parents=True)
    fake_terraform(tmp_path, monkeypatch, 'echo "Error: asked for $1" >&2; exit 1')
    ended = run("events", "--env", "mine")
    assert ended.code == 1
    assert "terraform can't read the outputs of envs/mine: asked for -chdir=envs/mine." in ended.err


def test_the_profile_is_also_for_terraforms_state(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_terraform(tmp_path, monkeypatch, 'echo "Error: as $AWS_PROFILE" >&2; exit 1')
    assert "as work." in run("events", "--env", str(tmp_path), "--profile", "work").err


def test_the_local_stack_is_found_by_its_note(run: Run, tmp_path: Path) -> None:
    assert run("events").err == "Error: The local stack is not running. Start it with: webhookctl local up\n"
    outputs = outputs_of("http://127.0.0.1:8080/v1", {"github": "github"})
    announce(cache_directory(), aws_endpoint_url="http://127.0.0.1:1", region="eu-west-1", outputs=outputs)
    try:
        environment = choose_environment("local", region=None, profile=None)
        assert environment.is_local
        assert environment.dynamodb().meta.endpoint_url == "http://127.0.0.1:1"
        assert environment.endpoint == "http://127.0.0.1:8080/v1"
    finally:
        withdraw(cache_directory())


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo '{}'", "has no outputs, so it was not applied yet"),
        ("""echo '{"region": {"value": "eu-west-1"}}'""", "are not those of this version of the project"),
        (
            "printf '╷\\n│ Error: Backend initialization required\\n╵\\n' >&2; exit 1",
            "Backend initialization required.",
        ),
        ("exit 1", "it gave no reason."),
    ],
)
def test_outputs_that_cannot_be_had_are_a_failure_with_its_reason(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    fake_terraform(tmp_path, monkeypatch, script)
    ended = run("events", "--env", tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert sentence in ended.err


def test_without_terraform_it_says_so(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "terraform is not on the PATH" in run("events", "--env", tmp_path).err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["events", "--env", "nowhere"], "--env 'nowhere' is neither"),
        (["events", "--region", "eu-west-1"], "name it with --env"),
        (["events", "--profile", "work"], "name it with --env"),
        (["events", "--since", "soon"], "--since 'soon'"),
        (["events", "--outcome", "lost"], "'lost' is not one of"),
        (["event", "a", "--json", "--body-to", "-"], "both write to standard output"),
        (["send", "github", "-", "--rate", "0"], "--rate must be above 0."),
        (["send", "github", "-", "--rate", "nan"], "--rate must be above 0."),
        (["send", "github", "-", "--count", "0"], "Invalid value for '--count'"),
        (["send", "github", "-", "--content-type", "a\nb"], "--content-type must be printable ASCII."),
    ],
)
def test_wrong_usage_says_what_is_wrong(run: Run, arguments: list[str], sentence: str) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


def test_a_source_that_is_not_there_is_wrong_usage(run: Run, deployed: Callable[..., Path]) -> None:
    ended = run("send", "gitub", "-", "--env", deployed(github="github", slack="slack"))
    assert ended.code == 2
    assert "There is no source 'gitub'" in ended.err
    assert "there are github, slack." in ended.err
