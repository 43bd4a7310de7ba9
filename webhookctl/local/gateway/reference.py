"""Looking up a reference such as `$input.params().header.get('X')` in the objects that a template sees.

airspeed would look into Python's own attributes, print Python's idea of a value, and print the reference's text for
null. The references of a parsed template are therefore bound to a `Reference`, which sees what Velocity sees and writes
what API Gateway writes.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import airspeed

from webhookctl.local.gateway.errors import TemplateError

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


class Reference:
    """A reference taken apart: a root name, then properties and method calls."""

    __slots__ = ("_root", "_steps")

    def __init__(self, element: Any) -> None:
        names = list(_names(element))
        self._root = names[0].name
        self._steps = tuple((each.name, _arguments(each)) for each in names[1:])
        if names[0].parameters is not None:
            raise TemplateError(f"a call of {self._root}")

    def calculate(self, namespace: Any, loader: Any) -> Any:
        """The value, None for null: whatever is looked up in null is null."""
        try:
            value = namespace[self._root]
        except KeyError:
            return None
        for name, arguments in self._steps:
            if value is None:
                return None
            if arguments is None:
                value = None if isinstance(value, _WITHOUT_PROPERTIES) else value[name]
            else:
                value = _call(value, name, [each.calculate(namespace, loader) for each in arguments])
        return value

    def evaluate(self, stream: Any, namespace: Any, loader: Any) -> None:
        """Write the value."""
        stream.write(text_of(self.calculate(namespace, loader)))


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


def _names(element: Any) -> Any:
    expression = element.expression
    while True:
        yield expression.part
        if expression.part.index is not None:
            raise TemplateError(f"an index in {element.my_text()}")
        if expression.subexpression is None:
            return
        expression = expression.subexpression.expression
        if isinstance(expression, airspeed.ArrayIndex):
            raise TemplateError(f"an index in {element.my_text()}")


def _arguments(name: Any) -> Any:
    """The elements of a call's arguments, None when it is no call."""
    if name.parameters is None:
        return None
    return getattr(name.parameters.values, "values", ())


def _call(value: Any, name: str, arguments: list[Any]) -> Any:
    """What a method returns. Velocity takes a call of a method that there is none of for null, which only `get` may be:
    a way through a document that leads to something else than a map.
    """
    if name == "get" and isinstance(value, _WITHOUT_PROPERTIES):
        return value[arguments[0]] if isinstance(value, list) and type(arguments[0]) is int else None
    return _method(value, name)(*arguments)


def _method(value: Any, name: str) -> Any:
    methods = _TEXT_METHODS if isinstance(value, str) else getattr(value, "METHODS", ())
    if name not in methods:
        raise TypeError(f"a {type(value).__name__} has no method {name}")
    return partial(_TEXT_METHODS[name], value) if isinstance(value, str) else getattr(value, name)
