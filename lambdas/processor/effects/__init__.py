"""What a lane does with an event beyond storing it: call the user's handler, write to PostgreSQL, deliver over HTTP."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from processor.effects.fields import check_names, text
from processor.effects.live_secret import LiveSecret
from processor.effects.user import load_handler
from processor.handling import Handle

ReadSecret = Callable[[str], list[str]]
"""Gives the texts of a secret's live versions by its name, newest first."""


def load_effect(configuration: Mapping[str, Any], read_secret: ReadSecret) -> Handle:
    """The effect of a lane, by the variable EFFECT.

    A user's handler is imported now. Nothing is connected to, and no secret read, before the first event. Raises
    ValueError for a configuration that can't be meant, and what importing the handler raises.
    """
    kind = configuration.get("kind")
    if kind not in _LOADERS:
        raise ValueError(f"the effect's kind is {kind!r}; known are {', '.join(_LOADERS)}")
    return _LOADERS[kind](configuration, read_secret)


# Imported by those who need them: what the others' cold start would take for nothing.


def _handler(configuration: Mapping[str, Any], read_secret: ReadSecret) -> Handle:
    check_names(configuration, ("kind", "handler"), ("postgres_secret_name",))
    if configuration.get("postgres_secret_name") is None:
        return load_handler(text(configuration, "handler"))
    from processor.effects.postgres import in_transaction  # first: the handler's module may import the driver, too

    handle = load_handler(text(configuration, "handler"))
    return in_transaction(handle, LiveSecret(partial(read_secret, text(configuration, "postgres_secret_name"))))


def _postgres(configuration: Mapping[str, Any], read_secret: ReadSecret) -> Handle:
    from processor.effects.postgres import postgres_effect

    return postgres_effect(configuration, read_secret)


def _http(configuration: Mapping[str, Any], read_secret: ReadSecret) -> Handle:
    from processor.effects.http import http_effect

    return http_effect(configuration, read_secret)


_LOADERS = {"handler": _handler, "postgres": _postgres, "http": _http}
