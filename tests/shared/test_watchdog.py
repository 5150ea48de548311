"""The watchdog of the event loop."""

from __future__ import annotations

import asyncio
import time

from shared.watchdog import EXIT_CODE, watched


async def test_a_stuck_loop_ends_the_process() -> None:
    """Blocking the loop for longer than allowed calls the end with EX_SOFTWARE."""
    ended: list[int] = []
    async with watched("test", stuck=0.2, end=ended.append):
        time.sleep(0.8)
    assert ended == [EXIT_CODE]


async def test_a_busy_loop_that_ticks_goes_on() -> None:
    """Long work that lets the loop tick is no fault."""
    ended: list[int] = []
    async with watched("test", stuck=0.5, end=ended.append):
        for _ in range(12):
            await asyncio.sleep(0.1)
    assert ended == []
