"""The user's own handler, imported when the execution environment starts: a broken deploy is seen before any event."""

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any

from processor.handling import Handle, HandlerEvent

_REFERENCE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)


def load_handler(reference: str) -> Handle:
    """The function behind "package.module:function".

    Raises what importing the module raises, and ValueError where there is no such function or it can't be a handler.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"the handler is {reference!r}, not of the form package.module:function")
    module, name = match.groups()
    try:
        function: Any = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        error.add_note(f"raised by importing the handler {reference}")
        raise
    _check(function, reference)
    return _called(function, reference)


def _check(function: Any, reference: str) -> None:
    if function is None:
        raise ValueError(f"the handler {reference} is not there")
    if not callable(function):
        raise ValueError(f"the handler {reference} is not a function")  # noqa: TRY004 - it is the configuration's value
    if _runs_later(function):
        raise ValueError(f"the handler {reference} is async or a generator: calling it would do nothing")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of something written in C, which does not say
        return
    try:
        signature.bind(object())
    except TypeError:
        raise ValueError(f"the handler {reference} can't be called with one argument, the event") from None


def _runs_later(function: Any) -> bool:
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
    return any(is_of_kind(function) for is_of_kind in kinds)


def _called(function: Callable[[HandlerEvent], Any], reference: str) -> Handle:
    def handle(event: HandlerEvent) -> str | None:
        result = function(event)
        if inspect.iscoroutine(result):  # of an async function behind a decorator: nothing of it has happened
            result.close()
            raise TypeError(f"the handler {reference} returned a coroutine")
        return result if isinstance(result, str) else None

    return handle
