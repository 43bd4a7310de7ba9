"""What `terraform apply -json` says while it runs: how far it is, and what went wrong.

Terraform documentation, "Machine-Readable UI": one JSON object per line with a `type`.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Progress:
    """How far an apply is. `total` is 0 until it is known; `waiting_for` are addresses, the longest wait first.

    `step` is "wait" (for another apply), "init", "apply" or "show".
    """

    step: str
    done: int
    total: int
    elapsed_seconds: float
    waiting_for: tuple[str, ...]


@dataclass
class Log:
    """Follows one apply, line by line."""

    started: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    waiting_for: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def follow(self, lines: Iterable[str]) -> Iterator[Progress]:
        """The progress after each line that changes it. What is not JSON counts as an error."""
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                self.errors.append(line.rstrip())
                continue
            if self._take(entry):
                yield self.progress()

    def progress(self, step: str = "apply") -> Progress:
        """Where it is now."""
        return Progress(step, self.done, self.total, time.monotonic() - self.started, tuple(self.waiting_for))

    def _take(self, entry: Mapping[str, Any]) -> bool:
        hook = entry.get("hook") or {}
        address = (hook.get("resource") or {}).get("addr", "")
        match entry.get("type"):
            case "diagnostic":
                self._note_diagnostic(entry["diagnostic"])
                return False
            case "change_summary":
                changes = entry["changes"]
                self.total = self.total or sum(changes.get(kind, 0) for kind in ("add", "change", "remove"))
            case "apply_start":
                self.waiting_for.append(address)
            case "apply_complete" | "apply_errored":
                if address in self.waiting_for:
                    self.waiting_for.remove(address)
                # Data sources that have to wait for a resource are read during an apply, and are not in its total.
                self.done += entry["type"] == "apply_complete" and hook.get("action") != "read"
            case "apply_progress":
                pass
            case _:
                return False
        return True

    def _note_diagnostic(self, diagnostic: Mapping[str, Any]) -> None:
        if diagnostic.get("severity") != "error":
            return
        lines = [f"Error: {diagnostic.get('summary', '')}"]
        where = diagnostic.get("range") or {}
        place = [f"with {diagnostic['address']}"] if diagnostic.get("address") else []
        if where:
            place.append(f"on {where.get('filename')} line {where.get('start', {}).get('line')}")
        if place:
            lines.append("  " + ", ".join(place))
        if diagnostic.get("detail"):
            lines += ["", str(diagnostic["detail"])]
        self.errors.append("\n".join(lines))
