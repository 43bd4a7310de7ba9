"""What people give on the command line, read into values. Whatever is wrong with it becomes WrongUsage."""

import difflib
import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common.headers import Headers, gather
from common.scheme import InvalidScheme, Scheme, load, presets
from webhookctl.failure import WrongUsage

STDIN = "-"
EPOCH_END = 253_402_300_799  # the last second of the year 9999

_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HEADER = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NamedScheme:
    """A scheme and what it was called on the command line."""

    name: str
    scheme: Scheme


def read_scheme(argument: str) -> NamedScheme:
    """A preset by name, or a custom scheme from a JSON file."""
    if argument in presets():
        return NamedScheme(argument, load(argument))
    path = Path(argument)
    if not path.exists() and path.suffix != ".json":
        near = difflib.get_close_matches(argument.lower(), presets(), n=3)
        meant = f"Is it {' or '.join(near)}?" if near else f"Schemes are {', '.join(sorted(presets()))}."
        raise WrongUsage(
            f"There is no scheme {argument!r}, nor a file of that name. {meant} A custom one is given as a JSON file."
        )
    return NamedScheme(argument, _custom_scheme(argument))


def read_bytes(argument: str) -> bytes:
    """The exact bytes of a file, or of standard input for `-`."""
    if argument == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(argument).read_bytes()
    except (OSError, ValueError) as error:
        raise WrongUsage(f"Can't read {argument}: {_why(error)}.") from None


def read_header_lines(arguments: list[str]) -> Headers:
    """Headers from `Name: value` texts; one that is given twice has two values."""
    pairs = []
    for argument in arguments:
        match = _HEADER.fullmatch(argument)
        if match is None:
            raise WrongUsage(f"Header {argument!r} is not of the form 'Name: value'.")
        pairs.append((match[1], match[2].strip(" \t")))
    return gather(pairs)


def read_moment(epoch_seconds: int) -> int:
    """A time that is in the calendar."""
    if not 0 <= epoch_seconds <= EPOCH_END:
        raise WrongUsage(f"--at must be seconds since 1970, up to {EPOCH_END}; milliseconds are too many.")
    return epoch_seconds


def read_since(argument: str, now: datetime) -> datetime:
    """A time from how long ago it was (`90s`, `30m`, `1h`, `2d`, `1w`) or from ISO 8601, in UTC unless it says else."""
    duration = _DURATION.fullmatch(argument.strip())
    try:
        if duration:
            return now - timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        moment = datetime.fromisoformat(argument.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongUsage(f"--since {argument!r} is neither like 30m, 1h or 2d nor like 2026-01-31T08:00:00Z.") from None


def _custom_scheme(argument: str) -> Scheme:
    try:
        return load(json.loads(read_bytes(argument)))
    except InvalidScheme as error:
        raise WrongUsage(f"{argument}: {error}.") from None
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"{argument} is not JSON: {error}.") from None


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
