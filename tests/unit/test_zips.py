"""The zips as they ship: what is in them, what importing them loads, and that building is reproducible."""

import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import markupsafe
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.unit.authorizer.test_handler import ENVIRONMENT as AUTHORIZER
from tests.unit.handshake.test_handler import ENVIRONMENT as HANDSHAKE
from tests.unit.processor.test_handler import ENVIRONMENT as PROCESSOR
from webhookctl.local.package import runtime_libraries, unpack

ROOT = Path(__file__).parents[2]
MAX_BYTES = {"authorizer": 95_000, "handshake": 95_000, "processor": 590_000}
MAX_BYTES_WITHOUT_BYTECODE = {"authorizer": 40_000, "handshake": 40_000, "processor": 260_000}
MAGIC_OF_3_13 = bytes.fromhex("f30d0d0a")
UNCHECKED_HASH = bytes.fromhex("01000000")  # PEP 552
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


def build(copy: Path, umask: str, *options: str, **environment: str) -> Path:
    prepare(copy)
    subprocess.run(
        ["sh", "-c", f"umask {umask} && scripts/build.sh {' '.join(options)}"],
        cwd=copy,
        env=os.environ | environment,
        check=True,
        capture_output=True,
    )
    return copy / "build"


def prepare(copy: Path) -> None:
    """What a build needs. What pip installed for one is there for the others."""
    for name in ("lambdas", "requirements", "scripts"):
        subprocess.run(["cp", "-R", ROOT / name, copy], check=True)
    for name in (".venv", "build"):
        (copy / name).symlink_to(ROOT / name) if name == ".venv" else (copy / name).mkdir()
    (copy / "build" / "vendor").symlink_to(ROOT / "build" / "vendor")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this tree in which a test builds what it likes."""
    folder = tmp_path_factory.mktemp("copy")
    prepare(folder)
    return folder


def script(copy: Path, *arguments: Path | str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [copy / "scripts" / "build.sh", *arguments],
        cwd=copy.parent,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def handler_package(folder: Path, *pins: str) -> Path:
    """The package of a handler, with what development.txt pins under these names as its requirements."""
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("def handle(event):\n    return None\n", encoding="utf-8")
    if pins:
        blocks = [pinned(name) for name in pins]
        (folder / "requirements.txt").write_text("".join(blocks), encoding="utf-8")
    return folder


def pinned(name: str) -> str:
    """A requirement and its hashes, as they stand in development.txt."""
    text = (ROOT / "requirements" / "development.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{name}==(?:.*\\\n)*.*\n", text, re.MULTILINE)
    assert found is not None
    return found[0]


def contents(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as package:
        return {name: package.read(name) for name in package.namelist()}


def test_there_is_one_zip_for_each_directory_with_a_handler(built: Path) -> None:
    packages = {handler.parent.name for handler in (ROOT / "lambdas").glob("*/handler.py")}
    assert {file.stem for file in built.glob("*.zip")} == packages == set(MAX_BYTES)


@pytest.mark.parametrize("name", MAX_BYTES)
def test_a_zip_is_small_and_has_no_sdk_in_it(built: Path, name: str) -> None:
    assert (built / f"{name}.zip").stat().st_size <= MAX_BYTES[name]
    with zipfile.ZipFile(built / f"{name}.zip") as archive:
        folders = {member.split("/")[0] for member in archive.namelist()}
    assert not folders & {"asn1crypto", "boto3", "botocore", "s3transfer", "tests", "webhookctl"}
    assert {name, "common"} <= folders
    assert ("common/secret.py" in contents(built / f"{name}.zip")) == (
        name != "authorizer"
    )  # it is for botocore's clients


def test_every_source_has_the_bytecode_that_lambdas_python_believes_as_it_is(built: Path) -> None:
    for name in MAX_BYTES:
        files = contents(built / f"{name}.zip")
        sources = {PurePosixPath(file) for file in files if file.endswith(".py")}
        bytecode = {file: text for file, text in files.items() if file.endswith(".pyc")}
        assert bytecode.keys() == {f"{file.parent}/__pycache__/{file.stem}.cpython-313.pyc" for file in sources}
        assert {text[:8] for text in bytecode.values()} == {MAGIC_OF_3_13 + UNCHECKED_HASH}


def test_bytecode_names_its_source_as_it_is_in_lambda_and_nothing_of_this_machine(built: Path) -> None:
    for name in MAX_BYTES:
        files = contents(built / f"{name}.zip")
        for file, text in files.items():
            if file.endswith(".pyc"):
                source = (
                    PurePosixPath("/var/task", file).parents[1] / f"{PurePosixPath(file).name.partition('.')[0]}.py"
                )
                assert str(source).encode() in text
                assert str(ROOT).encode() not in text
                assert str(built.parent).encode() not in text


def test_a_build_without_bytecode_has_the_same_sources_and_is_smaller(built: Path, tmp_path: Path) -> None:
    """For who has no Python of Lambda's version, which is asked of nobody then."""
    prepare(tmp_path)
    done = script(tmp_path, "--without-bytecode", **without_python_of_lambda(tmp_path))
    assert done.returncode == 0, done.stderr
    for name, max_bytes in MAX_BYTES_WITHOUT_BYTECODE.items():
        without, with_bytecode = (contents(folder / f"{name}.zip") for folder in (tmp_path / "build", built))
        assert without == {file: text for file, text in with_bytecode.items() if not file.endswith(".pyc")}
        assert (tmp_path / "build" / f"{name}.zip").stat().st_size <= max_bytes


def test_where_lambdas_python_is_missing_and_can_not_be_had_the_build_says_what_to_do(tmp_path: Path) -> None:
    prepare(tmp_path)
    done = script(tmp_path, **without_python_of_lambda(tmp_path))
    assert done.returncode == 2
    assert "Python 3.13 is not here and can't be installed: put it on the PATH, or build with --without" in done.stderr
    assert not list((tmp_path / "build").glob("*.zip"))


def without_python_of_lambda(copy: Path) -> dict[str, str]:
    """Variables of a machine where it is not: on the PATH is what pyenv leaves there, and uv has none to offer."""
    (copy / ".venv").unlink()
    commands = copy / ".venv" / "bin"
    commands.mkdir(parents=True)
    asked = '[ "$1 $2" = "-I -c" ]'  # whether it is Lambda's
    texts = {
        "python": f'{asked} && exit 1\nexec {sys.executable} "$@"\n',
        "python3.13": "echo 'pyenv: python3.13: command not found' >&2\nexit 127\n",
        "uv": "exit 1\n",
    }
    for name, text in texts.items():
        (commands / name).write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
        (commands / name).chmod(0o755)
    return {"PATH": f"{commands}:{os.environ['PATH']}", "PYENV_ROOT": str(copy)}


def test_building_again_on_another_day_under_another_umask_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.zip")}

    again = build(tmp_path, "077", PYTHONHASHSEED="7")
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
    done = subprocess.run(["scripts/build.sh", "--without-bytecode"], cwd=tmp_path, capture_output=True)
    assert done.returncode != 0
    assert b"can't be installed for Lambda" in done.stderr
    assert not (tmp_path / "build" / "processor.zip").exists()


def loaded(built: Path, name: str, environment: dict[str, str], more: str = "") -> set[str]:
    """The top-level modules in memory once the handler is imported from the unpacked zip, as Lambda does it.

    Beside the zip there is what Lambda's runtime brings, and nothing else that is installed here.
    """
    unpacked = built / f"{name}.unpacked"
    shutil.unpack_archive(built / f"{name}.zip", unpacked)
    code = (
        "import importlib, json, sys\n"
        f"assert callable(importlib.import_module('{name.partition('-')[0]}.handler').handle)\n"
        f"{more}\n"
        "print(json.dumps(sorted({module.partition('.')[0] for module in sys.modules})))"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-B", "-c", code],  # -S: without the virtual environment's packages
        env={**LAMBDA, **environment, "PYTHONPATH": f"{unpacked}:{runtime_libraries(built / 'cache')}"},
        cwd=built,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


RESTED = "import gc; assert gc.isenabled() and gc.get_freeze_count() > 1_000"


@pytest.mark.parametrize(
    ("name", "environment"), [("authorizer", AUTHORIZER), ("handshake", HANDSHAKE), ("processor", PROCESSOR)]
)
def test_what_a_handler_has_loaded_is_never_looked_at_for_garbage(
    built: Path, name: str, environment: dict[str, str]
) -> None:
    loaded(built, name, environment, RESTED)


def test_the_authorizer_loads_the_standard_library_alone(built: Path) -> None:
    third_party = loaded(built, "authorizer", AUTHORIZER) - sys.stdlib_module_names
    assert {module for module in third_party if module[0] != "_"} == {"authorizer", "common"}


def test_the_processor_runs_from_its_zip_with_nothing_but_boto3_beside_it(built: Path) -> None:
    modules = loaded(built, "processor", PROCESSOR)
    assert {"processor", "common", "botocore", "aws_xray_sdk", "wrapt"} <= modules
    assert not modules & {"moto", "aiohttp", "webhookctl"}
    assert not modules & {"boto3", "s3transfer", "pg8000", "asn1crypto"}  # what this lane has no use for


DRIVER = """
import hashlib, pathlib
sys.path.append(HANDLERS)
from processor.effects import load_effect
load_effect({"kind": "handler", "handler": "orders:handle", "postgres_secret_name": "shop"}, print)
for package in ("pg8000", "scramp"):
    for file in pathlib.Path(importlib.import_module(package).__file__).parent.glob("*.py"):
        importlib.import_module(f"{package}.{file.stem}".removesuffix(".__init__"))
certificate = bytes.fromhex(CERTIFICATE)
assert bytes(sys.modules["scramp.core"].CBindData.from_der(certificate)) == hashlib.sha256(certificate).digest()
"""


def test_the_processor_can_log_on_to_postgresql_from_its_zip_by_the_certificate_of_a_server(
    built: Path, tmp_path: Path
) -> None:
    """A handler may use the driver, too, and every module of it can be imported: none wants what is left out."""
    handler = "from pg8000.native import DatabaseError\n\n\ndef handle(event):\n    return None\n"
    (tmp_path / "orders.py").write_text(handler, encoding="utf-8")
    more = f"CERTIFICATE, HANDLERS = {self_signed().hex()!r}, {str(tmp_path)!r}" + DRIVER
    modules = loaded(built, "processor", PROCESSOR, more)
    assert {"dateutil", "pg8000", "scramp"} <= modules
    assert "asn1crypto" not in modules


def self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_the_handshake_runs_from_its_zip_with_nothing_but_boto3_beside_it(built: Path) -> None:
    modules = loaded(built, "handshake", HANDSHAKE)
    assert {"handshake", "common", "botocore"} <= modules
    assert not modules & {"aws_xray_sdk", "boto3", "cryptography", "moto", "webhookctl"}


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


def test_a_processor_with_a_handlers_package_is_the_processor_with_that_package_and_what_it_pins(copy: Path) -> None:
    package = handler_package(copy / "handlers" / "shop_events", "markupsafe")
    (package / "templates").mkdir()
    (package / "templates" / "mail.txt").write_text("Thank you\n", encoding="utf-8")
    (package / ".env").write_text("PASSWORD=secret\n", encoding="utf-8")
    done = script(copy, "--with", package)
    assert done.returncode == 0, done.stderr
    plain, ours = contents(copy / "build" / "processor.zip"), contents(copy / "build" / "processor-shop_events.zip")
    assert plain.items() < ours.items()
    added = ours.keys() - plain.keys()
    assert {name for name in added if name.startswith("shop_events")} == {
        "shop_events/__init__.py",
        "shop_events/__pycache__/__init__.cpython-313.pyc",
        "shop_events/templates/mail.txt",
    }
    assert "markupsafe/_speedups.cpython-313-aarch64-linux-gnu.so" in added  # compiled for Lambda
    assert {name.partition("/")[0].partition("-")[0] for name in added} == {"shop_events", "markupsafe"}
    assert not (copy / "build" / "processor-shop_events-cryptography.zip").exists()
    loaded(copy / "build", "processor-shop_events", PROCESSOR, "import shop_events")


def test_a_handlers_package_can_stand_beside_cryptography_and_another_one(copy: Path) -> None:
    """Each in zips of its own, wherever the script is called from."""
    one, other = handler_package(copy / "one"), handler_package(copy / "deeper" / "other")
    done = script(copy, "--with", one.relative_to(copy.parent), "--with-cryptography", "--with", f"{other}/")
    assert done.returncode == 0, done.stderr
    for name, missing in (("one", "other"), ("other", "one")):
        plain = contents(copy / "build" / f"processor-{name}.zip")
        with_key = contents(copy / "build" / f"processor-{name}-cryptography.zip")
        assert plain.items() < with_key.items()
        assert {f"{name}/__init__.py"} <= plain.keys()
        assert {"common/public_key.py", "cryptography/__init__.py"} <= with_key.keys() - plain.keys()
        assert f"{missing}/__init__.py" not in with_key


def test_a_handlers_zip_built_again_has_the_same_bytes(copy: Path) -> None:
    package = handler_package(copy / "again", "markupsafe")
    digests = set()
    for moment in (1, 2):
        os.utime(package / "__init__.py", (moment, moment))
        assert script(copy, "--with", package).returncode == 0
        digests.add(hashlib.sha256((copy / "build" / "processor-again.zip").read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("not-a-name", "not-a-name is no name that Python can import"),
        ("absent", "there is no such directory"),
        ("empty", "it has no __init__.py"),
        ("email", "Lambda or another zip has a module of that name"),
        ("botocore", "Lambda or another zip has a module of that name"),
        ("cryptography", "Lambda or another zip has a module of that name"),
        ("processor", "the processor has a module of that name"),
        ("common", "the processor has a module of that name"),
        ("pg8000", "the processor has a module of that name"),
    ],
)
def test_a_directory_that_can_be_no_handlers_package_is_refused(copy: Path, folder: str, said: str) -> None:
    if folder == "empty":
        (copy / "wrong" / folder).mkdir(parents=True)
    elif folder != "absent":
        handler_package(copy / "wrong" / folder)
    for earlier in (copy / "build").glob("*.zip"):
        earlier.unlink()
    done = script(copy, "--with", copy / "wrong" / folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (copy / "build" / f"processor-{folder}.zip").exists()


def test_two_packages_of_one_name_are_refused(copy: Path) -> None:
    packages = [handler_package(copy / parent / "twice") for parent in ("left", "right")]
    done = script(copy, "--with", packages[0], "--with", packages[1])
    assert (done.returncode, "another --with of that name" in done.stderr) == (2, True)


@pytest.mark.parametrize("arguments", [["--with"], ["--without"], ["handlers"], ["--with-cryptography", "yes"]])
def test_arguments_that_mean_nothing_show_the_usage(copy: Path, arguments: list[str]) -> None:
    done = script(copy, *arguments)
    assert (done.returncode, "usage: build.sh" in done.stderr) == (2, True)


def test_a_requirement_without_a_hash_is_refused(copy: Path) -> None:
    package = handler_package(copy / "unhashed")
    (package / "requirements.txt").write_text("iniconfig==2.3.1\n", encoding="utf-8")
    done = script(copy, "--with", package)
    assert done.returncode != 0
    assert "Hashes are required" in done.stderr
    assert f"what {package}/requirements.txt pins can't be installed for Lambda" in done.stderr
    assert not (copy / "build" / "processor-unhashed.zip").exists()


def test_a_requirement_that_would_replace_a_file_of_the_processor_is_refused(copy: Path, tmp_path: Path) -> None:
    for name, text in (("one", "1"), ("two", "2")):
        (tmp_path / name / "wrapt").mkdir(parents=True)
        (tmp_path / name / "wrapt" / "__init__.py").write_text(text, encoding="utf-8")
    folders = [tmp_path / "one" / "wrapt", tmp_path / "two" / "wrapt"]
    command = [sys.executable, str(copy / "scripts" / "write_zip.py"), str(tmp_path / "x.zip"), *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "wrapt/__init__.py would be in the zip twice, with different contents" in done.stderr
    assert not (tmp_path / "x.zip").exists()


def test_the_local_stack_runs_this_machines_build_of_what_a_handler_requires(copy: Path, tmp_path: Path) -> None:
    package = handler_package(copy / "page", "markupsafe")
    assert script(copy, "--with", package).returncode == 0
    folder = unpack(copy / "build" / "processor-page.zip", tmp_path)
    assert (folder / "markupsafe").resolve() == Path(markupsafe.__file__).parent.resolve()


def test_a_processor_pins_what_the_tests_run_with() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
        return {line.split()[0] for line in lines if "==" in line}

    assert pins("processor.txt") < pins("development.txt")
