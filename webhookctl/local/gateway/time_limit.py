"""A limit to how long something may take, which costs next to nothing where it turns out that there is no waiting."""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises; a TimeoutError when it waits for longer than these seconds.

    A timer is only made once `work` waits for something, which a message to a queue in this process never does.
    """
    try:
        awaited = work.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]
    async with asyncio.timeout(seconds):
        return await _rest(work, awaited)


@coroutine
def _rest(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """What `await work` would do if it had not waited yet."""
    while True:
        try:
            try:
                given = yield awaited
            except BaseException as error:  # noqa: BLE001  # a cancellation too belongs to the work, which may clean up
                awaited = work.throw(error)
            else:
                awaited = work.send(given)
        except StopIteration as finished:
            return finished.value  # type: ignore[no-any-return]
