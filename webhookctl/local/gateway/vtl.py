"""Mapping templates: Velocity as API Gateway runs it, parsed by airspeed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import airspeed

from webhookctl.local.gateway.compiled import compiled
from webhookctl.local.gateway.errors import TemplateError
from webhookctl.local.gateway.reference import PRINTED_OTHERWISE

_REST_OF_LINE = re.compile(r"\A[ \t]*\r?\n")


class Template:
    """A template parsed once. Raises TemplateError when it does not parse; `where` names it in errors."""

    def __init__(self, text: str, where: str = "a mapping template") -> None:
        self.text = text
        self.where = where
        self._parsed = airspeed.Template(text, where)
        try:
            self._parsed.ensure_compiled()
            for element in elements(self.root):
                if isinstance(element, airspeed.ElseBlock):
                    _swallow_line_end(element.block)
            self._write = compiled(self.root)
        except (airspeed.TemplateError, TemplateError) as error:
            raise TemplateError(f"{where}: {error}") from error

    @property
    def root(self) -> Any:
        """The root of airspeed's tree of elements."""
        return self._parsed.root_element

    def render(self, names: Mapping[str, Any]) -> str:
        """Render with these top-level names.

        Raises TemplateError for whatever fails: API Gateway has one answer for it, a 500.
        """
        try:
            written = self._write(dict(names))
        except Exception as error:
            raise TemplateError(f"{self.where}: {type(error).__name__}: {error}") from error
        if PRINTED_OTHERWISE in written:
            raise TemplateError(f"{self.where} writes a map, a list or a fraction, which Velocity prints otherwise")
        return written


def elements(element: Any) -> Iterator[Any]:
    """An element of airspeed's tree and all below it, each once, in the order they are written."""
    yield element
    for child in _children(element):
        yield from elements(child)


def _children(element: Any) -> Iterable[Any]:
    values = [
        each for value in vars(element).values() for each in (value if isinstance(value, list | tuple) else [value])
    ]
    # Some elements keep the bound method of the element they wrap, with or without the element itself.
    found = {id(each): each for each in (getattr(value, "__self__", value) for value in values)}
    found.pop(id(element), None)
    return [each for each in found.values() if isinstance(each, airspeed._Element)]  # noqa: SLF001  # it has no public tree


def _swallow_line_end(block: Any) -> None:
    """Velocity swallows the rest of the line after `#else` as it does after the other directives, airspeed does not."""
    if block.children and isinstance(block.children[0], airspeed.Text):
        block.children[0].text = _REST_OF_LINE.sub("", block.children[0].text, count=1)
