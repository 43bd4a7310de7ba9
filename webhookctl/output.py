"""What goes to the terminal: text for people, JSON for programs. Colours only where somebody sees them."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

_STYLES = {"good": "32", "bad": "31", "bold": "1", "dim": "2"}


def write(text: str = "", *, end: str = "\n") -> None:
    """Text on standard output. Characters that the terminal's encoding lacks are escaped."""
    _write(sys.stdout, text + end)


def write_sentence(text: str) -> None:
    """Prose on standard output, on a terminal in lines that end between words."""
    _write(sys.stdout, _filled(text, sys.stdout) + "\n")


def write_error(text: str) -> None:
    """Prose on standard error, likewise."""
    _write(sys.stderr, _filled(text, sys.stderr) + "\n")


def write_bytes(content: bytes) -> None:
    """Exact bytes on standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def write_json(document: Mapping[str, Any]) -> None:
    """One JSON document on a line of its own, in ASCII, whatever the terminal's encoding."""
    write(json.dumps(document))


def write_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Aligned lines of name and value; those without a value are left out."""
    shown = [(name, value) for name, value in fields if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        write(f"  {styled(f'{name:<{width}}', 'dim')}  {value}")


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether somebody sees it as it is written."""
    return (stream or sys.stdout).isatty()


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """The text in a style on a terminal that has colours, and as it is elsewhere (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not is_terminal(stream):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def printable(text: str) -> str:
    """The text with everything escaped that could move a terminal's cursor or change what it shows."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def utc(epoch_seconds: float) -> str:
    """A time as people read it, or the bare number when it is beyond the calendar."""
    try:
        moment = datetime.fromtimestamp(epoch_seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{epoch_seconds:.0f}"
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(epoch_seconds: float) -> str:
    """A time as programs read it."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_if_any(epoch_ms: int | None) -> str | None:
    """Likewise, of a number that the table has; None where it has none, or 0."""
    return iso(epoch_ms / 1000) if epoch_ms else None


def moment(epoch_ms: int, now: float) -> str:
    """A time as people read it, and how far off it is."""
    off = epoch_ms / 1000 - now
    return f"{utc(epoch_ms / 1000)} ({f'in {duration(off)}' if off > 0 else f'{duration(-off)} ago'})"


def duration(seconds: float) -> str:
    """A length of time in its largest fitting unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def byte_count(size: int) -> str:
    """A number of bytes with its thousands apart."""
    return f"{size:,} byte{'' if size == 1 else 's'}"


def _filled(text: str, stream: TextIO) -> str:
    if not is_terminal(stream):
        return text
    width = shutil.get_terminal_size().columns
    lines = (textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))
    return "\n".join("\n".join(line) for line in lines)


def _write(stream: TextIO, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
