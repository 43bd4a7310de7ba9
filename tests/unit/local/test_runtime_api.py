import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from webhookctl.local.function_error import FunctionError
from webhookctl.local.runtime_api import MAX_RESPONSE_BYTES, Invocation, RuntimeApi

INVOCATION = Invocation("r-1", b'{"a":1}', 1_700_000_000_000, "arn:aws:lambda:eu-central-1:1:function:f", "Root=1-a")


@dataclass(frozen=True)
class Runtime:
    """What a runtime does, over HTTP."""

    api: RuntimeApi
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, bytes, dict[str, str]]:
        url = f"http://{self.api.address}/2018-06-01/runtime/{path}"
        async with self.http.request(method, url, **options) as response:
            return response.status, await response.read(), dict(response.headers)


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    api = RuntimeApi()
    await api.start()
    async with aiohttp.ClientSession() as http:
        yield Runtime(api, http)
    await api.stop()


async def test_an_invocation_goes_to_the_runtime_and_its_response_to_the_caller(runtime: Runtime) -> None:
    next_call = asyncio.create_task(runtime.call("GET", "invocation/next"))
    answer = asyncio.create_task(runtime.api.invoke(INVOCATION))
    status, body, headers = await next_call
    assert (status, body) == (200, b'{"a":1}')
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "r-1"
    assert headers["Lambda-Runtime-Deadline-Ms"] == "1700000000000"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == INVOCATION.function_arn
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1-a"
    assert (await runtime.call("POST", "invocation/r-1/response", data=b"[1]"))[0] == 202
    assert await answer == b"[1]"


async def test_an_environment_is_ready_when_it_asks_for_its_next_invocation(runtime: Runtime) -> None:
    ready = asyncio.create_task(runtime.api.ready())
    await asyncio.sleep(0)
    assert not ready.done()
    next_call = asyncio.create_task(runtime.call("GET", "invocation/next"))
    await ready
    await runtime.api.stop()
    assert (await next_call)[0] == 410


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"errorType":"ValueError","errorMessage":"boom"}', ("ValueError", "boom")),
        (b'{"errorMessage":"boom"}', ("Function.Header", "boom")),
        (b"not json", ("Function.Header", "")),
        (b"[]", ("Function.Header", "")),
    ],
)
async def test_an_error_reaches_the_caller_by_type_and_message(
    runtime: Runtime, body: bytes, expected: tuple[str, str]
) -> None:
    next_call = asyncio.create_task(runtime.call("GET", "invocation/next"))
    answer = asyncio.create_task(runtime.api.invoke(INVOCATION))
    await next_call
    header = {"Lambda-Runtime-Function-Error-Type": "Function.Header"}
    assert (await runtime.call("POST", "invocation/r-1/error", data=body, headers=header))[0] == 202
    with pytest.raises(FunctionError) as caught:
        await answer
    assert (caught.value.error_type, caught.value.error_message) == expected


async def test_an_init_error_ends_the_environment(runtime: Runtime) -> None:
    ready = asyncio.create_task(runtime.api.ready())
    body = {"errorType": "Runtime.ImportModuleError", "errorMessage": "Unable to import module 'app'"}
    assert (await runtime.call("POST", "init/error", json=body))[0] == 202
    for waiting in (ready, runtime.api.ready(), runtime.api.invoke(INVOCATION)):
        with pytest.raises(FunctionError, match=r"Runtime\.ImportModuleError: Unable to import module 'app'"):
            await waiting


async def test_a_response_to_no_invocation_is_refused(runtime: Runtime) -> None:
    for path in ("invocation/r-1/response", "invocation/r-1/error"):
        status, body, _ = await runtime.call("POST", path, data=b"{}")
        assert status == 400
        assert b"InvalidRequestID" in body


async def test_a_second_response_is_refused(runtime: Runtime) -> None:
    next_call = asyncio.create_task(runtime.call("GET", "invocation/next"))
    answer = asyncio.create_task(runtime.api.invoke(INVOCATION))
    await next_call
    assert (await runtime.call("POST", "invocation/r-1/response", data=b"1"))[0] == 202
    assert (await runtime.call("POST", "invocation/r-1/response", data=b"2"))[0] == 400
    assert await answer == b"1"


@pytest.mark.parametrize(("size", "status"), [(MAX_RESPONSE_BYTES, 202), (MAX_RESPONSE_BYTES + 1, 413)])
async def test_a_response_may_be_so_large_and_no_larger(runtime: Runtime, size: int, status: int) -> None:
    next_call = asyncio.create_task(runtime.call("GET", "invocation/next"))
    answer = asyncio.create_task(runtime.api.invoke(INVOCATION))
    await next_call
    assert (await runtime.call("POST", "invocation/r-1/response", data=io.BytesIO(b"x" * size)))[0] == status
    if status == 202:
        assert len(await answer) == size
    else:
        with pytest.raises(FunctionError, match=r"Function\.ResponseSizeTooLarge"):
            await answer


@pytest.mark.parametrize("call", [("GET", "init/error"), ("GET", "invocation/r-1/response"), ("POST", "restore/next")])
async def test_anything_else_is_not_found(runtime: Runtime, call: tuple[str, str]) -> None:
    assert (await runtime.call(*call))[0] == 404
