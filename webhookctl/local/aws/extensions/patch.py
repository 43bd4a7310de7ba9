"""Replace one attribute of one class or module for as long as a `with` block runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MISSING = object()


@contextmanager
def patched(owner: Any, name: str, value: object) -> Iterator[None]:
    """Set `owner.name` to `value` and put back what was there, also when the block raises."""
    before = vars(owner).get(name, _MISSING)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
