"""Looking up a reference such as `$input.params().header.get('X')` in the objects that a template sees.

airspeed would look into Python's own attributes, print Python's idea of a value, and print the reference's text for
null. What is here sees what Velocity sees and writes what API Gateway writes.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import airspeed

from webhookctl.local.gateway.errors import TemplateError

Names = dict[str, Any]
"""What a template sees under the names that references begin with."""

Evaluate = Callable[[Names], Any]

_TEXT_METHODS: Mapping[str, Callable[..., object]] = {
    "length": len,
    "startsWith": str.startswith,
    "contains": str.__contains__,
    "matches": lambda text, pattern: re.fullmatch(pattern, text) is not None,
    # Of its patterns the subset takes one: a backslash and an apostrophe, which airspeed has unescaped to just these.
    "replaceAll": str.replace,
}

_WITHOUT_PROPERTIES = (str, int, float, list)

PRINTED_OTHERWISE = secrets.token_hex(16)
"""In the text that stands for a map, a list or a fraction, whose forms differ. A template may look at that text, as at
the brace that all maps begin with, but must not write it."""


def parts_of(reference: Any) -> list[Any]:
    """The root of a reference and what follows it, each a name or a call; what is neither is a TemplateError."""
    if reference.expression is None or reference.alternate is not None:
        raise TemplateError(f"a dollar without a name, or an alternate value, in {reference.my_text()}")
    parts = list(_parts(reference))
    if parts[0].parameters is not None:
        raise TemplateError(f"a call of {parts[0].name}")
    return parts


def _parts(reference: Any) -> Iterator[Any]:
    expression = reference.expression
    while True:
        yield expression.part
        if expression.part.index is not None:
            raise TemplateError(f"an index in {reference.my_text()}")
        if expression.subexpression is None:
            return
        expression = expression.subexpression.expression
        if isinstance(expression, airspeed.ArrayIndex):
            raise TemplateError(f"an index in {reference.my_text()}")


def look_up(root: str, steps: Iterable[tuple[str, Sequence[Evaluate] | None]]) -> Evaluate:
    """The value of a root name's properties and, where there are arguments, method calls.

    None is null: whatever is looked up in null is null.
    """
    find = _root(root)
    for name, arguments in steps:
        find = _property(find, name) if arguments is None else _call(find, name, arguments)
    return find


def _root(name: str) -> Evaluate:
    return lambda names: names.get(name)


def _property(owner: Evaluate, name: str) -> Evaluate:
    def find(names: Names) -> Any:
        value = owner(names)
        return None if value is None or isinstance(value, _WITHOUT_PROPERTIES) else value[name]

    return find


def _call(owner: Evaluate, name: str, arguments: Sequence[Evaluate]) -> Evaluate:
    given = _together(arguments)

    def find(names: Names) -> Any:
        value = owner(names)
        return None if value is None else call_method(value, name, *given(names))

    return find


def _together(arguments: Sequence[Evaluate]) -> Callable[[Names], Sequence[Any]]:
    if len(arguments) == 1:  # as nearly all calls have
        (only,) = arguments
        return lambda names: (only(names),)
    return lambda names: [argument(names) for argument in arguments]


def text_of(value: object) -> str:
    """A value as Velocity's `toString` prints it; null as nothing, as API Gateway does.

    Maps, lists and fractions have PRINTED_OTHERWISE in them.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return f"{{{PRINTED_OTHERWISE}}}"


def call_method(value: Any, name: str, *arguments: Any) -> Any:
    """What a method returns. Velocity takes a call of a method that there is none of for null, which only `get` may be:
    a way through a document that leads to something else than a map.
    """
    if name in getattr(value, "METHODS", ()):
        return getattr(value, name)(*arguments)
    if name == "get" and isinstance(value, _WITHOUT_PROPERTIES):
        return value[arguments[0]] if isinstance(value, list) and type(arguments[0]) is int else None
    if isinstance(value, str) and name in _TEXT_METHODS:
        return _TEXT_METHODS[name](value, *arguments)
    raise TypeError(f"a {type(value).__name__} has no method {name}")
