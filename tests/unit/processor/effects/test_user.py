import sys
from pathlib import Path

import pytest

from processor.effects import load_effect
from processor.effects.user import load_handler
from processor.handling import Retry
from tests.unit.processor.effects.events import make_event

MODULE = """
import functools
from processor.handling import Retry

def handle(event):
    return f"handled {event.id}"

def silent(event):
    event.logger.debug("seen")

def something(event, retries=3):
    return {"status": 200}

def raises(event):
    raise Retry(7, "not yet")

async def later(event): ...
async def later_still(event): yield
def generates(event): yield

def disguised(event):
    return later(event)

def nothing(): ...
def too_much(event, context): ...

class Handler:
    def __call__(self, event):
        return "called"

instance = Handler()
number = 7
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of a user's on the path, and gone afterwards."""
    folder = tmp_path / "users_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "orders.py").write_text(MODULE)
    (folder / "broken.py").write_text("import a_module_that_nobody_has\n")
    (folder / "faulty.py").write_text("raise KeyError('TABLE')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("users_package", "users_package.orders", "users_package.broken", "users_package.faulty"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_the_function_is_called_with_the_event() -> None:
    assert load_handler("users_package.orders:handle")(make_event(id="evt_9")) == "handled evt_9"


def test_the_effect_of_kind_handler_is_that_function() -> None:
    handle = load_effect({"kind": "handler", "handler": "users_package.orders:handle"}, lambda _: [])

    assert handle(make_event()) == "handled evt_1"


def test_an_object_that_can_be_called_is_a_handler() -> None:
    assert load_handler("users_package.orders:instance")(make_event()) == "called"


@pytest.mark.parametrize("name", ["silent", "something"])
def test_what_is_no_text_is_no_result(name: str) -> None:
    assert load_handler(f"users_package.orders:{name}")(make_event()) is None


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(Retry) as retry:
        load_handler("users_package.orders:raises")(make_event())

    assert retry.value.after_seconds == 7


@pytest.mark.parametrize(
    ("module", "error"), [("broken", ModuleNotFoundError), ("faulty", KeyError), ("a", ImportError)]
)
def test_a_module_that_cant_be_imported_fails_at_once_and_says_whose_it_is(module: str, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        load_handler(f"users_package.{module}:handle")

    assert raised.value.__notes__ == [f"raised by importing the handler users_package.{module}:handle"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "is not there"),
        ("number", "is not a function"),
        *((name, "would do nothing") for name in ("later", "later_still", "generates")),
        *((name, "one argument") for name in ("nothing", "too_much")),
    ],
)
def test_what_could_not_be_a_handler_is_refused_at_once(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"users_package.orders:{name} .*{message}"):
        load_handler(f"users_package.orders:{name}")


@pytest.mark.parametrize(
    "reference", ["", "orders", "orders:", ":handle", "a.b:c.d", "../a:b", "a b:c", "a:b\n", ".a:b"]
)
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match=r"of the form package\.module:function"):
        load_handler(reference)


def test_a_coroutine_in_disguise_is_no_success() -> None:
    with pytest.raises(TypeError, match="returned a coroutine"):
        load_handler("users_package.orders:disguised")(make_event())
