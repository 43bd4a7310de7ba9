"""A queue's URL is AWS's, not the address of the server that happened to create it.

Amazon SQS Developer Guide, "Queue and message identifiers": `https://sqs.{region}.amazonaws.com/{account}/{queue}`.
moto writes the host and port it was reached at, which is gone after the apply while the URL stays in the state and in
the outputs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import ParseResult

from moto.sqs.models import Queue

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Answer with AWS's form of each URL while the block runs."""

    def url(self: Queue, _request_url: ParseResult) -> str:
        return f"https://sqs.{self.region}.amazonaws.com/{self.account_id}/{self.name}"

    with patched(Queue, "url", url):
        yield
