"""The Lambda packages that the local stack runs: built anew when a source is newer."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from webhookctl.failure import Failure
from webhookctl.output import write_error

SCRIPT = Path("scripts", "build.sh")


def ensure_packages(root: Path) -> Path:
    """The folder of the repository's packages, none of them older than what it is made of."""
    build_dir = root / "build"
    for package in _stale_variants(root, build_dir):
        write_error(f"build/{package.name} is older than the processor's sources: build it again ({SCRIPT} --help).")
    if _are_current(root, build_dir):
        return build_dir
    write_error(f"Building the Lambda packages ({SCRIPT})")
    try:
        done = subprocess.run([root / SCRIPT], cwd=root, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failure(f"{root / SCRIPT} can't be run: {(error.strerror or str(error)).lower()}.") from None
    if done.returncode != 0:
        raise Failure(f"{SCRIPT} failed:\n{done.stderr.strip() or done.stdout.strip()}")
    return build_dir


def _are_current(root: Path, build_dir: Path) -> bool:
    packages = [build_dir / f"{handler.parent.name}.zip" for handler in root.glob("lambdas/*/handler.py")]
    if not all(package.is_file() for package in packages):
        return False
    oldest = min((package.stat().st_mtime for package in packages), default=0.0)
    return all(source.stat().st_mtime <= oldest for source in _sources(root))


def _stale_variants(root: Path, build_dir: Path) -> list[Path]:
    """Packages of the processor with something in it that only their builder knows where to find."""
    newest = max((source.stat().st_mtime for source in _sources(root)), default=0.0)
    return sorted(package for package in build_dir.glob("processor-*.zip") if package.stat().st_mtime < newest)


def _sources(root: Path) -> Iterator[Path]:
    yield from (path for path in root.glob("lambdas/**/*") if path.suffix in (".py", ".json"))
    yield from root.glob("requirements/processor.txt")
    yield from (path for name in (SCRIPT, Path("scripts", "write_zip.py")) if (path := root / name).is_file())
