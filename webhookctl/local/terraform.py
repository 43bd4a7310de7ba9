"""Apply an environment to a stand-in for AWS with the real Terraform and provider, and keep the state.

The environment is applied as it is: from a copy, beside which stands only an override that puts the state into a local
file. The provider finds the stand-in through AWS_ENDPOINT_URL.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from webhookctl.cache import keep_newest, touch
from webhookctl.local import aws
from webhookctl.local.aws.backend import DEFAULT_ACCOUNT_ID
from webhookctl.local.aws.moto_process import MotoFailed, moto_server
from webhookctl.local.leash import leashed
from webhookctl.local.mirror import AWS_PROVIDER, ProviderMirrorMissing, find_provider_mirror, terraform_environment
from webhookctl.local.state import State, StateError, read_state
from webhookctl.local.terraform_log import Log, Progress

PARALLELISM = 30
OVERRIDE = 'terraform {\n  backend "local" {}\n}\n'
OVERRIDE_FILE = "local_stack_override.tf"
STATE_FILE = "state.json"
KEPT_STATES = 8  # of an environment: going back to another branch needs no apply

# Of what lies in the folders that are copied, what Terraform or Python left there.
_LEFT_BEHIND = shutil.ignore_patterns(".terraform", ".terraform.*", "*.tfstate", "*.tfstate.*", "__pycache__")
_NO_INPUT = (".md", ".py", ".pyc", ".zip")


class TerraformError(Exception):
    """An environment could not be applied. The message says what to do, or is Terraform's own, whole.

    TerraformError
    ├── TerraformMissing
    ├── TerraformTooOld
    ├── PackageMissing
    └── ApplyFailed
    """


class TerraformMissing(TerraformError):
    """There is no `terraform` on the PATH."""

    def __init__(self) -> None:
        super().__init__(
            "There is no terraform on the PATH: install it (https://developer.hashicorp.com/terraform/install)."
        )


class TerraformTooOld(TerraformError):
    """The environment asks for a newer Terraform."""

    def __init__(self, found: str, required: str, environment: str) -> None:
        super().__init__(f"Terraform {found} is too old: {environment} needs {required} or later.")
        self.found = found
        self.required = required


class PackageMissing(TerraformError):
    """A Lambda's zip has not been built."""

    def __init__(self, packages: Iterable[str]) -> None:
        self.packages = tuple(packages)
        super().__init__(f"{' and '.join(self.packages)} missing: run scripts/build.sh first.")


class ApplyFailed(TerraformError):
    """Terraform ended with an error. `errors` are its own words."""

    def __init__(self, step: str, errors: str) -> None:
        super().__init__(f"terraform {step} failed:\n\n{errors}")
        self.step = step
        self.errors = errors


@dataclass(frozen=True)
class Applied:
    """An applied environment; `reused` when nothing had changed since an earlier apply, whose state this is."""

    state: State
    reused: bool
    directory: Path


def apply(
    environment_dir: Path,
    cache_dir: Path,
    *,
    force: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Applied:
    """The state of `<repository>/envs/<name>`, applied now, or earlier from the same inputs unless `force`.

    Raises TerraformError. A failed or interrupted apply leaves nothing: the state takes its place in `cache_dir` at the
    end. Interrupting it (KeyboardInterrupt) ends every process that it started.
    """
    environment_dir, cache_dir = environment_dir.resolve(), cache_dir.resolve()
    root = environment_dir.parent.parent
    if not (root / "modules").is_dir():
        raise TerraformError(f"{environment_dir} is not two folders below a checkout's modules/: move it into envs/.")
    _check_packages(root)
    cache_dir.mkdir(parents=True, exist_ok=True)
    report = on_progress or (lambda _progress: None)
    with tempfile.TemporaryDirectory(prefix="terraform-") as settings:
        variables = terraform_environment(Path(settings))
        terraform_version = _terraform_version(variables, Path(settings))
        _check_version(terraform_version, environment_dir)
        directory = cache_dir / f"{environment_dir.name}-{_digest(root, environment_dir, terraform_version)}"
        if not force and (applied := _reused(directory)):
            return applied  # without waiting for an apply of another environment
        with _only_one(cache_dir, report), _scratch(cache_dir) as scratch:
            if not force and (applied := _reused(directory)):
                return applied
            copy = _copy(root, environment_dir, scratch / "copy")
            try:
                text = _apply_copy(copy, variables, cache_dir, report)
            except MotoFailed as error:
                raise TerraformError(str(error)) from error
            directory.mkdir(exist_ok=True)
            (scratch / STATE_FILE).write_text(text, encoding="utf-8")
            (scratch / STATE_FILE).replace(directory / STATE_FILE)
            touch(directory)
            keep_newest(_states(cache_dir, environment_dir.name), KEPT_STATES)
            return Applied(read_state(directory / STATE_FILE), reused=False, directory=directory)


def _states(cache_dir: Path, name: str) -> Iterator[Path]:
    """The folder of every kept state of environments of that name."""
    return (path.parent for path in cache_dir.glob(f"*/{STATE_FILE}") if path.parent.name.rpartition("-")[0] == name)


def _reused(directory: Path) -> Applied | None:
    try:
        state = read_state(directory / STATE_FILE)
    except StateError:
        return None
    touch(directory)
    return Applied(state, reused=True, directory=directory)


@contextmanager
def _only_one(cache_dir: Path, report: Callable[[Progress], None]) -> Iterator[None]:
    """Hold the cache for this process: a second apply waits, says so, and then most likely has nothing to do."""
    with (cache_dir / "apply.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(Log().progress("wait"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _scratch(cache_dir: Path) -> Iterator[Path]:
    for left_behind in cache_dir.glob("apply-*/"):
        shutil.rmtree(left_behind, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="apply-", dir=cache_dir) as scratch:
        yield Path(scratch)


def _check_packages(root: Path) -> None:
    names = sorted(handler.parent.name for handler in root.glob("lambdas/*/handler.py"))
    missing = [f"build/{name}.zip" for name in names if not (root / "build" / f"{name}.zip").is_file()]
    if missing:
        raise PackageMissing(missing)


def _terraform_version(variables: Mapping[str, str], folder: Path) -> str:
    try:
        answer = subprocess.run(
            ["terraform", "version", "-json"],
            env=dict(variables),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise TerraformMissing from error
    if answer.returncode:
        raise ApplyFailed("version", answer.stdout + answer.stderr)
    return str(json.loads(answer.stdout)["terraform_version"])


def _check_version(found: str, environment_dir: Path) -> None:
    """Refuse what `required_version = ">= ..."` refuses, before anything is started."""
    for file in sorted(environment_dir.glob("*.tf")):
        for required in re.findall(r'required_version\s*=\s*">=\s*([\d.]+)"', file.read_text(encoding="utf-8")):
            if _numbers(found) < _numbers(required):
                raise TerraformTooOld(found, required, f"envs/{environment_dir.name}")


def _numbers(version_text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version_text.partition("-")[0]))


def _digest(root: Path, environment_dir: Path, terraform_version: str) -> str:
    """What the state follows from: everything that Terraform reads but the zips, and everything that answers it."""
    digest = hashlib.sha256(f"{terraform_version}\n{_provider()}\nmoto {version('moto')}\n".encode())
    stand_in = Path(aws.__path__[0])
    for folder in (environment_dir, root / "modules", root / "lambdas" / "common"):
        for file in _files(folder, root):
            digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    for file in [*sorted((stand_in / "extensions").glob("*.py")), stand_in / "server.py"]:
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _files(folder: Path, root: Path) -> Iterator[Path]:
    for directory, _, names in sorted(os.walk(folder)):
        ignored = _LEFT_BEHIND(directory, names)
        if {".terraform", "__pycache__"} & set(Path(directory).relative_to(root).parts):
            continue
        for name in sorted(set(names) - ignored):
            if not name.endswith(_NO_INPUT):
                yield Path(directory, name)


def _provider() -> str:
    try:
        versions = (find_provider_mirror() / AWS_PROVIDER).iterdir()
    except ProviderMirrorMissing:
        return "registry"
    return " ".join(sorted(path.name for path in versions))


def _copy(root: Path, environment_dir: Path, target: Path) -> Path:
    """The environment in a copy of all that it refers to, with everything at its relative place; returns its folder."""
    place = environment_dir.relative_to(root)
    for folder in (place, Path("modules"), Path("lambdas", "common")):
        shutil.copytree(root / folder, target / folder, ignore=_LEFT_BEHIND)
    (target / "build").mkdir()
    for package in (root / "build").glob("*.zip"):
        shutil.copyfile(package, target / "build" / package.name)
    (target / place / OVERRIDE_FILE).write_text(OVERRIDE, encoding="utf-8")
    return target / place


def _apply_copy(folder: Path, variables: Mapping[str, str], cache_dir: Path, report: Callable[[Progress], None]) -> str:
    """Apply what is in `folder`; the text of `terraform show -json`."""
    log = Log()
    with moto_server(_account_id(folder), cache_dir / "moto.log") as url:
        report(log.progress("init"))
        _run("init", ["-input=false", "-no-color"], folder, _with_provider_cache(variables, cache_dir))
        local = {**variables, **_credentials(), **installed_provider(folder), "AWS_ENDPOINT_URL": url()}
        _apply(folder, local, log, report)
        report(log.progress("show"))
        return _run("show", ["-json", "-no-color"], folder, local)


def _account_id(folder: Path) -> str:
    """The account that the environment allows itself to be applied to, or moto's."""
    for file in sorted(folder.glob("*.tf")):
        if found := re.search(
            r'^\s*allowed_account_ids\s*=\s*\[\s*"(\d{12})"', file.read_text(encoding="utf-8"), re.MULTILINE
        ):
            return found[1]
    return DEFAULT_ACCOUNT_ID


def _credentials() -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        # Nothing of the caller's own AWS configuration may take part.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # A fault of the stand-in is not a passing one: show it after three tries instead of the provider's twenty-five.
        "AWS_MAX_ATTEMPTS": "3",
    }


def installed_provider(folder: Path) -> dict[str, str]:
    """A CLI configuration that names the provider which init has chosen and verified.

    Terraform otherwise reads and hashes the provider again at each command: 700 MB, some seconds each time. The
    configuration is the documented one for trying a provider ("Development Overrides for Provider Developers").
    """
    installed = sorted((folder / ".terraform" / "providers" / AWS_PROVIDER).glob("*/*/"))
    if not installed:
        return {}
    file = folder / ".terraform" / "installed.tfrc"
    override = f"    {json.dumps('/'.join(AWS_PROVIDER.parts[-2:]))} = {json.dumps(str(installed[-1]))}\n"
    file.write_text(f"provider_installation {{\n  dev_overrides {{\n{override}  }}\n}}\n", encoding="utf-8")
    return {"TF_CLI_CONFIG_FILE": str(file)}


def _with_provider_cache(variables: Mapping[str, str], cache_dir: Path) -> dict[str, str]:
    """From the registry the provider is fetched once, not for each apply; a mirror is linked to as it is."""
    try:
        find_provider_mirror()
    except ProviderMirrorMissing:
        (cache_dir / "providers").mkdir(exist_ok=True)
        return {
            "TF_PLUGIN_CACHE_DIR": str(cache_dir / "providers"),
            "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "true",
            **variables,
        }
    return dict(variables)


def _run(step: str, arguments: list[str], folder: Path, variables: Mapping[str, str]) -> str:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        command = ["terraform", step, *arguments]
        with leashed(command, environment=variables, folder=folder, stderr=errors) as terraform:
            output = terraform.stdout.read() if terraform.stdout else ""
            code = terraform.wait()
        errors.seek(0)
        if code:
            raise ApplyFailed(step, output + errors.read())
    return output


def _apply(folder: Path, variables: Mapping[str, str], log: Log, report: Callable[[Progress], None]) -> None:
    command = ["terraform", "apply", "-json", "-auto-approve", "-input=false", f"-parallelism={PARALLELISM}"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        with leashed(command, environment=variables, folder=folder, stderr=errors) as terraform:
            for progress in log.follow(terraform.stdout or ()):
                report(progress)
            code = terraform.wait()
        errors.seek(0)
        if code:
            raise ApplyFailed("apply", "\n\n".join([*log.errors, errors.read()]).strip() or f"exit code {code}")
