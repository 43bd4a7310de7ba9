"""Where things are kept that can be made again: the local stack's applied state, its logs, the note that it runs."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's cache directory for this project (XDG Base Directory Specification); it need not exist yet."""
    base = environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "scalable-webhook"
