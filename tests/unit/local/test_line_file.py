import asyncio
from pathlib import Path

from webhookctl.local.line_file import LineFile


async def test_lines_are_in_the_file_before_the_event_loop_waits_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with LineFile(path) as file:
        file.write("one")
        file.write("zwei ü")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert path.read_text(encoding="utf-8") == "one\nzwei ü\n"


async def test_what_was_written_last_is_there_when_it_is_closed_and_what_was_there_before_stays(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n", encoding="utf-8")
    with LineFile(path) as file:
        file.write("last")

    await asyncio.sleep(0)

    assert path.read_text(encoding="utf-8") == "before\nlast\n"


async def test_half_of_a_character_does_not_lose_its_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with LineFile(path) as file:
        file.write("half \ud800")

    assert path.read_text(encoding="utf-8") == "half ?\n"
