"""An applied environment as it would be with other values."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from webhookctl.local.state import State


def altered(state: State, change: Callable[[str, dict[str, Any]], None]) -> State:
    """The state after `change` was given the type and the values of each managed resource; `state` stays as it is."""
    managed = []
    for resource in state.managed:
        values = copy.deepcopy(dict(resource.values))
        change(resource.type, values)
        managed.append(dataclasses.replace(resource, values=values))
    return dataclasses.replace(state, managed=tuple(managed))
