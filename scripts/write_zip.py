"""Writes a zip whose bytes depend on nothing but the names and the contents of the files in it.

usage: write_zip.py ZIP PATH...        each folder or file goes in under its own name
"""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# Of what an installed distribution says about itself, what no Lambda reads. What pip puts into bin beside them begins
# with the path of the Python that built it.
LEFT_OUT_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
# Of aws-xray-sdk only the core and the botocore patch are used; its patches for web frameworks and databases are not.
KEPT_EXTENSIONS = ("__init__.py", "botocore", "boto_utils.py", "resources", "util.py")
# Of asn1crypto, which scramp reads a server's certificate with, the formats that a certificate has nothing of.
LEFT_OUT_FORMATS = ("cms.py", "crl.py", "csr.py", "ocsp.py", "pdf.py", "pkcs12.py", "tsp.py")
# The one hidden folder that is needed: where a compiled wheel may have the libraries that it was linked with.
LIBRARIES = ".libs"
# Of schemes.json: what is said to people.
NOT_FOR_LAMBDAS = ("title", "documentation", "note")

# dateutil, which pg8000 imports, is in no zip: botocore needs it, too, and so Lambda's runtime brings it with boto3.


class TwoContents(Exception):
    """One name in the zip for two different files."""


def members(paths: list[Path]) -> dict[str, bytes]:
    """Every file worth shipping: its name in the zip, and what is in it. Raises TwoContents."""
    with_cryptography = any(path.name == "cryptography" for path in paths)
    shipped: dict[str, bytes] = {}
    for name, file in _files(paths):
        if is_shipped(name) and (with_cryptography or str(name) != "common/public_key.py"):
            text = content(name, file.read_bytes())
            if text is not None and shipped.setdefault(str(name), text) != text:
                raise TwoContents(f"{name} would be in the zip twice, with different contents")
    return shipped


def content(name: PurePosixPath, text: bytes) -> bytes | None:
    """What is shipped of a file: all of it, but for what no Lambda reads; None for a file that tells nothing then."""
    if str(name) == "common/schemes.json":
        schemes = {
            scheme: {field: value for field, value in entry.items() if field not in NOT_FOR_LAMBDAS}
            for scheme, entry in json.loads(text).items()
        }
        return json.dumps(schemes, separators=(",", ":")).encode()
    if _is_metadata(name) and name.name == "METADATA":
        return text.partition(b"\n\n")[0] + b"\n"  # name and version, which packages ask for, but not their README
    if _is_metadata(name) and name.name == "WHEEL":
        # By it the local stack knows what is compiled for Lambda, and runs this machine's own in its place.
        return None if b"Root-Is-Purelib: true" in text else text
    return text


def is_shipped(name: PurePosixPath) -> bool:
    """Whether a file of that name is of use in a Lambda. Licences and what they belong to are."""
    if "__pycache__" in name.parts or name.suffix in {".c", ".pyc", ".pyi"} or name.name == "py.typed":
        return False
    if name.parts[0] == "bin" or (_is_metadata(name) and name.name in LEFT_OUT_METADATA):
        return False
    if name.parts[0] == "asn1crypto":
        return name.name not in LEFT_OUT_FORMATS
    if name.parts[:2] == ("aws_xray_sdk", "ext"):
        return name.parts[2] in KEPT_EXTENSIONS
    # Beside a package's own files lie what it requires, and what editors and the like leave there.
    return name.parts[1:] != ("requirements.txt",) and not any(
        part[0] == "." and part != LIBRARIES for part in name.parts
    )


def write(target: Path, paths: list[Path]) -> None:
    """Sorted names, one date, one mode. Raises TwoContents."""
    contents = members(paths)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


def _files(paths: list[Path]) -> Iterator[tuple[PurePosixPath, Path]]:
    for path in paths:
        for file in [path, *path.rglob("*")]:
            if file.is_file() and not file.is_symlink():  # a link may lead to anything on this machine
                yield PurePosixPath(path.name, *file.relative_to(path).parts), file


def _is_metadata(name: PurePosixPath) -> bool:
    return name.parts[0].endswith(".dist-info")


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
    except TwoContents as error:
        sys.exit(f"build: {error}")
