"""One conditional PutItem for each record, one after another or on as many threads as the variable THREADS says."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from verified import report  # type: ignore[import-not-found]

from processor import handler as product
from processor.event import Result
from processor.process import process

threads = int(os.environ.get("THREADS", "1"))
pool = ThreadPoolExecutor(threads)


def handle(event: Mapping[str, Any], context: product.Context) -> dict[str, Any]:
    """First wins."""

    def store(record: Mapping[str, Any]) -> Result:
        return process(record, product.lane, context.get_remaining_time_in_millis)

    if product.lane.keyring is not None:
        product.lane.keyring.keys(product.lane.clock())  # which is not made for threads: read before there are any
    apply = pool.map if threads > 1 else map
    answer: dict[str, Any] = report(list(apply(store, event["Records"])))
    return answer
