from typing import Any

import pytest

from webhookctl.local.batch_response import MalformedResponse, failed_ids

BATCH = {"a", "b", "c"}


@pytest.mark.parametrize(
    "answer", [None, "", {}, {"batchItemFailures": None}, {"batchItemFailures": []}, {"statusCode": 200}]
)
def test_an_empty_answer_is_a_complete_success(answer: Any) -> None:
    assert failed_ids(answer, BATCH) == frozenset()


def test_the_messages_named_failed_and_the_others_did_not() -> None:
    assert failed_ids({"batchItemFailures": [{"itemIdentifier": "c"}, {"itemIdentifier": "a"}]}, BATCH) == {"a", "c"}


@pytest.mark.parametrize(
    "answer",
    [
        "done",
        ["a"],
        0,
        True,
        {"batchItemFailures": "a"},
        {"batchItemFailures": {"itemIdentifier": "a"}},
        {"batchItemFailures": ["a"]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": ["a"]}]},
        {"batchItemFailures": [{"messageId": "a"}]},
        {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]},
    ],
)
def test_any_other_answer_is_malformed(answer: Any) -> None:
    with pytest.raises(MalformedResponse):
        failed_ids(answer, BATCH)
