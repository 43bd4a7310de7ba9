import json

import pytest

from tests.bench.webhooks import json_body


@pytest.mark.parametrize("size", [100, 1024, 2048, 10_240, 51_200])
def test_a_body_is_a_json_document_of_exactly_that_size(size: int) -> None:
    body = json_body(size)
    assert len(body) == size
    assert isinstance(json.loads(body), dict)


def test_two_seeds_make_two_bodies_and_one_seed_one() -> None:
    assert json_body(600, 1) == json_body(600, 1)
    assert json_body(600, 1) != json_body(600, 2)
