"""The writing alone: of items that were made before, from events that were verified before, without a line or a metric.

The variable WRITE says how: `insert` as the processor does, `put` one conditional PutItem after another, or `threads`
ten of these at once. Answers as `timed` does.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from verified import verified  # type: ignore[import-not-found]

from processor import handler as product
from processor.insert import MAX_STATEMENTS, There, insert
from processor.store import EventStore, Item

pool = ThreadPoolExecutor(10)


def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """First wins."""
    store, now = product.lane.store, product.lane.clock()
    items = [item for _, item in map(verified, event["Records"])]
    wall, cpu = time.perf_counter(), time.process_time()
    are_new = _WAYS[os.environ["WRITE"]](items, store, now)
    taken = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    if not all(are_new) or len(are_new) != len(items):
        raise ValueError("an item of the bench was not new")
    return {"answer": {"batchItemFailures": []}, **taken}


def _inserted(items: Sequence[Item], store: EventStore, now: float) -> Sequence[bool]:
    starts = range(0, len(items), MAX_STATEMENTS)
    answers = [answer for start in starts for answer in insert(items[start : start + MAX_STATEMENTS], store, now)]
    return [isinstance(answer, There) and answer.new for answer in answers]


def _put(items: Sequence[Item], store: EventStore, now: float) -> Sequence[bool]:
    return list(map(partial(_is_new, store, now), items))


def _put_on_threads(items: Sequence[Item], store: EventStore, now: float) -> Sequence[bool]:
    return list(pool.map(partial(_is_new, store, now), items))


def _is_new(store: EventStore, now: float, item: Item) -> bool:
    return store._put_new(item, now) is None


_WAYS: Mapping[str, Callable[[Sequence[Item], EventStore, float], Sequence[bool]]] = {
    "insert": _inserted,
    "put": _put,
    "threads": _put_on_threads,
}
