import importlib.metadata
import zipfile
from pathlib import Path

import pytest

from webhookctl.local import package
from webhookctl.local.package import INSTALLED_BESIDE, MissingZip, NotCompiledHere, runtime_libraries, unpack


def test_of_the_unpacked_packages_those_used_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "KEPT_FOLDERS", 2)
    folders = []
    for text in ("one", "two", "one", "three"):
        with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("handler.py"), text)
        folders.append(unpack(tmp_path / "code.zip", tmp_path))
    one, two, again, three = folders
    assert one == again
    assert [folder.is_dir() for folder in (one, two, three)] == [True, False, True]
    assert (one / "handler.py").read_text() == "one"


def archive(folder: Path, *names: str) -> Path:
    with zipfile.ZipFile(folder / "code.zip", "w") as package:
        for name in names:
            package.writestr(name, "from the zip")
    return folder / "code.zip"


def test_a_compiled_package_gives_way_to_the_one_installed_here(tmp_path: Path) -> None:
    wheel = f"cffi-{importlib.metadata.version('cffi')}.dist-info/WHEEL"
    backend = "_cffi_backend.cpython-313-aarch64-linux-gnu.so"
    bytecode = "__pycache__/_cffi_backend.cpython-313.pyc"
    names = (wheel, "cffi/api.py", backend, bytecode, "pycparser/ply.py", "cffi_like.py")
    folder = unpack(archive(tmp_path, *names), tmp_path)
    installed = Path(str(importlib.metadata.distribution("cffi").locate_file("cffi")))
    assert (folder / "cffi").resolve() == installed.resolve()
    assert [each.is_symlink() for each in folder.glob("_cffi_backend*.so")] == [True]
    assert (folder / "pycparser" / "ply.py").read_text() == (folder / "cffi_like.py").read_text() == "from the zip"
    assert not list(folder.glob("cryptography*"))
    assert not (folder / "__pycache__").exists()


def test_what_is_pure_python_is_the_zips_own(tmp_path: Path) -> None:
    version = importlib.metadata.version("cffi")
    folder = unpack(archive(tmp_path, f"cffi-{version}.dist-info/METADATA", "cffi/api.py"), tmp_path)
    assert (folder / "cffi" / "api.py").read_text() == "from the zip"


@pytest.mark.parametrize("folder", ["cffi-0.0.1", "Not_Here-2.5"])
def test_a_compiled_package_that_is_not_here_in_that_version_is_named_with_what_installs_it(
    tmp_path: Path, folder: str
) -> None:
    with pytest.raises(NotCompiledHere) as refused:
        unpack(archive(tmp_path, f"{folder}.dist-info/WHEEL", "it/__init__.py"), tmp_path)
    pin = {"cffi-0.0.1": "cffi==0.0.1", "Not_Here-2.5": "not-here==2.5"}[folder]
    command = f"-m pip install --no-deps --upgrade --target {tmp_path / INSTALLED_BESIDE} {pin}"
    assert str(refused.value).endswith(command)
    assert str(tmp_path / "code.zip") in str(refused.value)


def test_what_was_installed_beside_the_zips_is_taken_before_the_virtual_environments(tmp_path: Path) -> None:
    metadata = tmp_path / INSTALLED_BESIDE / "cffi-0.0.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: cffi\nVersion: 0.0.1\n")
    (metadata / "RECORD").write_text("cffi/api.py,,\ncffi-0.0.1.dist-info/METADATA,,\n")
    folder = unpack(archive(tmp_path, "cffi-0.0.1.dist-info/WHEEL", "cffi/api.py"), tmp_path)
    assert (folder / "cffi").readlink() == tmp_path / INSTALLED_BESIDE / "cffi"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("processor", "run scripts/build.sh."),
        ("authorizer", "run scripts/build.sh."),
        ("processor-cryptography", "run scripts/build.sh --with-cryptography."),
        ("processor-shop", "run scripts/build.sh --with the directory of the Python package shop."),
        (
            "processor-shop-cryptography",
            "run scripts/build.sh --with-cryptography --with the directory of the Python package shop.",
        ),
    ],
)
def test_of_a_zip_that_is_missing_it_is_said_what_makes_it(tmp_path: Path, name: str, command: str) -> None:
    with pytest.raises(MissingZip) as refused:
        unpack(tmp_path / f"{name}.zip", tmp_path)
    assert str(refused.value).endswith(f"{name}.zip is missing: {command}")


def test_the_runtime_brings_its_client_in_place_of_the_compiled_one(tmp_path: Path) -> None:
    brought = {entry.name: entry.resolve() for entry in runtime_libraries(tmp_path).iterdir()}
    assert {name for name in brought if name.startswith("runtime_client")} == {"runtime_client.py"}
    assert brought["runtime_client.py"].parent == Path(package.__file__).parent
    assert {"awslambdaric", "boto3"} <= set(brought)
