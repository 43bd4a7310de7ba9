"""The zips as they are built: their size, and what is not in them."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figure import Figure, counted
from tests.bench.staging import BUILD, MissingZip, has_bytecode

CODES = ("G14",)
KILOBYTE = 1000

AUTHORIZER_LIMIT = 20 * KILOBYTE
PROCESSOR_LIMIT = 350 * KILOBYTE
PROCESSOR_LIMIT_WITH_BYTECODE = 600 * KILOBYTE


def measure(codes: Sequence[str]) -> list[Figure]:
    """The figures of this subject among `codes`."""
    if "G14" not in codes:
        return []
    processor_limit = PROCESSOR_LIMIT_WITH_BYTECODE if has_bytecode("processor") else PROCESSOR_LIMIT
    return [
        _size("authorizer", AUTHORIZER_LIMIT),
        _size("processor", processor_limit),
        counted("G14", "processor.zip, modules of botocore", "modules", _count_of("processor", "botocore"), 0),
    ]


def _size(package: str, limit: int) -> Figure:
    archive = _archive(package)
    with_or_without = "with bytecode" if has_bytecode(package) else "without bytecode"
    sources = _sources_bytes(archive)
    return counted(
        "G14",
        f"{archive.name}, {with_or_without}",
        "bytes",
        archive.stat().st_size,
        limit,
        sources,
        "its sources alone",
    )


def _sources_bytes(archive: Path) -> int | None:
    """How much of it is not bytecode; None where nothing is."""
    with zipfile.ZipFile(archive) as content:
        compiled = sum(entry.compress_size for entry in content.infolist() if entry.filename.endswith(".pyc"))
    return archive.stat().st_size - compiled if compiled else None


def _count_of(package: str, name: str) -> int:
    with zipfile.ZipFile(_archive(package)) as content:
        return sum(entry.split("/")[0] == name for entry in content.namelist())


def _archive(package: str) -> Path:
    archive = BUILD / f"{package}.zip"
    if not archive.is_file():
        raise MissingZip(archive)
    return archive
