"""What scripts/write_zip.py puts beside a source, as the Python that runs these tests compiles it."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_zip.py"


@pytest.fixture(scope="module")
def write_zip() -> ModuleType:
    specification = importlib.util.spec_from_file_location("write_zip", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def run(write_zip: ModuleType, folder: Path, source: bytes, then: bytes) -> subprocess.CompletedProcess[str]:
    """Imports a module from its bytecode, with another text in the place of its source."""
    for name, text in write_zip.with_bytecode({"shop/page.py": source}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)
    (folder / "shop" / "page.py").write_bytes(then)
    command = [sys.executable, "-S", "-B", "-c", "import shop.page"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_bytecode_is_found_and_believed_whatever_became_of_its_source(write_zip: ModuleType, tmp_path: Path) -> None:
    assert run(write_zip, tmp_path, b"print('compiled')\n", then=b"print('edited later')\n").stdout == "compiled\n"


def test_assertions_of_third_parties_stay(write_zip: ModuleType, tmp_path: Path) -> None:
    assert "AssertionError" in run(write_zip, tmp_path, b"assert False\n", then=b"").stderr


def test_a_traceback_shows_the_sources_line(write_zip: ModuleType, tmp_path: Path) -> None:
    source = b"# one\n\ndef fail():\n    raise KeyError('three')\n\nfail()\n"
    assert "raise KeyError('three')" in run(write_zip, tmp_path, source, then=source).stderr


def test_the_order_in_which_files_are_found_changes_no_byte(write_zip: ModuleType) -> None:
    sources = {f"module_{number}.py": f"NAMES = ('a{number}', 'shared', 1.5)\n".encode() for number in range(20)}
    assert write_zip.with_bytecode(dict(reversed(sources.items()))) == write_zip.with_bytecode(sources)


@pytest.mark.parametrize("source", [b"print 'of Python 2'\n", b"{{ name }} = 1\n", b"\0", b"# coding: no-such\n"])
def test_what_is_no_python_of_this_version_goes_without(write_zip: ModuleType, source: bytes) -> None:
    assert write_zip.with_bytecode({"template.py": source}) == {"template.py": source}


def test_what_python_warns_of_in_others_code_is_not_said(write_zip: ModuleType) -> None:
    assert len(write_zip.with_bytecode({"theirs.py": rb"PATTERN = '\d'"})) == 2


DOCUMENTED = '''"""Of the module, what nobody reads."""

from dataclasses import dataclass


@dataclass
class Order:
    """Of the class, what nobody reads."""

    id: str

    async def sent(self):
        """Of the coroutine, what nobody reads."""


def price():
    """Of the function, what nobody reads."""
    assert Order("1").id == "1"
    """Of nothing."""
    return "a text that is no docstring, and is read"


def fail():
    "Of a function that fails, what nobody reads."
    raise KeyError(price())
'''


def without(write_zip: ModuleType, package: str) -> dict[str, bytes]:
    contents: dict[str, bytes] = write_zip.with_bytecode({f"{package}/page.py": DOCUMENTED.encode()})
    return contents


@pytest.mark.parametrize("package", ["processor", "pg8000"])
def test_bytecode_of_what_reads_no_docstring_has_none(write_zip: ModuleType, package: str) -> None:
    source, bytecode = without(write_zip, package).values()
    assert source == DOCUMENTED.encode()
    assert b"what nobody reads" not in bytecode
    assert b"a text that is no docstring" in bytecode


def test_bytecode_of_a_handlers_package_has_its_docstrings(write_zip: ModuleType) -> None:
    """Some frameworks live by them."""
    _, bytecode = without(write_zip, "shop").values()
    assert bytecode.count(b"what nobody reads") == 5


TYPED = """
from typing import NamedTuple


class Order(NamedTuple):
    id: str = "1"


def price(order: Order, *orders: Order, cents: int = 0, **more: int) -> int:
    return cents
"""
SHOWN = "print([*page.Order.__annotations__], [*page.price.__annotations__], page.price(page.Order(), cents=2))"


@pytest.mark.parametrize(
    ("package", "functions"), [("processor", []), ("shop", ["order", "orders", "cents", "more", "return"])]
)
def test_bytecode_of_our_own_has_the_types_of_fields_and_not_those_of_functions(
    write_zip: ModuleType, tmp_path: Path, package: str, functions: list[str]
) -> None:
    for name, text in write_zip.with_bytecode({f"{package}/page.py": TYPED.encode()}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text)
    command = [sys.executable, "-S", "-B", "-c", f"import {package}.page as page; {SHOWN}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"['id'] {functions} 2\n"


def test_without_docstrings_the_code_is_the_same_in_the_same_lines(write_zip: ModuleType, tmp_path: Path) -> None:
    for name, text in without(write_zip, "processor").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text)
    code = "import processor.page as page; print(page.Order.__doc__, page.price.__doc__); page.fail()"
    command = [sys.executable, "-S", "-B", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "- -\n"  # a dataclass that has one makes none up
    line = DOCUMENTED.splitlines().index("    raise KeyError(price())") + 1
    assert f"line {line}, in fail\n    raise KeyError(price())" in done.stderr
    assert "KeyError: 'a text that is no docstring, and is read'" in done.stderr
