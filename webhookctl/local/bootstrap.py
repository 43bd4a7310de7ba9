"""First code of an execution environment's process; run as a script, with nothing of this project on the path.

Ends the process when the one that started it is gone, however that one ended, so that no handler outlives the local
stack. Then hands over to AWS's own runtime interface client, as the `bootstrap` of Lambda's Python runtimes does.
"""

import _thread
import os
import signal
import sys


def main() -> None:
    """Guard the process, put the function's code first on the path and run its handler, named by the only argument."""
    _thread.start_new_thread(_die_with, (_take_standard_input(),))
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    from awslambdaric.bootstrap import run  # the path is only now as Lambda has it
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    # Without a thread of its own for each wait, which is there for the compiled client: it lets no signal through.
    run(sys.argv[1], LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"]))


def _take_standard_input() -> int:
    """The pipe whose other end only the parent holds; handlers find an empty standard input, as in Lambda."""
    guard = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return guard


def _die_with(guard: int) -> None:
    os.read(guard, 1)  # nothing is ever written: this returns when the parent's end closes
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
