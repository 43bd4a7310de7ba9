"""Applies an environment for the local stack, and shows how far it is: it can take more than a minute."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from webhookctl.cache import cache_directory
from webhookctl.failure import Failure, WrongUsage
from webhookctl.local.state import State, StateError
from webhookctl.local.terraform import TerraformError, apply
from webhookctl.local.terraform_log import Progress

LINE_SECONDS = 10.0

OnProgress = Callable[[Progress], None]


def applied_state(environment_dir: Path, console: Console, *, force: bool) -> State:
    """The environment's state, applied now unless it was before; says which of the two. Raises Failure."""
    if not any(environment_dir.glob("*.tf")):
        raise WrongUsage(f"There is no Terraform environment in {environment_dir}.")
    started = time.monotonic()
    try:
        with _shown(environment_dir, console) as on_progress:
            applied = apply(environment_dir, cache_directory(), force=force, on_progress=on_progress)
    except (TerraformError, StateError) as error:
        raise Failure(str(error)) from error
    if applied.reused:
        _say(console, f"{environment_dir.name}: nothing changed since it was last applied (--apply applies it anew)")
    else:
        _say(console, f"{environment_dir.name}: applied by Terraform in {time.monotonic() - started:.0f} s")
    return applied.state


@contextmanager
def _shown(environment_dir: Path, console: Console) -> Iterator[OnProgress]:
    if console.is_terminal:
        with _bar(environment_dir.name, console) as on_progress:
            yield on_progress
    else:
        _say(console, _beginning(environment_dir.name))
        yield _lines(environment_dir.name, console)


@contextmanager
def _bar(name: str, console: Console) -> Iterator[OnProgress]:
    from rich import progress as bars

    columns = (
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(bar_width=20),
        bars.TextColumn("{task.fields[resources]}"),
        bars.TimeElapsedColumn(),
    )
    with bars.Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(_beginning(name), total=None, resources="")

        def on_progress(now: Progress) -> None:
            resources = f"{now.done} of {now.total} resources" if now.total else ""
            progress.update(task, description=_step(now, name), resources=resources)
            progress.update(task, total=now.total or None, completed=now.done)

        yield on_progress


def _lines(name: str, console: Console) -> OnProgress:
    """A line for each step, and every few seconds while there are resources."""
    shown_step = ""
    shown_at = 0.0

    def on_progress(now: Progress) -> None:
        nonlocal shown_step, shown_at
        if _step(now, name) != shown_step:
            shown_step, shown_at = _step(now, name), now.elapsed_seconds
            _say(console, shown_step)
        elif now.total and now.elapsed_seconds - shown_at >= LINE_SECONDS:
            shown_at = now.elapsed_seconds
            _say(console, f"{shown_step}: {now.done} of {now.total} resources after {now.elapsed_seconds:.0f} s")

    return on_progress


def _beginning(name: str) -> str:
    return f"Looking at {name}"


def _step(now: Progress, name: str) -> str:
    match now.step:
        case "wait":
            return "Waiting for another apply to end"
        case "init":
            return f"Preparing Terraform for {name}"
        case "apply" if now.total:
            return f"Applying {name}, two to four minutes"
        case "apply":
            return f"Planning {name}"
        case _:
            return f"Reading the state of {name}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
