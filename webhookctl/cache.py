"""Where things are kept that can be made again: the local stack's applied state, its logs, the note that it runs."""

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's cache directory for this project (XDG Base Directory Specification); it need not exist yet."""
    base = environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "scalable-webhook"


def touch(folder: Path) -> None:
    """Note that a folder is in use now."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def keep_newest(folders: Iterable[Path], count: int) -> None:
    """Remove all but those that were made or touched last."""
    dated = []
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):  # removed by another process
            dated.append((folder.stat().st_mtime_ns, folder))
    for _, folder in sorted(dated, reverse=True)[count:]:
        shutil.rmtree(folder, ignore_errors=True)
