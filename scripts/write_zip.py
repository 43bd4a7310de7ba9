"""Writes a zip whose bytes depend on nothing but the names and the contents of the files in it.

usage: write_zip.py [--with-bytecode] ZIP PATH...        each folder or file goes in under its own name
  --with-bytecode  and beside each source what the Python that runs this compiles it to, as that Python looks for it
"""

import ast
import importlib.util
import json
import marshal
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

# Of what an installed distribution says about itself, what no Lambda reads. What pip puts into bin beside them begins
# with the path of the Python that built it.
LEFT_OUT_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
# Of aws-xray-sdk only the core and the botocore patch are used; its patches for web frameworks and databases are not.
KEPT_EXTENSIONS = ("__init__.py", "botocore", "boto_utils.py", "resources", "util.py")
# The one hidden folder that is needed: where a compiled wheel may have the libraries that it was linked with.
LIBRARIES = ".libs"
# Of common, what is of use only beside one of these.
NEEDED_BY = {"common/public_key.py": {"cryptography"}, "common/secret.py": {"handshake", "processor"}}
# Of schemes.json: what is said to people.
NOT_FOR_LAMBDAS = ("title", "documentation", "note")
# What is known to read no docstring: a fifth of the zips would be the bytecode's. Of others some live by theirs.
WITHOUT_DOCSTRINGS = {"authorizer", "aws_xray_sdk", "common", "handshake", "pg8000", "processor", "scramp", "wrapt"}
# What is known to read no annotation of a function, and has many: a sixteenth of its bytecode.
WITHOUT_ANNOTATIONS = {"authorizer", "common", "handshake", "processor"}

TASK_ROOT = PurePosixPath("/var/task")
"""Where Lambda unpacks a zip."""

# PEP 552: the bytecode goes by its source's hash, which nobody checks when it is loaded.
UNCHECKED_HASH = (1).to_bytes(4, "little")

# dateutil, which pg8000 imports, is in no zip: botocore needs it, too, and so Lambda's runtime brings it with boto3.


class TwoContents(Exception):
    """One name in the zip for two different files."""


def members(paths: list[Path]) -> dict[str, bytes]:
    """Every file worth shipping: its name in the zip, and what is in it. Raises TwoContents."""
    packages = {path.name for path in paths}
    shipped: dict[str, bytes] = {}
    for name, file in _files(paths):
        if is_shipped(name) and NEEDED_BY.get(str(name), packages) & packages:
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
    if name.parts[:2] == ("aws_xray_sdk", "ext"):
        return name.parts[2] in KEPT_EXTENSIONS
    # Beside a package's own files lie what it requires, and what editors and the like leave there.
    return name.parts[1:] != ("requirements.txt",) and not any(
        part[0] == "." and part != LIBRARIES for part in name.parts
    )


def with_bytecode(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same files, and beside each source the running Python's bytecode of it, which is believed as it is.

    A date in it would be one that no source has in Lambda, so that it would be compiled at each cold start.
    """
    bytecode = {
        bytecode_name(PurePosixPath(name)): compiled(name, source)
        for name, source in sorted(contents.items())  # an order of its own, whatever the disk's is
        if name.endswith(".py")
    }
    return {**contents, **{name: code for name, code in bytecode.items() if code is not None}}


def bytecode_name(source: PurePosixPath) -> str:
    """Where the running Python looks for the bytecode of a source."""
    return str(source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc")


def compiled(name: str, source: bytes) -> bytes | None:
    """The bytecode of a source, with the path that it will have in Lambda; None for what is no Python of this version.

    Not optimised: Lambda's Python isn't either, and so looks for this, which has the assertions of whoever wrote some.
    """
    package = PurePosixPath(name).parts[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of third parties' sources
        try:
            tree = ast.parse(source)
            if package in WITHOUT_DOCSTRINGS:
                tree = without_docstrings(tree)
            if package in WITHOUT_ANNOTATIONS:
                tree = without_annotations(tree)
            code = compile(tree, str(TASK_ROOT / name), "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError):  # a template, or a module for another version
            return None
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def without_docstrings(tree: ast.Module) -> ast.Module:
    """The same code, in the same lines, with next to nothing in its docstrings: a dataclass without one makes it up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body[:1]:
                case [ast.Expr(ast.Constant(str()) as docstring)]:
                    docstring.value = "-"
    return tree


def without_annotations(tree: ast.Module) -> ast.Module:
    """The same code without the types of functions' parameters and results; a class keeps its fields'."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return tree


def write(target: Path, contents: Mapping[str, bytes]) -> None:
    """Sorted names, one date, one mode."""
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


def _main(arguments: list[str]) -> None:
    is_compiled = arguments[:1] == ["--with-bytecode"]
    target, *paths = map(Path, arguments[is_compiled:])
    contents = members(paths)
    write(target, with_bytecode(contents) if is_compiled else contents)


if __name__ == "__main__":
    try:
        _main(sys.argv[1:])
    except TwoContents as error:
        sys.exit(f"build: {error}")
