"""Work beside a block."""

from __future__ import annotations

import asyncio

import pytest

from shared import background as module
from shared.background import background, end


async def test_work_runs_beside_the_block_and_has_ended_after_it() -> None:
    """All works begin, go on while the block runs, and have cleaned up when it is left."""
    said: list[str] = []

    async def work(name: str) -> None:
        said.append(f"{name} begins")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            said.append(f"{name} ends")

    async with background(lambda: work("a"), lambda: work("b")):
        await asyncio.sleep(0.01)
        assert said == ["a begins", "b begins"]
    assert said == ["a begins", "b begins", "a ends", "b ends"]


async def test_an_error_of_the_work_is_not_lost() -> None:
    """What went wrong in the background is raised when the block ends."""

    async def work() -> None:
        raise RuntimeError("as told")

    with pytest.raises(RuntimeError, match="as told"):
        async with background(work):
            await asyncio.sleep(0.01)


async def test_a_lost_cancellation_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that swallows its first cancellation, as `asyncio.wait_for` may, still ends."""
    monkeypatch.setattr(module, "AGAIN", 0.05)
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task)
    assert swallowed == 2
    assert task.cancelled()
