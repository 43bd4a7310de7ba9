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


async def raw(runtime: Runtime, *requests: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which these were sent at once."""
    host, _, port = runtime.api.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"".join(requests))
    return reader, writer


async def read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.partition("Content-Length: ")[2].partition("\r\n")[0])
    return int(head.split(" ")[1]), await reader.readexactly(length)


NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n"
RESPONSE = b"POST /2018-06-01/runtime/invocation/r-1/response HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]"


async def test_a_response_may_come_with_the_request_for_the_next_invocation(runtime: Runtime) -> None:
    answer = asyncio.create_task(runtime.api.invoke(INVOCATION))
    reader, writer = await raw(runtime, NEXT)
    assert await read(reader) == (200, b'{"a":1}')
    writer.write(RESPONSE + NEXT)
    assert await answer == b"[1]"
    again = asyncio.create_task(runtime.api.invoke(INVOCATION))
    assert (await read(reader))[0] == 202
    assert await read(reader) == (200, b'{"a":1}')
    writer.write(RESPONSE)
    assert await again == b"[1]"
    assert (await read(reader))[0] == 202
    writer.close()


async def test_a_request_may_come_in_pieces(runtime: Runtime) -> None:
    answer = asyncio.create_task(runtime.api.invoke(INVOCATION))
    reader, writer = await raw(runtime, NEXT)
    await read(reader)
    for start in range(0, len(RESPONSE), 7):
        writer.write(RESPONSE[start : start + 7])
        await writer.drain()
        await asyncio.sleep(0.001)
    assert (await read(reader))[0] == 202
    assert await answer == b"[1]"
    writer.close()


async def test_what_follows_a_refused_response_is_not_heard(runtime: Runtime) -> None:
    reader, writer = await raw(runtime, RESPONSE, NEXT)
    assert (await read(reader))[0] == 400
    assert await reader.read() == b""
    ready = asyncio.create_task(runtime.api.ready())
    await asyncio.sleep(0.01)
    assert not ready.done()
    ready.cancel()
    writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET\r\n\r\n",
        RESPONSE.replace(b": 3", b": three"),
        RESPONSE.replace(b"Content-Length: 3", b"Transfer-Encoding: chunked"),
    ],
)
async def test_what_is_no_request_that_a_runtime_makes_is_refused(runtime: Runtime, request_: bytes) -> None:
    reader, writer = await raw(runtime, request_)
    assert (await read(reader))[0] == 400
    assert await reader.read() == b""
    writer.close()
