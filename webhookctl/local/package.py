"""A function's code on disk: the built zip, unpacked, and the libraries that Lambda's Python runtime brings along."""

import functools
import hashlib
import importlib.metadata
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from webhookctl.cache import keep_newest, touch

KEPT_FOLDERS = 20  # ten builds: other local stacks run from theirs
RUNTIME_DISTRIBUTIONS = ("awslambdaric", "boto3")
RUNTIME_CLIENT = Path(__file__).with_name("runtime_client.py")  # in place of the one that is compiled
# Beside the zips: what is compiled for this machine and not installed in the virtual environment, whose own packages
# may need another version of it.
INSTALLED_BESIDE = "local"


Pin = tuple[str, str]
"""A distribution's name and version."""


class MissingPackage(Exception):
    """A function's code is not there to be run. The message is one sentence that says what to do."""


class MissingZip(MissingPackage):
    """A function's zip is not there."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"The Lambda package {path} is missing: run scripts/build.sh{_options(path.stem)}.")
        self.path = path


class NotCompiledHere(MissingPackage):
    """A zip has something compiled for Lambda's processor of which there is no build for this machine."""

    def __init__(self, path: Path, pins: Sequence[str]) -> None:
        folder = path.parent / INSTALLED_BESIDE
        super().__init__(
            f"The Lambda package {path} has {', '.join(pins)} compiled for Lambda's processor. For this machine it is "
            f"not here: run {sys.executable} -m pip install --no-deps --upgrade --target {folder} {' '.join(pins)}"
        )
        self.path = path
        self.pins = pins


def unpack(archive: Path, cache_dir: Path) -> Path:
    """Where the archive's files lie, unpacked once per content: equal bytes, one folder. Raises MissingPackage.

    What is compiled in it is for Lambda's processor, system and Python, which are not this machine's. In its place come
    the same versions as they are installed here; what it does not have is not there, as on Lambda.
    """
    try:
        digest = hashlib.sha256(archive.read_bytes())
    except FileNotFoundError as error:
        raise MissingZip(archive) from error
    with zipfile.ZipFile(archive) as package:
        names = package.namelist()
    installed = _installed_here(archive, _compiled(names))
    digest.update("\n".join(map(str, installed)).encode())
    return _once(cache_dir / "code" / digest.hexdigest()[:32], lambda folder: _extract(archive, installed, folder))


def _options(name: str) -> str:
    """With which options scripts/build.sh makes the zip of that name, for people."""
    cryptography = " --with-cryptography" if name.endswith("-cryptography") else ""
    _, _, package = name.removesuffix("-cryptography").partition("processor-")
    return cryptography + (f" --with the directory of the Python package {package}" if package else "")


@functools.cache
def runtime_libraries(cache_dir: Path) -> Path:
    """A folder with what Lambda's runtime brings: boto3, the runtime interface client, what they need, nothing else.

    The virtual environment has much more, this project's sources among it: what a zip lacks must be missing here, too.
    """
    found = {entry for distribution in _closure(RUNTIME_DISTRIBUTIONS) for entry in _top_level(distribution)}
    replaced = {entry for entry in found if _import_name(entry.name) == RUNTIME_CLIENT.stem}
    entries = sorted(found - replaced | {RUNTIME_CLIENT})
    digest = hashlib.sha256("\n".join(map(str, entries)).encode()).hexdigest()
    return _once(cache_dir / "runtime" / digest[:32], lambda folder: _link(entries, folder))


def _compiled(names: Iterable[str]) -> set[Pin]:
    """The distributions of a zip that are not pure Python: those whose WHEEL scripts/write_zip.py left in it."""
    folders = (name.partition(".dist-info/")[0] for name in names if name.endswith(".dist-info/WHEEL"))
    return {_pin(*folder.rsplit("-", 1)) for folder in folders}


def _installed_here(archive: Path, wanted: set[Pin]) -> list[Path]:
    """What the wanted distributions have put into this machine's site-packages. Raises NotCompiledHere."""
    places = [str(archive.parent / INSTALLED_BESIDE), *sys.path]
    entries: set[Path] = set()
    missing: list[str] = []
    for name, version in sorted(wanted):
        named = importlib.metadata.distributions(name=name, path=places)
        here = next((distribution for distribution in named if distribution.version == version), None)
        if here is None:
            missing.append(f"{name}=={version}")
        else:
            entries.update(_top_level(here))
    if missing:
        raise NotCompiledHere(archive, missing)
    return sorted(entries)


def _pin(name: str, version: str) -> Pin:
    """Comparable, however the name is spelled (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _import_name(path: str) -> str:
    """`_cffi_backend` of `_cffi_backend.cpython-313-aarch64-linux-gnu.so`, `cffi` of `cffi/api.py`.

    And `six` of `__pycache__/six.cpython-313.pyc`, which would be believed whatever comes in the place of its source.
    """
    return path.removeprefix("__pycache__/").partition("/")[0].partition(".")[0]


def _extract(archive: Path, installed: list[Path], folder: Path) -> None:
    replaced = {_import_name(entry.name) for entry in installed}
    with zipfile.ZipFile(archive) as package:
        package.extractall(folder, [name for name in package.namelist() if _import_name(name) not in replaced])
    _link(installed, folder)


def _link(entries: list[Path], folder: Path) -> None:
    for entry in entries:
        (folder / entry.name).symlink_to(entry)


def _once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a folder beside its final place and move it there whole: nobody ever sees half of it.

    Of the folders there, those that were used last are kept.
    """
    if folder.is_dir():
        touch(folder)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
    try:
        fill(draft)
        draft.chmod(0o755)
        draft.replace(folder)
    except OSError:
        if not folder.is_dir():  # otherwise another process was quicker, with the same content
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    touch(folder)
    keep_newest(folder.parent.iterdir(), KEPT_FOLDERS)
    return folder


def _closure(names: tuple[str, ...]) -> Iterator[importlib.metadata.Distribution]:
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = importlib.metadata.distribution(name)
        yield distribution
        waiting += _requirements(distribution)


def _requirements(distribution: importlib.metadata.Distribution) -> Iterator[str]:
    for requirement in distribution.requires or []:
        name, _, marker = requirement.partition(";")
        if "extra" not in marker:
            yield re.split(r"[^A-Za-z0-9._-]", name.strip(), maxsplit=1)[0].lower().replace("_", "-")


def _top_level(distribution: importlib.metadata.Distribution) -> Iterator[Path]:
    """What a distribution puts into site-packages itself; its scripts lie outside and its metadata is not code."""
    for name in {file.parts[0] for file in distribution.files or []}:
        if name not in ("..", "__pycache__") and not name.endswith(".dist-info"):
            yield Path(str(distribution.locate_file(name)))
