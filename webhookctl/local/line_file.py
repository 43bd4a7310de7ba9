"""A log's file, to which lines are appended."""

import asyncio
from pathlib import Path
from typing import Self


class LineFile:
    """Takes lines while its context is entered.

    They are in the file before the event loop waits again, those that come together by one write: under load that is
    a system call for each few requests, and no longer two for each.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._loop = asyncio.get_running_loop()
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._file.close()

    def write(self, line: str) -> None:
        """Append a line, which has no line end."""
        if not self._lines:
            self._loop.call_soon(self._flush)
        self._lines.append(line)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._file.write("\n".join([*lines, ""]).encode("utf-8", "replace"))
