"""What the strategies of writing have in common with the processor: all but the writing.

Each takes its records verified as the processor verifies them, and logs and counts as it does. So what differs between
two of them is how they write.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from processor import handler as product
from processor.attempt import Attempted
from processor.batch import _fields, logger
from processor.event import Event, Outcome, Quarantined, Result
from processor.process import event_result, read
from processor.report import metric_lines
from processor.store import Item


def verified(record: Mapping[str, Any]) -> tuple[Event, Item]:
    """The event in a record, which must be genuine, and the item that is to be written for it."""
    event = read(record, product.lane)
    if isinstance(event, Quarantined):
        raise TypeError("a record of the bench is not genuine")
    item = product.lane.store.event_item(event, product.lane.clock())
    if item is None:
        raise ValueError("a body of the bench is too large for one item")
    return event, item


def report_stored(events: Sequence[Event]) -> dict[str, Any]:
    """All of them were stored."""
    return report([event_result(event, Attempted(Outcome.STORED)) for event in events])


def report(results: Sequence[Result]) -> dict[str, Any]:
    """A line for each event, the metrics of all, and the answer that none comes back."""
    for result in results:
        logger.info(result.outcome.value, extra=_fields(result) | {"source": product.settings.source})
    now = product.lane.clock()
    for line in metric_lines(product.settings.metrics_namespace, product.settings.source, results, 0, None, now):
        print(line)  # noqa: T201
    return {"batchItemFailures": []}
