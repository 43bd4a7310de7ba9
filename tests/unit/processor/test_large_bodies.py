"""Bodies that do not fit into one item, or are better beside it."""

import hashlib
import random
from typing import Any

import pytest

from processor.event import Outcome
from processor.handling import AttemptFailed, HandlerEvent
from processor.store import PART_BYTES, stored_body
from tests.unit.processor.conftest import NOW, Bench, processed
from tests.unit.processor.records import record

ITEM_BYTES = 400 * 1024
MEBIBYTE = 1_048_576


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311


def parts(bench: Bench) -> list[dict[str, Any]]:
    found = [item for item in bench.items() if item["sk"]["S"].startswith("body#")]
    return sorted(found, key=lambda item: item["sk"]["S"])


def the(bench: Bench, sk: str) -> dict[str, Any]:
    (item,) = [item for item in bench.items() if item["sk"]["S"].startswith(sk)]
    return item


def whole(bench: Bench, sk: str = "event") -> bytes:
    return stored_body(the(bench, sk), [part["body"]["B"] for part in parts(bench)])


@pytest.mark.parametrize("size", [388_000, 390_001, PART_BYTES, 2 * PART_BYTES, 2 * PART_BYTES + 1, MEBIBYTE * 3 // 4])
def test_what_does_not_fit_into_one_item_is_split_and_read_back_byte_for_byte(bench: Bench, size: int) -> None:
    body = noise(size)
    assert processed(record(body), bench.lane()).outcome is Outcome.STORED
    assert whole(bench) == body
    for item in bench.items():
        assert sum(len(name) + len(next(iter(value.values()))) for name, value in item.items()) < ITEM_BYTES
    assert len(parts(bench)) == (0 if size < 388_001 else -(-size // PART_BYTES))


def test_what_compresses_stays_in_one_item(bench: Bench) -> None:
    body = b"all the same " * 50_000
    processed(record(body), bench.lane())
    assert whole(bench) == body
    assert parts(bench) == []


def test_what_compresses_too_little_is_compressed_and_split(bench: Bench) -> None:
    body = noise(500_000).hex().encode()[: MEBIBYTE * 3 // 4]
    processed(record(body), bench.lane())
    assert the(bench, "event")["body_encoding"] == {"S": "zlib"}
    assert len(parts(bench)) == 2
    assert whole(bench) == body


def test_a_part_expires_with_its_event(bench: Bench) -> None:
    processed(record(noise(500_000)), bench.lane())
    assert {item["expires_at"]["N"] for item in bench.items()} == {str(int(NOW) + 30 * 86_400)}


def test_a_large_conflict_is_kept_beside_a_large_event(bench: Bench) -> None:
    first, second = noise(500_000), noise(600_000)
    processed(record(first), bench.lane())
    assert processed(record(second), bench.lane()).outcome is Outcome.CONFLICT
    for body, sk in ((first, "event"), (second, "conflict#")):
        own = [part["body"]["B"] for part in parts(bench) if hashlib.sha256(body).hexdigest() in part["sk"]["S"]]
        assert stored_body(the(bench, sk), own) == body


def test_a_large_forgery_is_kept_whole(bench: Bench) -> None:
    body = noise(500_000)
    processed(record(body, key="guess"), bench.lane())
    assert whole(bench, "quarantine") == body


def test_a_crash_before_the_last_part_leaves_no_event_behind_that_is_not_whole(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_item, calls = bench.client.put_item, iter(range(100))

    def fail_second(**call: Any) -> Any:
        if next(calls) == 1:
            raise ConnectionError
        return put_item(**call)

    with monkeypatch.context() as patch:
        patch.setattr(bench.client, "put_item", fail_second)
        with pytest.raises(ConnectionError):
            processed(record(noise(500_000)), bench.lane())
    assert [item["sk"]["S"] for item in bench.items() if item["sk"]["S"] == "event"] == []
    assert processed(record(noise(500_000)), bench.lane()).outcome is Outcome.STORED
    assert whole(bench) == noise(500_000)


def test_with_an_effect_all_but_small_bodies_are_beside_the_item_that_each_attempt_writes(bench: Bench) -> None:
    bench.handle = lambda _: None
    processed(record(noise(5_000)), bench.lane())
    assert "body" not in the(bench, "event")
    assert whole(bench) == noise(5_000)


def test_they_are_written_once_and_not_with_each_attempt(bench: Bench) -> None:
    def fails(_: HandlerEvent) -> None:
        raise AttemptFailed("http 500")

    bench.handle = fails
    written: list[str] = []
    bench.client.meta.events.register(
        "provide-client-params.dynamodb.PutItem", lambda params, **_: written.append(params["Item"]["sk"]["S"][:5])
    )
    for _ in range(2):
        processed(record(noise(5_000)), bench.lane())
        bench.now += 60
    assert written.count("body#") == 1


def test_after_a_crash_before_they_were_written_the_next_attempt_writes_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.handle = lambda _: None
    put_item = bench.client.put_item

    def fail_parts(**call: Any) -> Any:
        if call["Item"]["sk"]["S"].startswith("body#"):
            raise ConnectionError
        return put_item(**call)

    with monkeypatch.context() as patch:
        patch.setattr(bench.client, "put_item", fail_parts)
        with pytest.raises(ConnectionError):
            processed(record(noise(5_000)), bench.lane())
    assert processed(record(noise(5_000)), bench.lane()).outcome is Outcome.DONE
    assert whole(bench) == noise(5_000)


def test_what_could_not_be_written_uses_up_no_attempt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.handle = lambda _: None
    put_item = bench.client.put_item

    def fail_parts(**call: Any) -> Any:
        if call["Item"]["sk"]["S"].startswith("body#"):
            raise ConnectionError
        return put_item(**call)

    with monkeypatch.context() as patch:
        patch.setattr(bench.client, "put_item", fail_parts)
        for _ in range(5):
            with pytest.raises(ConnectionError):
                processed(record(noise(5_000)), bench.lane())
    assert processed(record(noise(5_000)), bench.lane()).outcome is Outcome.DONE
    assert the(bench, "event")["attempts"] == {"N": "1"}
    assert whole(bench) == noise(5_000)


def test_a_body_that_is_not_whole_or_not_the_one_that_came_is_found_out(bench: Bench) -> None:
    processed(record(noise(500_000)), bench.lane())
    event, found = the(bench, "event"), [part["body"]["B"] for part in parts(bench)]
    for wrong in ([], found[:1], [*found, b""], found[::-1], [found[0], found[1][:-1]]):
        with pytest.raises(ValueError, match="the body is not"):
            stored_body(event, wrong)
