"""Request headers as both Lambdas look at them: names in lower case, every value kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from common.reasons import NotGenuine, Reason

Headers = Mapping[str, Sequence[str]]
"""Lower-case name to the values it came with, in order."""


def gather(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Headers from (name, value) pairs, whose names senders spell as they like (RFC 9110, section 5.1)."""
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name.lower(), []).append(value)
    return gathered


def gather_values(headers: Headers) -> Headers:
    """The same from names that have all the values of their spelling."""
    gathered = {name.lower(): values for name, values in headers.items()}
    if len(gathered) == len(headers):
        return gathered
    return gather((name, value) for name, values in headers.items() for value in values)


def value_of(name: str, headers: Headers) -> str | None:
    """The value under this name, which is in lower case; None where it is missing or empty.

    Raises NotGenuine when it is there twice.
    """
    values = headers.get(name)
    if not values:
        return None
    if len(values) > 1:
        raise NotGenuine(Reason.REPEATED_HEADER)
    return values[0].strip(" \t") or None


def the_only(headers: Headers, *names: str) -> str:
    """The value that must be there, under one of the names. Raises NotGenuine: of two, which one would be checked?"""
    return required(value_reader(names)(headers))


def required(value: str | None) -> str:
    """The value of a header that must be there. Raises NotGenuine."""
    if value is None:
        raise NotGenuine(Reason.MISSING_HEADER)
    return value


def each(headers: Headers, names: Iterable[str]) -> list[str]:
    """The values under all of the names in lower case, none empty. Raises NotGenuine when one name is there twice."""
    values = []
    for name in names:
        if value := value_of(name, headers):
            values.append(value)  # noqa: PERF401 - a comprehension takes longer for one or two
    return values


def value_reader(names: Sequence[str]) -> Callable[[Headers], str | None]:
    """What gives the value under one of these names, None where all are missing or empty.

    It raises NotGenuine for two that differ, and when one name is there twice.
    """
    lower_case = lowered(names)
    if len(lower_case) == 1:
        return partial(value_of, lower_case[0])

    def read(headers: Headers) -> str | None:
        values = each(headers, lower_case)
        if len(values) > 1 and len(set(values)) > 1:
            raise NotGenuine(Reason.REPEATED_HEADER)
        return values[0] if values else None

    return read


def lowered(names: Iterable[str]) -> tuple[str, ...]:
    """The names as headers are gathered under them."""
    return tuple(name.lower() for name in names)
