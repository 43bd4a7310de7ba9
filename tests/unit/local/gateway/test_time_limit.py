import asyncio

import pytest

from webhookctl.local.gateway.time_limit import within

AMPLE_SECONDS = 60.0


async def test_work_that_does_not_wait_gives_what_it_returns() -> None:
    async def work() -> str:
        return "done"

    assert await within(0, work()) == "done"


async def test_work_that_waits_gives_what_it_returns() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        waited = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(waited.set_result, "done")
        return str(await waited)

    assert await within(AMPLE_SECONDS, work()) == "done"


@pytest.mark.parametrize("waits", [False, True])
async def test_what_work_raises_is_raised(waits: bool) -> None:
    async def work() -> None:
        if waits:
            await asyncio.sleep(0)
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await within(AMPLE_SECONDS, work())


async def test_work_may_handle_what_it_waited_for_and_failed() -> None:
    async def work() -> str:
        waited = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(waited.set_exception, LookupError("no"))
        try:
            await waited
        except LookupError:
            await asyncio.sleep(0)
        return "done"

    assert await within(AMPLE_SECONDS, work()) == "done"


@pytest.mark.parametrize("cancelled_by", ["the limit", "somebody else"])
async def test_work_that_never_ends_is_cancelled_and_may_clean_up(cancelled_by: str) -> None:
    came: list[str] = []

    async def work() -> None:
        came.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            came.append("cleaned up")

    limited = asyncio.ensure_future(within(0.01 if cancelled_by == "the limit" else AMPLE_SECONDS, work()))
    await asyncio.sleep(0)
    if cancelled_by == "somebody else":
        limited.cancel()
    with pytest.raises(TimeoutError if cancelled_by == "the limit" else asyncio.CancelledError):
        await limited
    assert came == ["begun", "cleaned up"]
