"""For every test."""

from collections.abc import Callable, Mapping
from typing import Any

import uvloop


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Callable[[], Any]]:
    """The event loop that the local stack runs on."""
    return {"uvloop": uvloop.new_event_loop}
