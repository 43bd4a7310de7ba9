"""SQS keeps and returns a queue's RedriveAllowPolicy.

Amazon SQS API Reference, SetQueueAttributes and GetQueueAttributes: `RedriveAllowPolicy` is an attribute like any
other, absent until it is set. moto accepts it on SetQueueAttributes and answers InvalidAttributeName when it is asked
for, so the provider's `aws_sqs_queue_redrive_allow_policy` waits until its time-out.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from moto.sqs.models import Queue

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Count RedriveAllowPolicy among the attributes of every queue while the block runs."""
    with ExitStack() as patches:
        patches.enter_context(patched(Queue, "BASE_ATTRIBUTES", [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]))
        patches.enter_context(patched(Queue, "redrive_allow_policy", None))
        yield
