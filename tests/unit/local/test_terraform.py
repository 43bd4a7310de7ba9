"""Applying, with a stand-in for Terraform: a script that answers as Terraform does and notes what it was asked."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from webhookctl.local import terraform
from webhookctl.local.aws.moto_process import MotoFailed
from webhookctl.local.mirror import AWS_PROVIDER
from webhookctl.local.terraform import (
    ApplyFailed,
    PackageMissing,
    TerraformError,
    TerraformMissing,
    TerraformTooOld,
    apply,
)
from webhookctl.local.terraform_log import Log, Progress

FAKE = """#!{python}
import json, os, sys, time
from pathlib import Path

notes = Path({notes!r})
step = sys.argv[1]
if step == "version":
    print(json.dumps({{"terraform_version": os.environ.get("FAKE_VERSION", "1.11.4")}}))
    sys.exit()
names = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "TF_CLI_CONFIG_FILE")
note = {{
    "arguments": sys.argv[1:],
    "folder": os.getcwd(),
    "files": sorted(str(p.relative_to(Path.cwd().parents[1])) for p in Path.cwd().parents[1].rglob("*") if p.is_file()),
    "override": "".join(p.read_text() for p in Path.cwd().glob("*_override.tf")),
    "environment": {{name: os.environ.get(name) for name in names}},
    "configuration": Path(os.environ["TF_CLI_CONFIG_FILE"]).read_text(),
}}
with (notes / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(note) + "\\n")
if step == os.environ.get("FAKE_FAILS"):
    print(os.environ.get("FAKE_OUTPUT", "What Terraform says.\\nAll of it."))
    print("And on standard error.", file=sys.stderr)
    sys.exit(1)
if step == "init":
    Path(".terraform/providers/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64").mkdir(parents=True)
if step == "apply":
    resource = {{"addr": "aws_sqs_queue.a"}}
    changes = {{"add": 1, "change": 0, "remove": 0, "operation": "plan"}}
    print(json.dumps({{"type": "change_summary", "changes": changes}}))
    print(json.dumps({{"type": "apply_start", "hook": {{"resource": resource, "action": "create"}}}}), flush=True)
    if os.environ.get("FAKE_HANGS"):
        time.sleep(600)
    print(json.dumps({{"type": "apply_complete", "hook": {{"resource": resource, "action": "create"}}}}))
if step == "show":
    values = {{"outputs": {{"n": {{"value": 1}}}}, "root_module": {{}}}}
    print(json.dumps({{"format_version": "1.0", "values": values}}))
"""


@dataclass(frozen=True)
class Repository:
    """A repository with an environment, a fake Terraform and a cache."""

    root: Path
    notes: Path
    cache: Path
    environment: Path

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def calls(self) -> list[dict[str, object]]:
        file = self.notes / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    root, notes, programs = tmp_path / "repository", tmp_path / "notes", tmp_path / "bin"
    for folder in (root, notes, programs):
        folder.mkdir()
    repository = Repository(root, notes, tmp_path / "cache", root / "envs" / "dev")
    repository.write(
        "envs/dev/terraform.tf",
        'terraform {\n  required_version = ">= 1.11"\n}\n'
        'provider "aws" {\n  allowed_account_ids = ["000000000000"]\n}\n',
    )
    repository.write("envs/prod/main.tf", "")
    repository.write("modules/webhook/main.tf", "# one")
    repository.write("modules/ingestion/templates/send.vtl", "$input.body")
    repository.write("lambdas/common/schemes.json", "{}")
    repository.write("lambdas/common/scheme.py", "")
    repository.write("lambdas/authorizer/handler.py", "")
    repository.write("build/authorizer.zip", "zip")
    repository.write("envs/dev/.terraform/left", "behind")
    repository.write("envs/dev/terraform.tfstate", "{}")
    script = programs / "terraform"
    script.write_text(FAKE.format(python=sys.executable, notes=str(notes)))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    mirror = tmp_path / "mirror"
    (mirror / AWS_PROVIDER / "5.100.0").mkdir(parents=True)
    monkeypatch.setenv("TF_PLUGIN_DIR", str(mirror))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setattr(terraform, "moto_server", fake_moto_server)
    return repository


@contextmanager
def fake_moto_server(account_id: str, _log: Path) -> Iterator[Callable[[], str]]:
    """The real one, which takes a second to start, has tests of its own."""
    yield lambda: f"http://127.0.0.1:1/{account_id}"


def test_the_environment_is_applied_from_a_copy_beside_one_override(repository: Repository) -> None:
    applied = apply(repository.environment, repository.cache)

    init, run, show = repository.calls()
    assert [call["arguments"][0] for call in (init, run, show)] == ["init", "apply", "show"]  # type: ignore[index]
    assert run["files"] == [
        "build/authorizer.zip",
        "envs/dev/.terraform/installed.tfrc",
        "envs/dev/local_stack_override.tf",
        "envs/dev/terraform.tf",
        "lambdas/common/scheme.py",
        "lambdas/common/schemes.json",
        "modules/ingestion/templates/send.vtl",
        "modules/webhook/main.tf",
    ]
    assert run["override"] == 'terraform {\n  backend "local" {}\n}\n'
    assert (applied.reused, applied.state.outputs) == (False, {"n": 1})
    assert not (repository.environment / "local_stack_override.tf").exists()


def test_the_provider_is_pointed_at_the_stand_in_and_at_nothing_of_the_callers(repository: Repository) -> None:
    apply(repository.environment, repository.cache)

    environment = repository.calls()[1]["environment"]
    assert isinstance(environment, dict)
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1/000000000000"
    assert environment["AWS_ACCESS_KEY_ID"] == "local"
    assert environment["AWS_PROFILE"] is None
    assert environment["TF_CLI_CONFIG_FILE"]


def test_the_provider_that_init_verified_is_not_read_again_by_what_follows(repository: Repository) -> None:
    apply(repository.environment, repository.cache)

    init, *others = repository.calls()
    assert "filesystem_mirror" in str(init["configuration"])
    for call in others:
        installed = f"{call['folder']}/.terraform/providers/{AWS_PROVIDER}/5.100.0/linux_amd64"
        assert f'dev_overrides {{\n    "hashicorp/aws" = "{installed}"' in str(call["configuration"])


def test_progress_says_how_far_it_is_and_what_it_waits_for(repository: Repository) -> None:
    seen: list[Progress] = []

    apply(repository.environment, repository.cache, on_progress=seen.append)

    assert [(p.step, p.done, p.total, p.waiting_for) for p in seen] == [
        ("init", 0, 0, ()),
        ("apply", 0, 1, ()),
        ("apply", 0, 1, ("aws_sqs_queue.a",)),
        ("apply", 1, 1, ()),
        ("show", 1, 1, ()),
    ]


def test_nothing_is_left_but_the_state(repository: Repository) -> None:
    applied = apply(repository.environment, repository.cache)

    assert sorted(path.name for path in repository.cache.iterdir()) == ["apply.lock", applied.directory.name]
    assert [path.name for path in applied.directory.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    "change",
    [
        ("build/authorizer.zip", "other"),
        ("modules/webhook/README.md", "text"),
        ("lambdas/common/scheme.py", "pass"),
        ("envs/dev/terraform.tfstate", "{}"),
        ("envs/prod/main.tf", "# other"),
    ],
)
def test_what_terraform_does_not_follow_from_reuses_the_state(repository: Repository, change: tuple[str, str]) -> None:
    first = apply(repository.environment, repository.cache)
    repository.write(*change)

    second = apply(repository.environment, repository.cache)

    assert (second.reused, second.directory) == (True, first.directory)
    assert len(repository.calls()) == 3


@pytest.mark.parametrize(
    "change",
    [
        ("modules/webhook/main.tf", "# two"),
        ("modules/webhook/more.tf", ""),
        ("modules/ingestion/templates/send.vtl", "$input.path('$')"),
        ("envs/dev/main.tf", "# new"),
        ("lambdas/common/schemes.json", '{"github": {}}'),
    ],
)
def test_a_changed_input_is_applied_anew(repository: Repository, change: tuple[str, str]) -> None:
    first = apply(repository.environment, repository.cache)
    repository.write(*change)

    second = apply(repository.environment, repository.cache)

    assert not second.reused
    assert second.directory != first.directory


def test_another_terraform_or_provider_is_applied_anew(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    directories = {apply(repository.environment, repository.cache).directory}
    monkeypatch.setenv("FAKE_VERSION", "1.12.0")
    directories.add(apply(repository.environment, repository.cache).directory)
    (Path(os.environ["TF_PLUGIN_DIR"]) / AWS_PROVIDER / "6.47.0").mkdir()
    directories.add(apply(repository.environment, repository.cache).directory)

    assert len(directories) == 3


def test_force_applies_though_nothing_changed(repository: Repository) -> None:
    first = apply(repository.environment, repository.cache)
    second = apply(repository.environment, repository.cache, force=True)

    assert (second.reused, second.directory) == (False, first.directory)


@pytest.mark.parametrize("step", ["init", "apply", "show"])
def test_terraforms_own_errors_are_shown_whole_and_nothing_is_trusted_later(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setenv("FAKE_FAILS", step)
    with pytest.raises(ApplyFailed) as failed:
        apply(repository.environment, repository.cache)
    monkeypatch.delenv("FAKE_FAILS")

    assert failed.value.step == step
    for text in ("What Terraform says.", "All of it.", "And on standard error."):
        assert text in str(failed.value)
    assert sorted(path.name for path in repository.cache.iterdir()) == ["apply.lock"]
    assert not apply(repository.environment, repository.cache).reused


def test_a_failed_forced_apply_leaves_the_state_before_as_it_was(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(repository.environment, repository.cache)
    monkeypatch.setenv("FAKE_FAILS", "apply")
    with pytest.raises(ApplyFailed):
        apply(repository.environment, repository.cache, force=True)

    assert apply(repository.environment, repository.cache).reused


def test_of_an_environments_states_those_used_last_are_kept(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform, "KEPT_STATES", 2)
    other = apply(repository.root / "envs" / "prod", repository.cache).directory
    directories = []
    for text in ("one", "two", "one", "three"):
        repository.write("modules/webhook/main.tf", f"# {text}")
        directories.append(apply(repository.environment, repository.cache).directory)
    one, two, _, three = directories
    assert [directory.is_dir() for directory in (one, two, three, other)] == [True, False, True, True]


def test_a_damaged_state_is_not_trusted(repository: Repository) -> None:
    first = apply(repository.environment, repository.cache)
    (first.directory / "state.json").write_text("{")

    assert not apply(repository.environment, repository.cache).reused


def test_what_a_killed_apply_left_behind_is_cleared_away(repository: Repository) -> None:
    (repository.cache / "apply-left" / "copy").mkdir(parents=True)

    apply(repository.environment, repository.cache)

    assert not (repository.cache / "apply-left").exists()


def test_a_second_apply_waits_for_the_first_says_so_and_uses_its_state(repository: Repository) -> None:
    steps: list[list[str]] = [[], []]
    second: list[threading.Thread] = []
    applied = []

    def run(number: int) -> None:
        applied.append(apply(repository.environment, repository.cache, on_progress=lambda p: note(number, p)))

    def note(number: int, progress: Progress) -> None:
        steps[number].append(progress.step)
        if number == 0 and progress.step == "init":
            second.append(threading.Thread(target=run, args=(1,)))
            second[0].start()
            while not steps[1]:
                time.sleep(0.01)

    run(0)
    second[0].join()

    assert steps[1] == ["wait"]
    assert [result.reused for result in applied] == [False, True]


def test_what_is_applied_already_waits_for_no_apply_of_another_environment(repository: Repository) -> None:
    apply(repository.environment, repository.cache)
    meanwhile: list[bool] = []

    def look(progress: Progress) -> None:
        if progress.step == "init":
            meanwhile.append(apply(repository.environment, repository.cache).reused)

    apply(repository.root / "envs" / "prod", repository.cache, on_progress=look)
    assert meanwhile == [True]


def test_an_interruption_ends_terraform_and_leaves_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_HANGS", "1")

    def interrupt(progress: Progress) -> None:
        if progress.waiting_for:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(repository.environment, repository.cache, on_progress=interrupt)

    running = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert str(repository.root.parent / "bin" / "terraform") not in running
    assert sorted(path.name for path in repository.cache.iterdir()) == ["apply.lock"]


def test_a_stand_in_that_does_not_start_is_one_sentence(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def failing(_account_id: str, log: Path) -> Iterator[Callable[[], str]]:
        yield lambda: (_ for _ in ()).throw(MotoFailed(log))

    monkeypatch.setattr(terraform, "moto_server", failing)

    with pytest.raises(TerraformError, match=r"The stand-in for AWS did not start: see .*moto\.log\."):
        apply(repository.environment, repository.cache)


def test_a_missing_terraform_is_one_sentence(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.notes))

    with pytest.raises(TerraformMissing, match="There is no terraform on the PATH"):
        apply(repository.environment, repository.cache)


@pytest.mark.parametrize("found", ["1.9.8", "1.10.0-beta1", "0.15.5"])
def test_an_old_terraform_is_one_sentence(repository: Repository, monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setenv("FAKE_VERSION", found)

    with pytest.raises(TerraformTooOld) as refused:
        apply(repository.environment, repository.cache)

    assert str(refused.value) == f"Terraform {found} is too old: envs/dev needs 1.11 or later."
    assert repository.calls() == []


def test_a_missing_package_is_one_sentence(repository: Repository) -> None:
    repository.write("lambdas/processor/handler.py", "")

    with pytest.raises(PackageMissing) as refused:
        apply(repository.environment, repository.cache)

    assert str(refused.value) == "build/processor.zip missing: run scripts/build.sh first."


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ('  allowed_account_ids = ["111122223333"]', "111122223333"),
        ('allowed_account_ids=[ "111122223333", "444455556666" ]', "111122223333"),
        ('  # allowed_account_ids = ["111122223333"]', "123456789012"),
        ("", "123456789012"),
    ],
)
def test_the_account_is_the_one_that_the_environment_allows(tmp_path: Path, text: str, account: str) -> None:
    (tmp_path / "main.tf").write_text(text)

    assert terraform._account_id(tmp_path) == account


def line(type_: str, **values: object) -> str:
    return json.dumps({"type": type_, **values})


def test_a_diagnostic_is_told_with_its_place_and_all_its_detail() -> None:
    log = Log()
    error = {
        "severity": "error",
        "summary": "Invalid value",
        "detail": "Say\nthis.",
        "address": "aws_sqs_queue.a",
        "range": {"filename": "main.tf", "start": {"line": 7}},
    }
    list(log.follow([line("diagnostic", diagnostic=error), line("diagnostic", diagnostic={"severity": "warning"})]))

    assert log.errors == ["Error: Invalid value\n  with aws_sqs_queue.a, on main.tf line 7\n\nSay\nthis."]


def test_what_is_not_json_is_kept_as_an_error() -> None:
    log = Log()

    assert list(log.follow(["terraform crashed\n"])) == []
    assert log.errors == ["terraform crashed"]


@pytest.fixture
def followed() -> Callable[..., Progress]:
    def follow(*lines: str) -> Progress:
        return list(Log().follow(lines))[-1]

    return follow


def test_data_sources_read_while_applying_are_not_counted(followed: Callable[..., Progress]) -> None:
    read = {"resource": {"addr": "data.a"}, "action": "read"}

    progress = followed(line("apply_start", hook=read), line("apply_complete", hook=read))

    assert (progress.done, progress.waiting_for) == (0, ())
