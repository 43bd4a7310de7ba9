"""First code of a measured process, run as a script with nothing of this project on the path.

usage: bootstrap.py MODULE.FUNCTION [--once EVENT] [--seen FILE] [--keep-collecting]

Without --once it hands over to AWS's runtime interface client, as the `bootstrap` of Lambda's Python runtimes does.
With it, the handler is called once with the event in that file, and the process ends. --seen writes how much memory the
process had at most, and which modules it has. --keep-collecting leaves the garbage collector as Python has it.
"""

import os
import sys


def _keep_collecting() -> None:
    import gc

    def nothing(*_: object) -> None:
        pass

    gc.disable = gc.freeze = gc.set_threshold = nothing


def _option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else ""


def _once(handler: str, event_file: str) -> None:
    import importlib
    import json

    module, _, function = handler.rpartition(".")
    with open(event_file, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would be a part of what is measured
        event = json.load(file)
    getattr(importlib.import_module(module), function)(event, None)


def _write_seen(target: str) -> None:
    modules = sorted(sys.modules)
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        peak = next(line for line in status if line.startswith("VmHWM"))
    with open(target, "w", encoding="utf-8") as out:  # noqa: PTH123
        out.write(f"{int(peak.split()[1]) * 1024}\n" + "\n".join(modules))


def main() -> None:
    """What the arguments say."""
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    if "--keep-collecting" in sys.argv:
        _keep_collecting()
    event_file = _option("--once")
    if event_file:
        _once(sys.argv[1], event_file)
    else:
        from awslambdaric.__main__ import main as serve

        serve(["awslambdaric", sys.argv[1]])
    seen = _option("--seen")
    if seen:
        _write_seen(seen)


if __name__ == "__main__":
    main()
