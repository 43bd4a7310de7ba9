"""Folders that a measured process runs from: the zips' content, or a baseline with what it needs, compiled or not."""

import compileall
import importlib.metadata
import json
import py_compile
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[2]
BUILD = PROJECT / "build"
BASELINES = Path(__file__).parent / "baselines"


class MissingZip(Exception):
    """A zip that is to be measured is not built."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is missing: run scripts/build.sh")


def stage(
    folder: Path,
    *,
    package: str = "",
    modules: Sequence[str] = (),
    distributions: Sequence[str] = (),
    bytecode: bool | None = None,
    appended: Sequence[tuple[str, str]] = (),
) -> Path:
    """The folder, made: a zip's content, the baselines' modules, and installed distributions; or some of these.

    `appended` are files in it, each with a line that is put at its end before it is compiled.
    Bytecode is this interpreter's, whatever the zip's is. Unless `bytecode` says otherwise it is there where the zip
    has any, and for a baseline without a zip, which is to have no disadvantage.
    """
    folder.mkdir(parents=True)
    if package:
        unpack(BUILD / f"{package}.zip", folder)
    for module in modules:
        shutil.copy(BASELINES / f"{module}.py", folder)
    for distribution in distributions:
        _copy_distribution(distribution, folder)
    for name, line in appended:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    if bytecode is None:
        bytecode = not package or has_bytecode(package)
    if bytecode:
        compiled(folder)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    """The archive's files, but for bytecode of an interpreter that may be another. Raises MissingZip."""
    if not archive.is_file():
        raise MissingZip(archive)
    with zipfile.ZipFile(archive) as package:
        package.extractall(folder, [name for name in package.namelist() if "__pycache__" not in Path(name).parts])


def compiled(folder: Path) -> None:
    """Bytecode beside every source, which is believed without a look at the source: as in a zip for Lambda."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(folder, quiet=2, invalidation_mode=mode, workers=0):
        raise RuntimeError(f"{folder} can't be compiled")


def stage_libraries(folder: Path, linked: Path) -> Path:
    """The libraries that a folder has links to, copied and compiled: as Lambda's runtime has them, whatever a virtual
    environment's installer left out. botocore's descriptions of services stay where they are.
    """
    for entry in linked.iterdir():
        if entry.is_dir():
            shutil.copytree(entry, folder / entry.name, ignore=shutil.ignore_patterns("__pycache__", "data"))
            if (entry / "data").is_dir():
                (folder / entry.name / "data").symlink_to((entry / "data").resolve())
        else:
            shutil.copy(entry, folder)
    compiled(folder)
    return folder


def has_bytecode(package: str) -> bool:
    """Whether a zip is shipped with bytecode."""
    archive = BUILD / f"{package}.zip"
    if not archive.is_file():
        raise MissingZip(archive)
    with zipfile.ZipFile(archive) as content:
        return any(name.endswith(".pyc") for name in content.namelist())


def write_event(folder: Path, name: str, event: object) -> Path:
    """The event in a file of the folder."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps(event), encoding="utf-8")
    return file


def _copy_distribution(name: str, folder: Path) -> None:
    distribution = importlib.metadata.distribution(name)
    for entry in {file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "__pycache__")}:
        source = Path(str(distribution.locate_file(entry)))
        if source.is_dir():
            shutil.copytree(source, folder / entry, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
