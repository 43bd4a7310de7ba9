"""A message that arrives in a queue with an enabled mapping stays in the queue until something receives it.

AWS Lambda Developer Guide, "Using Lambda with Amazon SQS": Lambda's pollers read the queue, SendMessage does not. moto
receives and invokes inside SendMessage, through Docker, and without Docker spends one receive of the message or deletes
it. The local stack has pollers of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.sqs.models import Queue

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Hide every mapping from the queue it reads while the block runs; Lambda's own list of mappings stays whole."""

    def no_mappings(_queue: Queue) -> dict[str, Any]:
        return {}

    def ignore(_queue: Queue, _mappings: dict[str, Any]) -> None: ...

    with patched(Queue, "lambda_event_source_mappings", property(no_mappings, ignore)):
        yield
