"""Texts in which only `$context.*` and `$stageVariables.*` are replaced: gateway responses and the access log's format.

API Gateway Developer Guide, "Gateway responses in API Gateway": no Velocity, simple substitution.
"""

import re
from collections.abc import Mapping
from typing import Any

_MAPPINGS = (dict, Mapping)  # asked in this order: nearly all are dicts, of which Python knows at once
_VARIABLE = re.compile(r"\$(context|stageVariables)((?:\.[A-Za-z0-9_-]+)+)")


class Substitution:
    """A text with variables, taken apart once. A variable without a value is written as `missing`."""

    __slots__ = ("_missing", "_parts")

    def __init__(self, text: str, *, missing: str = "") -> None:
        self._missing = missing
        self._parts: list[str | tuple[str, ...]] = []
        position = 0
        for variable in _VARIABLE.finditer(text):
            self._parts.append(text[position : variable.start()])
            self._parts.append((variable[1], *variable[2][1:].split(".")))
            position = variable.end()
        self._parts.append(text[position:])

    def write(self, context: Mapping[str, Any], stage_variables: Mapping[str, str]) -> str:
        """The text for one request."""
        values = {"context": context, "stageVariables": stage_variables}
        return "".join([part if isinstance(part, str) else self._value(values, part) for part in self._parts])

    def _value(self, values: Any, path: tuple[str, ...]) -> str:
        for name in path:
            if not isinstance(values, _MAPPINGS) or (values := values.get(name)) is None:
                return self._missing
        if isinstance(values, str):
            return values
        return self._missing if isinstance(values, _MAPPINGS) else str(values)
