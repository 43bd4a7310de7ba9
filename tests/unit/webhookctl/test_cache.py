import os
from pathlib import Path

import pytest

from webhookctl.cache import cache_directory, keep_newest, touch


def test_the_cache_is_where_xdg_says_if_that_is_absolute(tmp_path: Path) -> None:
    assert cache_directory({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "scalable-webhook"
    for environ in ({}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative"}):
        assert cache_directory(environ) == Path.home() / ".cache" / "scalable-webhook"


@pytest.mark.parametrize(("count", "kept"), [(0, []), (2, ["a", "d"]), (9, ["a", "b", "c", "d"])])
def test_the_folders_made_or_touched_last_are_kept(tmp_path: Path, count: int, kept: list[str]) -> None:
    for age, name in enumerate("dcba"):
        (tmp_path / name / "inside").mkdir(parents=True)
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    touch(tmp_path / "a")
    keep_newest([*tmp_path.iterdir(), tmp_path / "gone"], count)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == kept
