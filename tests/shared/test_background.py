"""Work beside a block."""

from __future__ import annotations

import asyncio

import pytest

from shared.background import background


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
