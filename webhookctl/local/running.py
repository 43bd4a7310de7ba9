"""The note that a running local stack leaves, by which the other commands find it."""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE_NAME = "running.json"


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
    """Leave the note of this process; a note that is there already is replaced."""
    pid = os.getpid()
    note = Running(outputs["endpoint"], aws_endpoint_url, region, outputs, pid, _process_started(pid))
    cache_dir.mkdir(parents=True, exist_ok=True)
    draft = cache_dir / f".{FILE_NAME}.{pid}"
    draft.write_text(json.dumps(asdict(note), indent=2) + "\n", encoding="utf-8")
    draft.replace(cache_dir / FILE_NAME)


def withdraw(cache_dir: Path) -> None:
    """Remove the note, if it is this process's."""
    note = _read(cache_dir)
    if note is not None and note.pid == os.getpid():
        (cache_dir / FILE_NAME).unlink(missing_ok=True)


def find_running(cache_dir: Path) -> Running | None:
    """The local stack that runs now; None when there is none, whatever a killed one left behind."""
    note = _read(cache_dir)
    return note if note is not None and _is_alive(note) else None


def _read(cache_dir: Path) -> Running | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Running(**json.loads((cache_dir / FILE_NAME).read_text(encoding="utf-8")))
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
    return status.rpartition(")")[2].split()[
        19
    ]  # proc(5): starttime is field 22, and the name before it may hold spaces
