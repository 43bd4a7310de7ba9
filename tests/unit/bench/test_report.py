import json
import re
from pathlib import Path

import pytest

from tests.bench.__main__ import BEGIN, CODES, DOCUMENT, END, ORDER, between_markers, read_run
from tests.bench.figure import counted
from tests.bench.plot import drawn, write
from tests.bench.report import HEADINGS, Run, about, as_json, markdown, rows, summary, table
from tests.unit.bench.figures import figure

REACHED = figure(name="the start")
MISSED = figure(median=1.5, name="the end", code="G2")
SHOWN = figure(limit=None, name="beside")
COUNTED = counted("G14", "the zip", "bytes", 31_852, 20_000)
FIGURES = [REACHED, MISSED, SHOWN, COUNTED]


@pytest.fixture
def run() -> Run:
    known = about({"authorizer": False, "processor": True})
    return Run(FIGURES, 9, 61.25, known)


def test_a_row_says_ours_the_baseline_the_ratio_the_limit_and_the_spread() -> None:
    assert len(HEADINGS) == 8
    assert rows(FIGURES) == [
        ("G1", "the start", "21.5 ms", "43 ms the usual way", "0.500", "<= 1", "yes", "0.400-0.600"),
        ("G2", "the end", "21.5 ms", "43 ms the usual way", "1.50", "<= 1", "NO", "1.40-1.60"),
        ("G1", "beside", "21.5 ms", "43 ms the usual way", "0.500", "", "", "0.400-0.600"),
        ("G14", "the zip", "31,852 bytes", "", "", "<= 20,000 bytes", "NO", ""),
    ]


def test_the_table_is_aligned_and_has_a_line_for_each_figure() -> None:
    heading, *lines = table(FIGURES).splitlines()
    assert len(lines) == len(FIGURES)
    place = heading.index("reached") + len("reached")
    assert [line[:place].endswith(("yes", "NO")) for line in lines] == [True, True, False, True]


def test_the_summary_names_what_is_not_reached() -> None:
    assert summary(FIGURES) == "1 of 3 figures reached; not: G2 the end; G14 the zip"
    assert summary([REACHED, SHOWN]) == "1 of 1 figures reached"


def test_the_json_has_date_versions_and_machine_and_reads_back_as_it_was(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text(as_json(run), encoding="utf-8")
    fields = json.loads(file.read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", fields["date"])
    assert {"python", "boto3", "powertools", "awslambdaric", "cpu_count"} <= fields.keys()
    assert [each["reached"] for each in fields["figures"]] == [True, False, None, False]
    read = read_run(file)
    assert list(read.figures) == FIGURES
    assert (read.rounds, read.about) == (run.rounds, run.about)


def test_the_document_gets_the_table_between_its_markers_and_keeps_the_rest(run: Run) -> None:
    text = f"# Performance\n\n{BEGIN}\nold\n{END}\n\nmore\n"
    written = between_markers(text, markdown(run))
    assert written.startswith(f"# Performance\n\n{BEGIN}\nMeasured on ")
    assert written.endswith(f"{END}\n\nmore\n")
    assert "old" not in written
    assert "| the start | 21.5 ms |" in written
    assert "bytecode in the zips of processor" in written
    assert between_markers(written, markdown(run)) == written


def test_the_document_has_the_markers_that_its_table_goes_between() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "made up" in between_markers(text, "made up")
    with pytest.raises(ValueError, match="must be in the document"):
        between_markers("nothing", "")


def test_the_picture_has_the_figures_with_a_limit_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    nothing = counted("G4", "foreign modules", "modules", 0, 0)  # no share of nothing
    assert drawn([*FIGURES, nothing]) == [REACHED, MISSED, COUNTED]
    write(FIGURES, tmp_path / "one.svg")
    write(FIGURES, tmp_path / "two.svg")
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert all(name in text for name in ("the start", "the end", "the zip"))
    assert "beside" not in text


def test_every_figure_can_be_asked_for_by_its_code() -> None:
    assert sorted(ORDER) == sorted(CODES)
    assert len(set(CODES)) == len(CODES)
    wanted = {f"G{number}" for number in range(1, 17)} - {"G2"} | {"G13b"}
    assert wanted <= set(CODES)
    assert ORDER[:3] == ["G1", "G3", "G4"]


def test_of_figures_that_differ_by_a_number_alone_the_picture_has_the_one_farthest_from_its_limit() -> None:
    sizes = {
        size: figure(name=f"verify, {size} KB", median=median) for size, median in ((1, 0.7), (10, 0.9), (256, 0.8))
    }
    assert drawn(list(sizes.values())) == [sizes[10]]
