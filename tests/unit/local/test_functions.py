import asyncio
import gc
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from webhookctl.local.functions import FunctionError, Functions, Machine
from webhookctl.local.package import MissingPackage
from webhookctl.local.state import Resource, State

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:"

# Does what its event says, so that a test names just that.
HANDLER = """
import importlib, json, logging, os, sys, time

logging.getLogger().setLevel("INFO")

def handle(event, context):
    if "print" in event:
        print(event["print"])
    if "log" in event:
        logging.getLogger("lane").info("stored", extra=event["log"])
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "raise" in event:
        raise ValueError(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    if "import" in event:
        return importlib.import_module(event["import"]).__file__
    if "write" in event:
        with open(event["write"], "w") as file:
            file.write(str(os.getpid()))
    if "meet" in event:
        meet(*event["meet"])
    if "answer" in event:
        return "x" * event["answer"]
    return {
        "event": event,
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "standard_input": sys.stdin.read(),
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }

def meet(folder, count):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    while len(os.listdir(folder)) < count:
        time.sleep(0.005)
"""

Start = Callable[..., Awaitable[Functions]]


@pytest.fixture
def build_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "build"
    folder.mkdir()
    return folder


@pytest.fixture
def machine(tmp_path: Path, build_dir: Path) -> Machine:
    return Machine(build_dir, tmp_path / "cache", tmp_path / "logs", "http://127.0.0.1:9")


@pytest.fixture
async def start(machine: Machine) -> AsyncIterator[Start]:
    """Starts one function, `f`, from a zip of these files; everything is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(
            files: dict[str, str] | None = None,
            on_log: Callable[[str, str], None] = lambda _name, _line: None,
            mapped: int | None = None,
            alias: str = "",
            **values: Any,
        ) -> Functions:
            package(machine.build_dir, files or {"app.py": HANDLER})
            functions = Functions.from_state(state(mapped, alias, **values), machine, on_log)
            return await stack.enter_async_context(functions)

        yield start


def package(build_dir: Path, files: dict[str, str]) -> None:
    with zipfile.ZipFile(build_dir / "app.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def state(maximum_concurrency: int | None = None, alias: str = "", **values: Any) -> State:
    function = {
        "function_name": "f",
        "arn": f"{ARN}f",
        "handler": "app.handle",
        "runtime": "python3.13",
        "timeout": 10,
        "memory_size": 128,
        "filename": "../../modules/function/../../build/app.zip",
        "environment": [{"variables": {"TABLE_NAME": "events"}}],
        **values,
    }
    mapping = {"function_arn": f"{ARN}f{alias}", "scaling_config": [{"maximum_concurrency": maximum_concurrency}]}
    mappings = [] if maximum_concurrency is None else [("aws_lambda_event_source_mapping", mapping)]
    return State({}, tuple(_resource(*item) for item in [("aws_lambda_function", function), *mappings]))


def _resource(kind: str, values: dict[str, Any]) -> Resource:
    return Resource(f"{kind}.this", kind, "this", None, "", values)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


async def test_a_handler_gets_the_event_and_a_context(start: Start) -> None:
    functions = await start()
    answer = await functions.invoke(f"{ARN}f", {"é": [1, None]})
    assert answer["event"] == {"é": [1, None]}
    assert answer["arn"] == f"{ARN}f"
    assert 0 < answer["remaining_ms"] <= 10_000
    assert len(answer["request_id"]) == 36


async def test_a_function_has_the_deployed_variables_and_those_that_lambda_sets(start: Start) -> None:
    logging = {"log_format": "JSON", "log_group": "/aws/lambda/f", "application_log_level": "INFO"}
    functions = await start(logging_config=[logging])
    environment = (await functions.invoke("f", {}))["environment"]
    task_root = environment["LAMBDA_TASK_ROOT"]
    assert os.listdir(task_root) == ["app.py"]  # noqa: PTH208
    expected = {
        "TABLE_NAME": "events",
        "_HANDLER": "app.handle",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_REGION": "eu-central-1",
        "TZ": ":UTC",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert set(environment) - set(expected) == {
        "AWS_ACCESS_KEY_ID",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "LC_CTYPE",  # Python sets it itself for a locale that the system lacks
        "PATH",
        "PYTHONPATH",
        "_X_AMZN_TRACE_ID",
    } - ({"LC_CTYPE"} - set(environment))


async def test_a_function_that_starts_from_snapshots_finds_its_credentials_at_a_url(start: Start) -> None:
    functions = await start(publish=True, version="7")
    environment = (await functions.invoke("f", {}))["environment"]
    assert environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://127.0.0.1:9/credentials"
    assert environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} & environment.keys()
    assert environment["AWS_LAMBDA_FUNCTION_VERSION"] == "7"


async def test_a_handler_finds_an_empty_standard_input(start: Start) -> None:
    functions = await start()
    assert (await functions.invoke("f", {}))["standard_input"] == ""


async def test_an_invocation_has_the_trace_of_its_caller_or_one_of_its_own(start: Start) -> None:
    functions = await start(tracing_config=[{"mode": "Active"}])
    header = "Root=1-6b00ddae-367d5a59be24d7c644baafd6;Parent=82e4df3e3ee0bfa8;Sampled=0"
    assert (await functions.invoke("f", {}, header))["environment"]["_X_AMZN_TRACE_ID"] == header
    own = (await functions.invoke("f", {}))["environment"]["_X_AMZN_TRACE_ID"]
    assert own.startswith("Root=1-")
    assert own.endswith(";Sampled=1")


@pytest.mark.parametrize(
    "module", ["aiohttp", "aws_xray_sdk", "common.scheme", "cryptography", "moto", "pytest", "webhookctl"]
)
async def test_a_module_that_the_zip_lacks_is_missing_even_if_it_is_installed_here(start: Start, module: str) -> None:
    functions = await start()
    with pytest.raises(FunctionError) as caught:
        await functions.invoke("f", {"import": module})
    assert caught.value.error_type == "ModuleNotFoundError"


async def test_boto3_comes_with_the_runtime_and_what_is_in_the_zip_goes_first(start: Start) -> None:
    functions = await start({"app.py": HANDLER, "jmespath.py": ""})
    assert "/runtime/" in await functions.invoke("f", {"import": "boto3"})
    assert "/code/" in await functions.invoke("f", {"import": "jmespath"})


async def test_a_package_that_is_compiled_for_lambda_is_taken_from_this_machine(start: Start) -> None:
    elsewhere = "_cffi_backend.cpython-313-aarch64-linux-gnu.so"
    wheels = {f"{name}-{importlib.metadata.version(name)}.dist-info/WHEEL": "" for name in ("cffi", "cryptography")}
    compiled = {"cffi/__init__.py": "", elsewhere: "", "cryptography/hazmat/bindings/_rust.abi3.so": "", **wheels}
    functions = await start(
        {"app.py": HANDLER, "cryptography/__init__.py": "", "cryptography.libs/x.so": "", **compiled}
    )
    environment = (await functions.invoke("f", {}))["environment"]
    assert elsewhere not in os.listdir(environment["LAMBDA_TASK_ROOT"])  # noqa: PTH208
    loaded = await functions.invoke("f", {"import": "cryptography.hazmat.primitives.asymmetric.ed25519"})
    assert loaded.startswith(environment["LAMBDA_TASK_ROOT"])


async def test_an_exception_of_the_handler_reaches_the_caller_by_type_and_message(start: Start) -> None:
    functions = await start()
    with pytest.raises(FunctionError) as caught:
        await functions.invoke("f", {"raise": "boom"})
    assert (caught.value.error_type, caught.value.error_message) == ("ValueError", "boom")
    assert functions.function("f").environments == 1


async def test_a_killed_environments_invocation_fails_as_a_crash_and_the_next_gets_a_new_one(
    start: Start, tmp_path: Path
) -> None:
    functions = await start()
    (tmp_path / "met").mkdir()
    under_way = asyncio.create_task(functions.invoke("f", {"meet": [str(tmp_path / "met"), 2]}))
    await until(lambda: len(list((tmp_path / "met").iterdir())) == 1)
    (first,) = (tmp_path / "met").iterdir()
    assert functions.function("f").kill_one()
    with pytest.raises(FunctionError) as caught:
        await under_way
    assert caught.value.error_type == "Runtime.ExitError"
    assert "killed" in caught.value.error_message
    assert (await functions.invoke("f", {}))["pid"] != int(first.name)


async def test_the_failure_of_an_abandoned_call_is_reported_to_nobody(start: Start, tmp_path: Path) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    functions = await start()
    (tmp_path / "met").mkdir()
    abandoned = asyncio.create_task(functions.invoke("f", {"meet": [str(tmp_path / "met"), 2]}))
    await until(lambda: len(list((tmp_path / "met").iterdir())) == 1)
    abandoned.cancel()
    await asyncio.wait([abandoned])
    assert functions.kill_one()
    await until(lambda: functions.function("f").busy == 0)
    del abandoned
    gc.collect()
    await asyncio.sleep(0)
    assert not reported


async def test_an_idle_environment_can_be_killed_too_and_nobody_notices(start: Start) -> None:
    functions = await start()
    first = (await functions.invoke("f", {}))["pid"]
    assert functions.kill_one()
    assert (await functions.invoke("f", {}))["pid"] != first


async def test_where_no_environment_runs_there_is_none_to_kill(start: Start) -> None:
    functions = await start()
    assert not functions.kill_one()


async def test_a_timed_out_process_is_gone_when_its_caller_hears_of_it(start: Start) -> None:
    functions = await start(timeout=1)
    pid = (await functions.invoke("f", {}))["pid"]
    with pytest.raises(FunctionError) as caught:
        await functions.invoke("f", {"sleep": 60})
    assert not is_running(pid)
    assert caught.value.error_type == "Sandbox.Timedout"
    assert caught.value.error_message.endswith("Task timed out after 1.00 seconds")
    assert functions.function("f").environments == 0
    assert (await functions.invoke("f", {}))["event"] == {}


async def test_a_crash_is_reported_and_the_next_invocation_has_a_new_process(start: Start) -> None:
    functions = await start()
    with pytest.raises(FunctionError) as caught:
        await functions.invoke("f", {"exit": 3})
    assert caught.value.error_type == "Runtime.ExitError"
    assert caught.value.error_message.endswith("Runtime exited with error: exit status 3")
    assert (await functions.invoke("f", {}))["event"] == {}


async def test_a_handler_that_cannot_be_imported_is_reported_to_every_caller(start: Start) -> None:
    functions = await start({"app.py": "import nothing_like_that"})
    for _ in range(2):
        with pytest.raises(FunctionError) as caught:
            await functions.invoke("f", {})
        assert caught.value.error_type == "Runtime.ImportModuleError"
        assert "nothing_like_that" in caught.value.error_message
    assert functions.function("f").environments == 0


async def test_a_function_that_does_not_start_says_why_until_it_does(start: Start, build_dir: Path) -> None:
    functions = await start({"app.py": "import nothing_like_that"})
    function = functions.function("f")
    assert function.start_fault is None
    with pytest.raises(FunctionError) as caught:
        await functions.invoke("f", {})
    assert function.start_fault is caught.value
    package(build_dir, {"app.py": HANDLER})
    await functions.reload()
    assert function.start_fault is None
    await functions.invoke("f", {})
    assert function.start_fault is None


async def test_a_start_that_fails_is_forgotten_with_the_next_that_does_not(start: Start, tmp_path: Path) -> None:
    flag = tmp_path / "there"
    functions = await start({"app.py": f"open({str(flag)!r})\ndef handle(event, context): pass"})
    with pytest.raises(FunctionError):
        await functions.invoke("f", {})
    fault = functions.function("f").start_fault
    assert fault is not None
    assert fault.error_type == "FileNotFoundError"
    flag.touch()
    await functions.invoke("f", {})
    assert functions.function("f").start_fault is None


async def test_a_function_of_which_an_environment_has_started_does_start(start: Start, tmp_path: Path) -> None:
    flag, go = tmp_path / "there", tmp_path / "go"
    wait = "def handle(event, context):\n    while event and not os.path.exists(event): time.sleep(0.01)"
    functions = await start({"app.py": f"import os, time\nopen({str(flag)!r})\n{wait}"})
    function = functions.function("f")
    flag.touch()
    await functions.invoke("f", "")
    flag.unlink()
    under_way = asyncio.create_task(functions.invoke("f", str(go)))
    await until(lambda: function.busy == 1)
    with pytest.raises(FunctionError):
        await functions.invoke("f", "")
    go.touch()
    await under_way
    assert function.start_fault is None


@pytest.mark.parametrize("event", [{"raise": "boom"}, {"exit": 3}])
async def test_what_ends_an_invocation_is_no_fault_of_the_start(start: Start, event: dict[str, Any]) -> None:
    functions = await start()
    with pytest.raises(FunctionError):
        await functions.invoke("f", event)
    assert functions.function("f").start_fault is None


async def test_a_payload_over_6_mb_is_refused_before_anything_runs(start: Start) -> None:
    functions = await start()
    with pytest.raises(FunctionError) as caught:
        await functions.invoke("f", "x" * (6 * 1024 * 1024))
    assert caught.value.error_type == "RequestTooLargeException"
    assert functions.function("f").environments == 0


async def test_an_answer_over_6_mb_is_an_error_and_the_function_goes_on(start: Start) -> None:
    functions = await start()
    with pytest.raises(FunctionError) as caught:
        await functions.invoke("f", {"answer": 6 * 1024 * 1024 + 100})
    assert caught.value.error_type == "Function.ResponseSizeTooLarge"
    assert len(await functions.invoke("f", {"answer": 6 * 1024 * 1024})) == 6 * 1024 * 1024


async def test_an_idle_environment_is_used_again(start: Start) -> None:
    functions = await start()
    first, second = [(await functions.invoke("f", {}))["pid"] for _ in range(2)]
    assert first == second
    assert functions.function("f").peak_busy == 1


async def test_invocations_at_once_have_an_environment_each(start: Start, tmp_path: Path) -> None:
    functions = await start()
    folder = tmp_path / "meeting"
    folder.mkdir()
    answers = await asyncio.gather(*(functions.invoke("f", {"meet": [str(folder), 3]}) for _ in range(3)))
    assert len({answer["pid"] for answer in answers}) == 3
    assert functions.function("f").peak_busy == 3


async def test_invocations_beyond_a_lanes_maximum_wait_for_their_turn(start: Start) -> None:
    functions = await start(mapped=2)
    answers = await asyncio.gather(*(functions.invoke("f", {"sleep": 0.02}) for _ in range(8)))
    assert len({answer["pid"] for answer in answers}) == 2
    assert functions.function("f").peak_busy == 2
    assert functions.function("f").busy == 0


async def test_a_function_is_called_and_bounded_under_its_alias_as_under_its_name(start: Start) -> None:
    functions = await start(mapped=2, alias=":live")
    answers = await asyncio.gather(*(functions.invoke(f"{ARN}f:live", {"sleep": 0.02}) for _ in range(8)))
    assert len({answer["pid"] for answer in answers}) == functions.function("f").peak_busy == 2


async def test_reserved_concurrency_throttles(start: Start) -> None:
    functions = await start(reserved_concurrent_executions=1)
    answers = await asyncio.gather(*(functions.invoke("f", {"sleep": 0.1}) for _ in range(2)), return_exceptions=True)
    [error] = [answer for answer in answers if isinstance(answer, FunctionError)]
    assert error.error_type == "TooManyRequestsException"


async def test_what_a_handler_wrote_is_delivered_before_its_answer(start: Start, machine: Machine) -> None:
    lines: list[tuple[str, str]] = []
    functions = await start(
        on_log=lambda name, line: lines.append((name, line)), logging_config=[{"log_format": "JSON"}]
    )
    await functions.invoke("f", {"print": '{"_aws":{}}', "log": {"source": "github"}})
    assert lines[0] == ("f", '{"_aws":{}}')
    entry = json.loads(lines[1][1])
    assert (entry["message"], entry["source"], entry["level"]) == ("stored", "github", "INFO")
    assert (machine.log_dir / "f.log").read_text().splitlines() == [line for _, line in lines]


async def test_a_time_out_is_in_the_functions_log(start: Start, machine: Machine) -> None:
    functions = await start(timeout=1)
    with pytest.raises(FunctionError):
        await functions.invoke("f", {"sleep": 60})
    assert "Task timed out after 1.00 seconds" in (machine.log_dir / "f.log").read_text()


async def test_a_changed_zip_replaces_the_code_at_reload_and_not_before(start: Start, build_dir: Path) -> None:
    functions = await start({"app.py": "def handle(event, context): return 'old'"})
    package(build_dir, {"app.py": "def handle(event, context): return 'new'"})
    assert await functions.invoke("f", {}) == "old"
    assert await functions.reload() == ("f",)
    assert await functions.invoke("f", {}) == "new"
    assert await functions.reload() == ()


async def test_an_invocation_under_way_at_a_reload_ends_in_the_old_code(
    start: Start, build_dir: Path, tmp_path: Path
) -> None:
    functions = await start()
    folder = tmp_path / "meeting"
    folder.mkdir()
    under_way = asyncio.create_task(functions.invoke("f", {"meet": [str(folder), 2]}))
    await until(lambda: len(list(folder.iterdir())) == 1)
    package(build_dir, {"app.py": "def handle(event, context): return 'new'"})
    await functions.reload()
    (folder / "go").touch()
    old = await under_way
    assert await functions.invoke("f", {}) == "new"
    assert not is_running(old["pid"])


async def test_a_missing_package_says_what_to_run(start: Start, build_dir: Path) -> None:
    with pytest.raises(MissingPackage, match=r"gone\.zip is missing: run scripts/build\.sh"):
        await start(filename="build/gone.zip")


async def test_an_unknown_function_is_an_error_of_the_call(start: Start) -> None:
    functions = await start()
    with pytest.raises(FunctionError) as caught:
        await functions.invoke(f"{ARN}other", {})
    assert caught.value.error_type == "ResourceNotFoundException"


async def test_an_abandoned_call_goes_on(start: Start, tmp_path: Path) -> None:
    functions = await start()
    caller = asyncio.create_task(functions.invoke("f", {"sleep": 0.2, "write": str(tmp_path / "pid")}))
    await until(lambda: functions.function("f").busy == 1)
    caller.cancel()
    await until((tmp_path / "pid").exists)


async def test_leaving_kills_a_handler_that_hangs_and_tells_its_caller(machine: Machine, tmp_path: Path) -> None:
    package(machine.build_dir, {"app.py": HANDLER})
    async with Functions.from_state(state(), machine) as functions:
        pid = (await functions.invoke("f", {}))["pid"]
        caller = asyncio.create_task(functions.invoke("f", {"sleep": 60}))
        await until(lambda: functions.function("f").busy == 1)
    with pytest.raises(FunctionError) as caught:
        await caller
    assert caught.value.error_type == "Runtime.ExitError"
    assert not is_running(pid)


async def test_leaving_while_an_environment_starts_leaves_no_process(machine: Machine, tmp_path: Path) -> None:
    slow_start = f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    package(machine.build_dir, {"app.py": slow_start})
    async with Functions.from_state(state(), machine) as functions:
        caller = asyncio.create_task(functions.invoke("f", {}))
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    with pytest.raises(FunctionError):
        await caller
    assert not is_running(int((tmp_path / "pid").read_text()))


async def test_a_killed_parent_leaves_no_process_even_if_a_handler_hangs(machine: Machine, tmp_path: Path) -> None:
    package(machine.build_dir, {"app.py": HANDLER})
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    arguments = [sys.executable, str(script), *map(str, (machine.build_dir, machine.cache_dir, machine.log_dir))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert is_running(pid)
        parent.send_signal(signal.SIGKILL)
    await until(lambda: not is_running(pid))


PARENT = f"""
import asyncio, sys
from pathlib import Path
from webhookctl.local.functions import Functions, Machine
from webhookctl.local.state import Resource, State

FUNCTION = {{
    "function_name": "f", "arn": "{ARN}f", "handler": "app.handle", "runtime": "python3.13", "timeout": 60,
    "memory_size": 128, "filename": "app.zip",
}}

async def main():
    machine = Machine(*map(Path, sys.argv[1:]), "http://127.0.0.1:9")
    state = State({{}}, (Resource("f", "aws_lambda_function", "f", None, "", FUNCTION),))
    async with Functions.from_state(state, machine) as functions:
        answer = await functions.invoke("f", {{}})
        hanging = asyncio.create_task(functions.invoke("f", {{"sleep": 60}}))
        while not functions.function("f").busy:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        print(answer["pid"], flush=True)
        await hanging

asyncio.run(main())
"""
