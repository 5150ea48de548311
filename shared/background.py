"""Work that runs beside a block and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

AGAIN = 2.0
"""Seconds after which what has not ended is cancelled once more."""


@asynccontextmanager
async def background(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run *works* beside what happens inside; at its end all are cancelled and waited for, and an error of theirs raised."""
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        yield
    finally:
        await end(*tasks)


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel *tasks*, in their order, until they have ended; raise an error of theirs.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, on which psycopg and nats-py wait, loses a cancellation that
    comes together with what it waits for, and a loop then goes on for ever.
    """
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=AGAIN)
    for task in tasks:
        if not task.cancelled():
            task.result()
