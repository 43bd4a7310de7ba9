"""The environment's Lambda functions, from the applied state and the built zips, run as Lambda runs them.

An invocation takes an idle execution environment or starts one; beyond a function's bound it waits for its turn.
"""

import asyncio
import contextlib
import random
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from webhookctl.local import quick_json
from webhookctl.local.environment import Environment
from webhookctl.local.function_error import FunctionError
from webhookctl.local.identifier import new_uuid
from webhookctl.local.line_file import LineFile
from webhookctl.local.program import Machine, Program, program
from webhookctl.local.runtime_api import MAX_PAYLOAD_BYTES, Invocation
from webhookctl.local.state import State

__all__ = ["Function", "FunctionError", "Functions", "Machine"]

# What one machine bears of one function, where Lambda has a thousand. A lane's function has the lane's maximum, up to
# the second figure.
MAX_ENVIRONMENTS = 4
MAX_LANE_ENVIRONMENTS = 16
# Lambda writes these to the function's log itself; a handler's own exception is logged by its runtime.
LOGGED_BY_LAMBDA = frozenset({"Sandbox.Timedout", "Runtime.ExitError"})


class Function:
    """One function: its configuration, its execution environments, and how many of them were busy at once."""

    def __init__(
        self, values: Mapping[str, Any], program: Program, max_environments: int, on_line: Callable[[str], None]
    ) -> None:
        self.name: str = values["function_name"]
        self.arn: str = values["arn"]
        self.max_environments = max_environments
        self.busy = 0
        self.peak_busy = 0
        self.program = program
        self._reserved = int(values.get("reserved_concurrent_executions", -1))
        self._traced = any(block.get("mode") == "Active" for block in values.get("tracing_config") or [])
        self._on_line = on_line
        self._places = asyncio.Semaphore(max_environments)
        self._environments: set[Environment] = set()
        self._idle: list[Environment] = []
        self._running: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._start_fault: FunctionError | None = None

    @property
    def start_fault(self) -> FunctionError | None:
        """Why it does not start: what its last start ended with, unless one of its environments has started."""
        return None if self._idle else self._start_fault

    @property
    def environments(self) -> int:
        """How many execution environments there are, starting ones included."""
        return len(self._environments)

    async def invoke(self, event: Any, trace_header: str | None = None) -> Any:
        """The handler's answer to an event. Raises FunctionError on an error, a time-out, a crash or a throttle.

        A call that is abandoned goes on: Lambda does not stop a function because its caller went away.
        """
        payload = quick_json.encoded(event)
        if len(payload) > MAX_PAYLOAD_BYTES:
            sentence = f"Request must be smaller than {MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
            raise FunctionError("RequestTooLargeException", sentence)
        if 0 <= self._reserved <= len(self._running):
            raise FunctionError("TooManyRequestsException", "Rate Exceeded.")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        run = asyncio.create_task(self._give(answer, payload, trace_header or self._new_trace()))
        self._running.add(run)
        run.add_done_callback(self._running.discard)
        return _parse(await answer)

    def kill_one(self) -> bool:
        """Kill a running execution environment, any of them, as a fault of the host would; False when none runs.

        What it was doing fails as Runtime.ExitError, with whatever it had done half done.
        """
        running = [environment for environment in self._environments if environment.alive]
        if running:
            secrets.choice(running).kill()
        return bool(running)

    async def replace(self, program: Program) -> None:
        """Run another program from now on; an invocation that is under way ends in the old one."""
        if program == self.program:
            return
        self.program = program
        self._start_fault = None
        outdated, self._idle = self._idle, []
        await self._drop(*outdated)

    async def stop(self) -> None:
        """Kill every execution environment and wait for them; whoever waits for an answer gets a FunctionError."""
        self._stopped = True
        await self._drop(*self._environments)
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _give(self, answer: asyncio.Future[bytes], payload: bytes, trace_id: str) -> None:
        """Invoke, for whoever waits for the answer; nobody may."""
        try:
            given = await self._invoke(payload, trace_id)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is the caller's
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(given)

    async def _invoke(self, payload: bytes, trace_id: str) -> bytes:
        async with self._places:
            self.busy += 1
            self.peak_busy = max(self.peak_busy, self.busy)
            try:
                return await self._run(new_uuid(), payload, trace_id)
            except FunctionError as error:
                if error.error_type in LOGGED_BY_LAMBDA and not self._stopped:
                    self._on_line(error.error_message)
                raise
            finally:
                self.busy -= 1

    async def _run(self, request_id: str, payload: bytes, trace_id: str) -> bytes:
        environment = await self._take(request_id)
        deadline_ms = int((time.time() + environment.program.timeout_seconds) * 1000)
        try:
            return await environment.invoke(Invocation(request_id, payload, deadline_ms, self.arn, trace_id))
        finally:
            if environment.alive and environment.program is self.program:
                self._idle.append(environment)
            else:
                await self._drop(environment)

    async def _take(self, request_id: str) -> Environment:
        while self._idle:
            environment = self._idle.pop()
            try:
                await environment.ready()
            except FunctionError:
                await self._drop(environment)
            else:
                return environment
        return await self._start(request_id)

    async def _start(self, request_id: str) -> Environment:
        if self._stopped:
            raise FunctionError("ResourceNotReadyException", "The local stack is shutting down")
        environment = Environment(self.program, self._on_line)
        self._environments.add(environment)
        try:
            await environment.start(request_id)
        except BaseException as error:
            self._environments.discard(environment)
            if isinstance(error, FunctionError):
                self._start_fault = error
            raise
        self._start_fault = None
        return environment

    async def _drop(self, *environments: Environment) -> None:
        await asyncio.gather(*(environment.stop() for environment in environments))
        self._environments.difference_update(environments)

    def _new_trace(self) -> str:
        """A trace of its own. With active tracing each is sampled, where X-Ray's default rule takes a part of them."""
        root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        return f"Root={root};Parent={secrets.token_hex(8)};Sampled={int(self._traced)}"


class Functions:
    """All functions of an applied state. As a context manager: on leaving it, no process is left."""

    def __init__(self, state: State, machine: Machine, on_log: Callable[[str, str], None]) -> None:
        self._state = state
        self._machine = machine
        self._on_log = on_log
        self._resources = contextlib.ExitStack()
        self._trace_address = ""
        self.by_name: dict[str, Function] = {}

    @classmethod
    def from_state(
        cls, state: State, machine: Machine, on_log: Callable[[str, str], None] = lambda _name, _line: None
    ) -> Self:
        """The functions of a state; `on_log` gets each line that one of them logs, with the function's name."""
        return cls(state, machine, on_log)

    async def __aenter__(self) -> Self:
        """Unpack the packages; processes start with the first invocations. Raises MissingPackage."""
        try:
            self._machine.log_dir.mkdir(parents=True, exist_ok=True)
            self._trace_address = self._resources.enter_context(_TraceSink()).address
            for values, bound in _configurations(self._state):
                self.by_name[values["function_name"]] = self._function(values, bound)
        except BaseException:
            self._resources.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(function.stop() for function in self.by_name.values()))
        self._resources.close()

    async def invoke(self, arn: str, event: Any, trace_header: str | None = None) -> Any:
        """Invoke a function by its ARN, qualified or not, or its name. Raises FunctionError like `Function.invoke`."""
        return await self.function(arn).invoke(event, trace_header)

    def function(self, arn: str) -> Function:
        """The function of an ARN or a name. Raises FunctionError when the state has none such."""
        try:
            return self.by_name[_name(arn)]
        except KeyError:
            raise FunctionError("ResourceNotFoundException", f"Function not found: {arn}") from None

    def kill_one(self) -> bool:
        """`Function.kill_one` of any function that has an execution environment running; False when none has."""
        functions = list(self.by_name.values())
        random.shuffle(functions)
        return any(function.kill_one() for function in functions)

    async def reload(self) -> tuple[str, ...]:
        """Take the zips as they are now; the names of the functions whose code changed. Raises MissingPackage."""
        programs = {
            values["function_name"]: program(values, self._machine, self._trace_address)
            for values, _ in _configurations(self._state)
        }
        changed = tuple(name for name in programs if programs[name] != self.by_name[name].program)
        await asyncio.gather(*(self.by_name[name].replace(programs[name]) for name in changed))
        return changed

    def _function(self, values: Mapping[str, Any], bound: int) -> Function:
        name: str = values["function_name"]
        log = self._resources.enter_context(LineFile(self._machine.log_dir / f"{name}.log"))
        return Function(
            values,
            program(values, self._machine, self._trace_address),
            bound,
            lambda line: self._log(name, log, line),
        )

    def _log(self, name: str, file: LineFile, line: str) -> None:
        file.write(line.replace("\r", "\n"))  # the runtime separates the lines of a traceback by carriage returns
        self._on_log(name, line)


class _TraceSink:
    """Where X-Ray segments end: a socket that nobody reads, so that none reaches a daemon that may run here."""

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _configurations(state: State) -> list[tuple[Mapping[str, Any], int]]:
    """Every function's values with the most execution environments that it gets here."""
    bounds = {
        _name(mapping.values["function_arn"]): min(block["maximum_concurrency"], MAX_LANE_ENVIRONMENTS)
        for mapping in state.resources("aws_lambda_event_source_mapping")
        for block in mapping.values.get("scaling_config") or []
    }
    functions = [resource.values for resource in state.resources("aws_lambda_function")]
    return [(values, bounds.get(values["function_name"], MAX_ENVIRONMENTS)) for values in functions]


def _name(arn: str) -> str:
    """The function's name in an ARN, at whose end there may be a version or an alias."""
    return arn.split(":")[6] if arn.startswith("arn:") else arn


def _parse(answer: bytes) -> Any:
    try:
        return quick_json.decoded(answer)
    except ValueError as error:
        raise FunctionError("Runtime.InvalidResponse", f"The function's answer is not JSON: {error}") from error
