"""`webhookctl local demo`: the demonstration, with its progress and its account."""

from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from webhookctl.applying import applied_state
from webhookctl.cache import cache_directory
from webhookctl.failure import Failure
from webhookctl.local.demo.audit import Answer
from webhookctl.local.demo.report import show
from webhookctl.local.demo.run import demonstrate
from webhookctl.local.package import MissingPackage
from webhookctl.packages import ensure_packages


class _Count(MofNCompleteColumn):
    """How many of how many, and nothing for a step of which that can't be said."""

    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)


class ShownProgress:
    """A bar for each step on a terminal, a line elsewhere."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), _Count(), TimeElapsedColumn())
        self.bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._console = console
        self._task: TaskID | None = None

    def begin(self, what: str, total: int | None) -> None:
        """A step begins."""
        if not self._console.is_terminal:
            self._console.print(what if total is None else f"{what}: {total:,}", highlight=False)
        if self._task is not None:
            self.bars.remove_task(self._task)
        self._task = self.bars.add_task(what, total=total)

    def advance(self, _: Answer) -> None:
        """One more was answered."""
        if self._task is not None:
            self.bars.advance(self._task)


def local_demo(environment_dir: Path) -> bool:
    """Runs it and shows the account; whether all promises were kept. Raises Failure."""
    console = Console(highlight=False)
    build_dir = ensure_packages(environment_dir.resolve().parent.parent)
    state = applied_state(environment_dir, console, force=False)
    progress = ShownProgress(console)
    # A folder of its own: the note of a local stack that runs meanwhile stays the other commands' guide.
    cache_dir = cache_directory() / "demo"
    try:
        with progress.bars:
            seen = uvloop.run(demonstrate(state, build_dir=build_dir, cache_dir=cache_dir, progress=progress))
    except MissingPackage as error:
        raise Failure(str(error)) from error
    show(seen, console)
    return not seen.problems
