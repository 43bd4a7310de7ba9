"""Writes a zip whose bytes depend on nothing but the names and the contents of the files in it.

usage: write_zip.py ZIP PATH...        each folder or file goes in under its own name
"""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# What pip puts into bin begins with the path of the Python that built it.
LEFT_OUT = ("__pycache__", "RECORD", "INSTALLER", "REQUESTED", "WHEEL", "bin", "direct_url.json", "py.typed")
# Of aws-xray-sdk only the core and the botocore patch are used; its patches for web frameworks and databases are not.
KEPT_EXTENSIONS = ("__init__.py", "botocore", "boto_utils.py", "resources", "util.py")
# Of schemes.json: what is said to people.
NOT_FOR_LAMBDAS = ("title", "documentation", "note")


def members(paths: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Every file worth shipping: its name in the zip, and what is in it."""
    with_cryptography = any(path.name == "cryptography" for path in paths)
    for path in paths:
        for file in [path, *path.rglob("*")]:
            name = PurePosixPath(path.name, *file.relative_to(path).parts)
            if file.is_file() and is_shipped(name) and (with_cryptography or str(name) != "common/public_key.py"):
                yield str(name), content(name, file.read_bytes())


def content(name: PurePosixPath, text: bytes) -> bytes:
    """What is shipped of a file: all of it, but for what no Lambda reads of the schemes."""
    if str(name) != "common/schemes.json":
        return text
    schemes = {
        scheme: {field: value for field, value in entry.items() if field not in NOT_FOR_LAMBDAS}
        for scheme, entry in json.loads(text).items()
    }
    return json.dumps(schemes, separators=(",", ":")).encode()


def is_shipped(name: PurePosixPath) -> bool:
    """Whether a file of that name is of use in a Lambda. Licences and what they belong to are."""
    if any(part in LEFT_OUT for part in name.parts) or name.suffix in {".c", ".pyc", ".pyi"}:
        return False
    return name.parts[:2] != ("aws_xray_sdk", "ext") or name.parts[2] in KEPT_EXTENSIONS


def write(target: Path, paths: list[Path]) -> None:
    """Sorted names, one date, one mode."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(members(paths)):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


if __name__ == "__main__":
    write(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
