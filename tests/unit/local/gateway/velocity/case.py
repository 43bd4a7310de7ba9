"""One rendering: a template and what it is rendered with, in the form both engines are given it."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webhookctl.local.gateway.template_functions import UTIL
from webhookctl.local.gateway.template_values import Context, Input, Parameters, TemplateMap
from webhookctl.local.gateway.vtl import Template


@dataclass(frozen=True)
class Case:
    """`context` is flat, its keys the dotted names below `$context`."""

    template: str
    body: str = ""
    header: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> tuple[str, int | None]:
        """What this project's renderer makes of it: the text and the overridden status."""
        context = Context(self._context())
        given = Input(self.body, Parameters(self.path, self.query, self.header))
        names = {"input": given, "util": UTIL, "context": context, "stageVariables": TemplateMap({})}
        return Template(self.template).render(names), context.override.status

    def lines(self) -> str:
        """The case as Render.java reads it."""
        values = {"template": self.template, "body": self.body}
        for place in ("header", "query", "path", "context"):
            values |= {f"{place}.{name}": value for name, value in getattr(self, place).items()}
        values |= {_PLACES[type(value)] + name: str(value) for name, value in _leaves(self._document())}
        encoded = (f"{name}\t{base64.b64encode(value.encode()).decode()}\n" for name, value in values.items())
        return "".join(encoded) + "\n"

    def _context(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for dotted, value in self.context.items():
            *parents, name = dotted.split(".")
            below = tree
            for parent in parents:
                below = below.setdefault(parent, {})
            below[name] = int(value) if dotted == "requestTimeEpoch" else value
        return tree

    def _document(self) -> Any:
        for text in (self.body, _decoded(self.body)):
            try:
                return json.loads(text)
            except ValueError:
                continue
        return {}


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """What a document holds, each with its way there; a list is a map of its indices, marked by itself."""
    if isinstance(value, dict):
        return [leaf for name, below in value.items() for leaf in _leaves(below, f"{path}.{name}" if path else name)]
    if isinstance(value, list) and path:
        return [(path, []), *_leaves({str(index): below for index, below in enumerate(value)}, path)]
    return [(path, value)] if path and type(value) in _PLACES else []


_PLACES: Mapping[type, str] = {str: "json.", int: "integer.", bool: "boolean.", float: "fraction.", list: "list."}
