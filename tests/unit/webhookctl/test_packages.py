import os
from pathlib import Path

import pytest

from webhookctl.packages import ensure_packages


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """One with a processor whose packages are as old as its sources."""
    for name in ("lambdas/processor/handler.py", "build/processor.zip", "build/processor-orders.zip"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, (1_000_000, 1_000_000))
    return tmp_path


def test_a_package_with_a_handler_that_is_older_than_the_processor_is_told_of(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.utime(checkout / "lambdas" / "processor" / "handler.py", (1_000_001, 1_000_001))
    os.utime(checkout / "build" / "processor.zip", (1_000_001, 1_000_001))
    ensure_packages(checkout)
    assert "build/processor-orders.zip is older" in capsys.readouterr().err


def test_nothing_is_said_of_one_that_is_not(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_packages(checkout)
    assert capsys.readouterr().err == ""
