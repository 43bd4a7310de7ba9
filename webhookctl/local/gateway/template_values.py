"""The objects a mapping template sees: maps, `$input` and `$context`.

A property is looked up by `object[name]`, a method call only among the class's METHODS: what a request names its
headers never shadows a method, and nothing of Python shows.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from webhookctl.local.gateway import json_path


class TemplateMap:
    """A map as Velocity sees it: `$map.key`, and the methods in METHODS; a missing key is null."""

    METHODS = frozenset({"get", "containsKey", "keySet", "size", "isEmpty"})
    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str) -> Any:
        """The value of a key, null when there is none."""
        return self._values.get(name)

    def containsKey(self, name: str) -> bool:  # noqa: N802  # the names are Velocity's
        """Whether there is such a key."""
        return name in self._values

    def keySet(self) -> list[str]:  # noqa: N802
        """All keys."""
        return list(self._values)

    def size(self) -> int:
        """How many keys there are."""
        return len(self._values)

    def isEmpty(self) -> bool:  # noqa: N802
        """Whether there is none."""
        return not self._values


def to_template_value(value: Any) -> Any:
    """A decoded JSON value whose objects are TemplateMaps, all the way down."""
    if isinstance(value, Mapping):
        return TemplateMap({key: to_template_value(item) for key, item in value.items()})
    if isinstance(value, list):
        return [to_template_value(item) for item in value]
    return value


class Parameters:
    """What `$input.params()` returns: path, query string and header parameters, each a map of its own."""

    __slots__ = ("_places",)

    def __init__(self, path: Mapping[str, str], querystring: Mapping[str, str], header: Mapping[str, str]) -> None:
        self._places = {"path": path, "querystring": querystring, "header": header}

    def __getitem__(self, name: str) -> TemplateMap | None:
        return TemplateMap(self._places[name]) if name in self._places else None

    def find(self, name: str) -> Any:
        """The first value under a name.

        Path, then query string, then header (API Gateway Developer Guide, `$input.params(x)`).
        """
        return next((values[name] for values in self._places.values() if values.get(name) is not None), None)


class Input:
    """`$input`: the payload, and the request's parameters. An empty payload is `{}`, as API Gateway shows it."""

    METHODS = frozenset({"params", "path", "json"})
    __slots__ = ("_body", "_parameters")

    def __init__(self, body: str, parameters: Parameters) -> None:
        self._body = body or "{}"
        self._parameters = parameters

    def __getitem__(self, name: str) -> Any:
        return self._body if name == "body" else None

    def params(self, name: str | None = None) -> Any:
        """All parameters, or the first under a name."""
        return self._parameters if name is None else self._parameters.find(name)

    def path(self, path: str) -> Any:
        """What a JSONPath leads to in the payload. A payload that is not JSON is an error."""
        return to_template_value(json_path.find(self._document(), path))

    def json(self, path: str) -> str:
        """The same, written as JSON again, which need not be the bytes that came."""
        return json.dumps(json_path.find(self._document(), path), separators=(",", ":"), ensure_ascii=False)

    def _document(self) -> Any:
        try:
            return json.loads(self._body)
        except json.JSONDecodeError as error:
            raise ValueError(f"the payload is not JSON, it begins with {self._body[:20]!r}") from error


class Override:
    """`$context.responseOverride`: what a response template may set.

    Setting one thing twice is an error (API Gateway Developer Guide, "Override your API's request and response
    parameters and status codes").
    """

    __slots__ = ("header", "status")

    def __init__(self) -> None:
        self.status: Any = None
        self.header = HeaderOverride()

    def __getitem__(self, name: str) -> Any:
        return {"status": self.status, "header": self.header}.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name != "status":
            raise KeyError(f"responseOverride.{name} cannot be set")
        if self.status is not None:
            raise ValueError("responseOverride.status is set twice")
        self.status = value


class HeaderOverride:
    """`$context.responseOverride.header`."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def __getitem__(self, name: str) -> str | None:
        return self.values.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self.values:
            raise ValueError(f"responseOverride.header.{name} is set twice")
        self.values[name] = str(value)


class Context:
    """`$context` in a template: the request's context variables, and the response overrides."""

    __slots__ = ("_values", "override")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.override = Override()

    def __getitem__(self, name: str) -> Any:
        if name == "responseOverride":
            return self.override
        value = self._values.get(name)
        return TemplateMap(value) if isinstance(value, dict) else value
