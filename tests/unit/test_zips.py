"""The zips as they ship: what is in them, what importing them loads, and that building is reproducible."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.unit.authorizer.test_handler import ENVIRONMENT as AUTHORIZER
from tests.unit.handshake.test_handler import ENVIRONMENT as HANDSHAKE
from tests.unit.processor.test_handler import ENVIRONMENT as PROCESSOR

ROOT = Path(__file__).parents[2]
MAX_BYTES = {"authorizer": 32_000, "handshake": 32_000, "processor": 600_000}
LAMBDA = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "LAMBDA_TASK_ROOT": "/var/task",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zips of this very tree, built in a copy, so that a stale build/ can't pass."""
    return build(tmp_path_factory.mktemp("first"), "022")


def build(copy: Path, umask: str) -> Path:
    for name in ("lambdas", "requirements", "scripts"):
        subprocess.run(["cp", "-R", ROOT / name, copy], check=True)
    for name in (".venv", "build"):
        (copy / name).symlink_to(ROOT / name) if name == ".venv" else (copy / name).mkdir()
    (copy / "build" / "vendor").symlink_to(ROOT / "build" / "vendor")
    subprocess.run(["sh", "-c", f"umask {umask} && scripts/build.sh"], cwd=copy, check=True, capture_output=True)
    return copy / "build"


def test_there_is_one_zip_for_each_directory_with_a_handler(built: Path) -> None:
    packages = {handler.parent.name for handler in (ROOT / "lambdas").glob("*/handler.py")}
    assert {file.stem for file in built.glob("*.zip")} == packages == set(MAX_BYTES)


@pytest.mark.parametrize("name", MAX_BYTES)
def test_a_zip_is_small_and_has_no_sdk_in_it(built: Path, name: str) -> None:
    assert (built / f"{name}.zip").stat().st_size <= MAX_BYTES[name]
    with zipfile.ZipFile(built / f"{name}.zip") as archive:
        folders = {member.split("/")[0] for member in archive.namelist()}
    assert not folders & {"boto3", "botocore", "s3transfer", "tests", "webhookctl"}
    assert {name, "common"} <= folders


def test_building_again_on_another_day_under_another_umask_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.zip")}

    again = build(tmp_path, "077")
    for source in (tmp_path / "lambdas").rglob("*.py"):
        os.utime(source, (1, 1))
    subprocess.run(["scripts/build.sh"], cwd=tmp_path, check=True, capture_output=True)
    assert digests(again) == digests(built)


def test_a_build_that_can_not_get_what_is_pinned_fails_and_leaves_no_zip(tmp_path: Path) -> None:
    for name in ("lambdas", "requirements", "scripts"):
        subprocess.run(["cp", "-R", ROOT / name, tmp_path], check=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\n[ "$2" = pip ] && exit 1\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    assert subprocess.run(["scripts/build.sh"], cwd=tmp_path, capture_output=True).returncode != 0
    assert not (tmp_path / "build" / "processor.zip").exists()


def loaded(built: Path, name: str, environment: dict[str, str]) -> set[str]:
    """The top-level modules in memory once the handler is imported from the unpacked zip, as Lambda does it."""
    unpacked = built / name
    shutil.unpack_archive(built / f"{name}.zip", unpacked)
    code = (
        "import importlib, json, sys\n"
        f"sys.path.insert(0, {str(unpacked)!r})\n"
        f"assert callable(importlib.import_module('{name}.handler').handle)\n"
        "print(json.dumps(sorted({module.partition('.')[0] for module in sys.modules})))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**LAMBDA, **environment},
        cwd=built,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(run.stdout))


def test_the_authorizer_loads_the_standard_library_alone(built: Path) -> None:
    third_party = {
        module for module in loaded(built, "authorizer", AUTHORIZER) - sys.stdlib_module_names if module[0] != "_"
    }
    assert third_party == {"authorizer", "common"} | plain_interpreter()


def plain_interpreter() -> set[str]:
    """What this machine's Python loads by itself, such as the finders of editable installations."""
    code = "import json, sys; print(json.dumps(sorted({module.partition('.')[0] for module in sys.modules})))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {module for module in set(json.loads(run.stdout)) - sys.stdlib_module_names if module[0] != "_"}


def test_the_processor_runs_from_its_zip_with_nothing_but_boto3_beside_it(built: Path) -> None:
    modules = loaded(built, "processor", PROCESSOR)
    assert {"processor", "common", "boto3", "aws_xray_sdk", "wrapt"} <= modules
    assert not modules & {"moto", "aiohttp", "webhookctl"}


def test_the_handshake_runs_from_its_zip_with_nothing_but_boto3_beside_it(built: Path) -> None:
    modules = loaded(built, "handshake", HANDSHAKE)
    assert {"handshake", "common", "boto3"} <= modules
    assert not modules & {"aws_xray_sdk", "cryptography", "moto", "webhookctl"}


def test_what_only_a_public_key_needs_is_in_the_zip_that_brings_cryptography(built: Path) -> None:
    with zipfile.ZipFile(ROOT / "build" / "processor-cryptography.zip") as archive:
        names = set(archive.namelist())
    assert {"common/public_key.py", "cryptography/hazmat/bindings/_rust.abi3.so", "processor/handler.py"} <= names
    assert not [name for name in names if name.startswith("bin/")]  # scripts that name the Python that built them
    (backend,) = (name for name in names if name.startswith("_cffi_backend"))
    assert backend == "_cffi_backend.cpython-313-aarch64-linux-gnu.so"  # runtime and architecture of modules/function
    for name in MAX_BYTES:
        with zipfile.ZipFile(built / f"{name}.zip") as archive:
            assert "common/public_key.py" not in archive.namelist()


def test_a_processor_pins_what_the_tests_run_with() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
        return {line.split()[0] for line in lines if "==" in line}

    assert pins("processor.txt") < pins("development.txt")
