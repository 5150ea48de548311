"""Ends the process when its event loop has not ticked for 15 seconds: a supervisor starts it again.

A thread watches, for whatever hangs the loop hangs every task in it as well.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger()

STUCK = 15.0
"""Seconds without a tick after which the process ends itself."""
EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""


@asynccontextmanager
async def watched(
    name: str, *, stuck: float = STUCK, end: Callable[[int], None] = os._exit
) -> AsyncIterator[None]:
    """Watch the running loop for as long as the block runs."""
    ticked = [time.monotonic()]
    over = threading.Event()

    async def tick() -> None:
        while True:
            ticked[0] = time.monotonic()
            await asyncio.sleep(min(1.0, stuck / 4))

    def watch() -> None:
        while not over.wait(min(1.0, stuck / 4)):
            if time.monotonic() - ticked[0] > stuck:
                log.error("loop_stuck", service=name, seconds=stuck)
                end(EXIT_CODE)
                return

    ticking = asyncio.create_task(tick())
    threading.Thread(target=watch, name=f"watchdog {name}", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        ticking.cancel()
