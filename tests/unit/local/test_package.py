import importlib.metadata
import zipfile
from pathlib import Path

import pytest

from webhookctl.local import package
from webhookctl.local.package import unpack


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


def test_a_compiled_package_gives_way_to_the_one_installed_here(tmp_path: Path) -> None:
    names = ("cffi/api.py", "_cffi_backend.cpython-313-aarch64-linux-gnu.so", "pycparser/ply.py", "cffi_like.py")
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "from the zip")
    folder = unpack(tmp_path / "code.zip", tmp_path)
    installed = Path(str(importlib.metadata.distribution("cffi").locate_file("cffi")))
    assert (folder / "cffi").resolve() == installed.resolve()
    assert [each.is_symlink() for each in folder.glob("_cffi_backend*.so")] == [True]
    assert (folder / "pycparser" / "ply.py").read_text() == (folder / "cffi_like.py").read_text() == "from the zip"
    assert not list(folder.glob("cryptography*"))
