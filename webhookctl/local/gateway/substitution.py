"""Texts in which only `$context.*` and `$stageVariables.*` are replaced: gateway responses and the access log's format.

API Gateway Developer Guide, "Gateway responses in API Gateway": no Velocity, simple substitution.
"""

import re
from collections.abc import Mapping
from typing import Any

_MAPPINGS = (dict, Mapping)  # asked in this order: nearly all are dicts, of which Python knows at once
_PLAIN = (str, int)
_VARIABLE = re.compile(r"\$(context|stageVariables)((?:\.[A-Za-z0-9_-]+)+)")


class Substitution:
    """A text with variables, taken apart once. A variable without a value is written as `missing`."""

    __slots__ = ("_parts", "_variables")

    def __init__(self, text: str, *, missing: str = "") -> None:
        self._parts: list[str] = []
        self._variables: list[tuple[int, bool, list[str]]] = []
        position = 0
        for variable in _VARIABLE.finditer(text):
            self._parts += (text[position : variable.start()], missing)
            self._variables.append((len(self._parts) - 1, variable[1] == "context", variable[2][1:].split(".")))
            position = variable.end()
        self._parts.append(text[position:])

    def write(self, context: Mapping[str, Any], stage_variables: Mapping[str, str]) -> str:
        """The text for one request."""
        parts = self._parts.copy()
        for position, of_context, path in self._variables:
            value: Any = context if of_context else stage_variables
            for name in path:
                if not isinstance(value, _MAPPINGS) or (value := value.get(name)) is None:
                    break
            else:
                if isinstance(value, _PLAIN) or not isinstance(value, _MAPPINGS):
                    parts[position] = str(value)
        return "".join(parts)
