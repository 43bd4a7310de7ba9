"""Request headers as both Lambdas look at them: names in lower case, every value kept."""

from collections.abc import Iterable, Mapping, Sequence

from common.reasons import NotGenuine, Reason

Headers = Mapping[str, Sequence[str]]
"""Lower-case name to the values it came with, in order."""


def gather(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Headers from (name, value) pairs, whose names senders spell as they like (RFC 9110, section 5.1)."""
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name.lower(), []).append(value)
    return gathered


def the_only(headers: Headers, name: str) -> str:
    """The value of a header that must be there once. Raises NotGenuine: of two values, which one would be checked?"""
    value = the_only_if_any(headers, name)
    if value is None:
        raise NotGenuine(Reason.MISSING_HEADER)
    return value


def the_only_if_any(headers: Headers, name: str) -> str | None:
    """The value of a header that may be missing or empty (None) but not repeated. Raises NotGenuine."""
    values = headers.get(name.lower(), ())
    if len(values) > 1:
        raise NotGenuine(Reason.REPEATED_HEADER)
    return (values[0].strip(" \t") or None) if values else None
