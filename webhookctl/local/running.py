"""The note that a running local stack leaves, by which the other commands find it; of several they find the latest."""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER_NAME = "running"


@dataclass(frozen=True)
class Running:
    """A local stack that runs: its addresses and the environment's outputs as they are here."""

    endpoint: str
    aws_endpoint_url: str
    region: str
    outputs: Mapping[str, Any]
    pid: int
    process_started: str


def announce(cache_dir: Path, *, aws_endpoint_url: str, region: str, outputs: Mapping[str, Any]) -> None:
    """Leave the note of this process; one that it left before is replaced, and those of killed ones are removed."""
    for path, note in _notes(cache_dir):
        if note is None or not _is_alive(note):
            path.unlink(missing_ok=True)
    pid = os.getpid()
    note = Running(outputs["endpoint"], aws_endpoint_url, region, outputs, pid, _process_started(pid))
    path = _path(cache_dir, pid)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(note), indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def withdraw(cache_dir: Path) -> None:
    """Remove this process's note."""
    _path(cache_dir, os.getpid()).unlink(missing_ok=True)


def find_running(cache_dir: Path) -> Running | None:
    """The local stack that was started last of those that run now; None when there is none."""
    return next((note for _, note in _notes(cache_dir) if note is not None and _is_alive(note)), None)


def _path(cache_dir: Path, pid: int) -> Path:
    return cache_dir / FOLDER_NAME / f"{pid}.json"


def _notes(cache_dir: Path) -> list[tuple[Path, Running | None]]:
    """Every note, the newest first; None for one that can't be read."""
    dated = []
    for path in (cache_dir / FOLDER_NAME).glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # withdrawn meanwhile
            dated.append((path.stat().st_mtime_ns, path))
    return [(path, _read(path)) for _, path in sorted(dated, reverse=True)]


def _read(path: Path) -> Running | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Running(**json.loads(path.read_text(encoding="utf-8")))
    return None


def _is_alive(note: Running) -> bool:
    try:
        os.kill(note.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, but there
    return _process_started(note.pid) == note.process_started


def _process_started(pid: int) -> str:
    """What tells a process from a later one with the same number; empty where the system has no /proc."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # proc(5): starttime is field 22, and the name before it may hold spaces.
    return status.rpartition(")")[2].split()[19]
