import pytest

from processor.effects.live_secret import MAX_AGE_SECONDS, MIN_AGE_SECONDS, LiveSecret


class Store:
    """A secret, a count of its readings, and a hand on the clock."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.reads = 0
        self.secret = LiveSecret(self._read, lambda: self.now)

    def _read(self) -> list[str]:
        self.reads += 1
        return [f"text {self.reads}"]


def test_nothing_is_read_before_the_first_use() -> None:
    assert Store().reads == 0


def test_texts_are_read_again_when_they_are_old() -> None:
    store = Store()
    ages = (0, 1, MAX_AGE_SECONDS, MAX_AGE_SECONDS + 1)

    assert [texts for store.now in (1_000 + age for age in ages) for texts in store.secret.texts()] == [
        *(["text 1"] * 3),
        "text 2",
    ]


def test_after_a_refusal_they_are_read_again_but_not_at_once() -> None:
    store = Store()
    store.secret.texts()
    store.now += MIN_AGE_SECONDS
    assert store.secret.texts_after_refusal() == ("text 1",)

    store.now += 1
    assert store.secret.texts_after_refusal() == ("text 2",)


def test_a_clock_that_was_put_back_does_not_keep_them_for_ever() -> None:
    store = Store()
    store.secret.texts()
    store.now -= 500

    assert store.secret.texts() == ("text 2",)


def test_a_failure_to_read_is_raised_and_not_kept() -> None:
    answers = iter([OSError("no route"), None])

    def read() -> list[str]:
        if failure := next(answers):
            raise failure
        return ["text"]

    secret = LiveSecret(read)
    with pytest.raises(OSError, match="no route"):
        secret.texts()
    assert secret.texts() == ("text",)
