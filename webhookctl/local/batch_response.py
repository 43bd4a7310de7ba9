"""What a function says about its batch when its mapping has ReportBatchItemFailures.

Lambda Developer Guide, "Handling errors for an SQS event source in Lambda", success and failure conditions.
"""

from collections.abc import Collection
from typing import Any


class MalformedResponse(Exception):
    """The answer follows no form that Lambda knows, so the whole batch counts as failed."""


def failed_ids(answer: Any, batch: Collection[str]) -> frozenset[str]:
    """The ids of the messages that failed, none of them for a complete success. Raises MalformedResponse.

    A missing list is a complete success: a function that returns something else altogether has its messages deleted.
    """
    if answer is None or answer == "":
        return frozenset()
    if not isinstance(answer, dict):
        raise MalformedResponse("the answer is not an object")
    failures = answer.get("batchItemFailures")
    if failures is None:
        return frozenset()
    if not isinstance(failures, list):
        raise MalformedResponse("batchItemFailures is not a list")
    return frozenset(_identifier(failure, batch) for failure in failures)


def _identifier(failure: Any, batch: Collection[str]) -> str:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if not isinstance(identifier, str) or identifier not in batch:
        raise MalformedResponse("an itemIdentifier is no message id of the batch")
    return identifier
