"""The part of JSONPath that `$input.path` and `$input.json` understand here: `$`, `.name`, `['name']` and `[0]`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from webhookctl.local.gateway.errors import TemplateError

_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]|\['([^'\\]*)'\]")


@lru_cache(maxsize=256)
def steps(path: str) -> tuple[str | int, ...]:
    """The names and indices of a path. Raises TemplateError for all of JSONPath that is not modelled."""
    if not path.startswith("$"):
        raise TemplateError(f"the JSONPath {path} does not start with $")
    found: list[str | int] = []
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise TemplateError(f"the JSONPath {path} is not modelled from character {position + 1}")
        name, index, quoted = step.groups()
        found.append(int(index) if index is not None else quoted if name is None else name)
        position = step.end()
    return tuple(found)


def find(document: Any, path: str) -> Any:
    """What `path` leads to in a decoded document, None when there is nothing."""
    for step in steps(path):
        if isinstance(step, int):
            if not isinstance(document, list) or step >= len(document):
                return None
        elif not isinstance(document, Mapping) or step not in document:
            return None
        document = document[step]
    return document
