"""Reading an effect's configuration, which the module wrote. Every fault in it is a ValueError that names the field."""

from collections.abc import Collection, Mapping
from typing import Any


def check_names(fields: Mapping[str, Any], needed: Collection[str], optional: Collection[str] = ()) -> None:
    """Raises ValueError for a field that is missing, and for one that nobody reads. None is as good as missing."""
    there = {name for name, value in fields.items() if value is not None}
    for name in needed:
        if name not in there:
            raise ValueError(f"the effect has no {name}")
    for name in sorted(there - {*needed, *optional}):
        raise ValueError(f"the effect has {name}, which is unknown")


def text(fields: Mapping[str, Any], name: str) -> str:
    """A text that is not empty."""
    value = fields[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"the effect's {name} is no text, or empty")
    return value
