"""Writes a zip whose bytes depend on nothing but the names and the contents of the files in it.

usage: write_zip.py ZIP FOLDER...        each folder goes in under its own name
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

LEFT_OUT = ("__pycache__", "RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json", "py.typed")
# Of aws-xray-sdk only the core and the botocore patch are used; its patches for web frameworks and databases are not.
KEPT_EXTENSIONS = ("__init__.py", "botocore", "boto_utils.py", "resources", "util.py")


def members(folders: list[Path]) -> Iterator[tuple[str, Path]]:
    """Every file worth shipping, with its name in the zip."""
    for folder in folders:
        for file in folder.rglob("*"):
            name = PurePosixPath(folder.name, *file.relative_to(folder).parts)
            if file.is_file() and is_shipped(name):
                yield str(name), file


def is_shipped(name: PurePosixPath) -> bool:
    """Whether a file of that name is of use in a Lambda. Licences and what they belong to are."""
    if any(part in LEFT_OUT for part in name.parts) or name.suffix in {".c", ".pyc", ".pyi", ".so"}:
        return False
    return name.parts[:2] != ("aws_xray_sdk", "ext") or name.parts[2] in KEPT_EXTENSIONS


def write(target: Path, folders: list[Path]) -> None:
    """Sorted names, one date, one mode."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in sorted(members(folders)):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


if __name__ == "__main__":
    write(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
