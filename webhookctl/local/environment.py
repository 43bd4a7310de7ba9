"""One execution environment: a process of its own that runs a function's handler, one invocation at a time."""

import asyncio
import contextlib
import datetime
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from webhookctl.local.function_error import FunctionError
from webhookctl.local.log_pipe import LogPipe
from webhookctl.local.program import Program, log_stream_name
from webhookctl.local.runtime_api import Invocation, RuntimeApi

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
# An init phase that takes longer is run again as part of the invocation, under the function's own time-out
# (Lambda Developer Guide, "Lambda execution environment lifecycle"). Here it is left to go on instead.
INIT_SECONDS = 10


class Environment:
    """A running process with its Runtime API. Once `alive` is false it never takes another invocation."""

    def __init__(self, program: Program, on_line: Callable[[str], None]) -> None:
        self.program = program
        self.alive = False
        self._stopped = False
        self._api = RuntimeApi()
        self._log = LogPipe(on_line)
        self._exit: asyncio.Task[None] | None = None
        self._guard = -1
        self._process: asyncio.subprocess.Process | None = None
        self._request_id = ""

    async def start(self, request_id: str) -> None:
        """Start the process and wait for its init phase. Raises FunctionError when it fails, leaving nothing behind."""
        self._request_id = request_id
        try:
            await self._api.start()
            await self._spawn()
            async with asyncio.timeout(INIT_SECONDS + self.program.timeout_seconds):
                await self._api.ready()
        except TimeoutError:
            await self.stop()
            raise self._timed_out() from None
        except BaseException:
            await self.stop()
            raise

    async def ready(self) -> None:
        """Return when it can take an invocation. Raises FunctionError when it ended after its last answer."""
        if not self.alive:
            raise self._exited("after its last answer")
        await self._api.ready()

    async def invoke(self, invocation: Invocation) -> bytes:
        """The handler's answer, after every line that it wrote before. Raises FunctionError when there is none.

        After a time-out the process is gone when the error is raised, so that its place can be taken.
        """
        self._request_id = invocation.request_id
        remaining_seconds = invocation.deadline_ms / 1000 - time.time()
        late = asyncio.get_running_loop().call_later(remaining_seconds, self._api.give_up)
        try:
            return await self._api.invoke(invocation)
        except TimeoutError:
            await self.stop()
            raise self._timed_out() from None
        finally:
            late.cancel()
            self._log.drain()

    def kill(self) -> None:
        """Kill the process and its own group as they run; what it was doing fails as any crash does."""
        self.alive = False
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Kill the process and its own group, and wait until it is gone. May be called at any time, and again."""
        self._stopped = True
        self.kill()
        if self._exit is not None:
            await asyncio.shield(self._exit)
        self._log.close()
        self._release_guard()
        await self._api.stop()

    async def _spawn(self) -> None:
        if self._stopped:
            raise self._exited("during the shutdown of the local stack")
        guarded, self._guard = os.pipe()
        variables = {
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(datetime.datetime.now(datetime.UTC).date()),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
        }
        try:
            self._process = await asyncio.create_subprocess_exec(
                # -S: no site-packages, which have this project's sources in them. -B: a package is read-only in Lambda.
                *(sys.executable, "-S", "-B", str(BOOTSTRAP), self.program.handler),
                stdin=guarded,
                stdout=self._log.writer,
                stderr=self._log.writer,
                cwd=self.program.task_root,
                env={**self.program.variables, **variables},
                start_new_session=True,  # Ctrl-C in a terminal is for the local stack, which stops its processes itself
            )
        finally:
            os.close(guarded)
            self._log.close_writer()
        self.alive = True
        self._exit = asyncio.create_task(self._watch(self._process))
        if self._stopped:
            raise self._exited("during the shutdown of the local stack")

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self.alive = False
        self._log.drain()
        self._api.fail(self._exited(_reason(status)))

    def _release_guard(self) -> None:
        if self._guard >= 0:
            os.close(self._guard)
            self._guard = -1

    def _exited(self, reason: str) -> FunctionError:
        return FunctionError("Runtime.ExitError", f"RequestId: {self._request_id} Error: Runtime exited {reason}")

    def _timed_out(self) -> FunctionError:
        sentence = f"Task timed out after {self.program.timeout_seconds:.2f} seconds"
        return FunctionError("Sandbox.Timedout", f"RequestId: {self._request_id} Error: {sentence}")


def _reason(status: int) -> str:
    if status < 0:
        return f"with error: signal: {(signal.strsignal(-status) or str(-status)).lower()}"
    return f"with error: exit status {status}" if status else "without providing a reason"
