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


def the_only(headers: Headers, *names: str) -> str:
    """The value that must be there, under one of the names. Raises NotGenuine: of two, which one would be checked?"""
    value = the_only_if_any(headers, *names)
    if value is None:
        raise NotGenuine(Reason.MISSING_HEADER)
    return value


def the_only_if_any(headers: Headers, *names: str) -> str | None:
    """The value under one of the names, None where all are missing or empty. Raises NotGenuine for two that differ."""
    values = dict.fromkeys(each(headers, *names))
    if len(values) > 1:
        raise NotGenuine(Reason.REPEATED_HEADER)
    return next(iter(values), None)


def each(headers: Headers, *names: str) -> list[str]:
    """The values under all of the names, none of them empty. Raises NotGenuine when one name is there twice."""
    found = []
    for name in names:
        values = headers.get(name.lower(), ())
        if len(values) > 1:
            raise NotGenuine(Reason.REPEATED_HEADER)
        if values and (value := values[0].strip(" \t")):
            found.append(value)
    return found
