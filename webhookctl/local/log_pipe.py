"""What an execution environment writes to its standard output and error, line by line."""

import asyncio
import contextlib
import os
from collections.abc import Callable

CHUNK_BYTES = 65_536
# The largest event that CloudWatch Logs takes (CloudWatch Logs User Guide, "quotas"); what is longer comes in pieces.
MAX_LINE_BYTES = 1024 * 1024


class LogPipe:
    """A pipe whose writing end a process gets; lines arrive at the callback by themselves, or at once by `drain`."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader, self._read)

    def drain(self) -> None:
        """Deliver what was written until now; without this a handler's answer could overtake its log lines."""
        while self._reader >= 0 and self._read():
            pass

    def close_writer(self) -> None:
        """Give up this process's copy of the writing end."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> None:
        """Deliver the rest and close both ends."""
        self.close_writer()
        self.drain()
        self._close_reader()

    def _read(self) -> bool:
        """Deliver what one read brings; whether there may be more, of which a pipe gives what there is."""
        try:
            chunk = os.read(self._reader, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if chunk:
            self._split(chunk)
        else:
            self._close_reader()
        return len(chunk) == CHUNK_BYTES

    def _split(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._deliver(line)
        if len(self._rest) >= MAX_LINE_BYTES:
            self._flush()

    def _close_reader(self) -> None:
        if self._reader < 0:
            return
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            self._loop.remove_reader(self._reader)
        os.close(self._reader)
        self._reader = -1
        self._flush()

    def _flush(self) -> None:
        if self._rest:
            self._deliver(self._rest)
            self._rest = b""

    def _deliver(self, line: bytes) -> None:
        self._on_line(line.decode("utf-8", "replace"))
