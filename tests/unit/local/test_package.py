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
