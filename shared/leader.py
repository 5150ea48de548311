"""One leader among several copies, by a PostgreSQL advisory lock held on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import structlog
from psycopg.rows import TupleRow

from shared.background import end
from shared.db import lock_key

log = structlog.get_logger()

Connection = psycopg.AsyncConnection[TupleRow]

PULSE = 2.0
"""Seconds between looks whether the lock's connection still lives."""


def plain_url(url: str) -> str:
    """Return SQLAlchemy's address of a database as libpq reads it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


@asynccontextmanager
async def holding(database_url: str, lock: str, *, called: str) -> AsyncIterator[Connection]:
    """Hold the advisory lock *lock*, once no other copy does, on a connection of its own that PostgreSQL shows as *called*.

    Raises `psycopg.Error`. What is done on the connection itself ends with the leadership when it is lost.
    """
    connection: Connection = await psycopg.AsyncConnection.connect(
        plain_url(database_url), autocommit=True, connect_timeout=5, application_name=called
    )
    try:
        await connection.execute("SELECT pg_advisory_lock(%s)", (lock_key(lock),))
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def locked(database_url: str, name: str) -> AsyncIterator[None]:
    """Hold the lock called *name*, once no other copy does; raises `ConnectionError` without a database."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(holding(database_url, name, called=f"lock {name}"))
        except psycopg.Error as error:
            raise ConnectionError(str(error)) from error
        yield


async def lead(database_url: str, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run *work* while this copy holds the lock called *name*; stand by otherwise. Runs until cancelled.

    A lost connection is a lost leadership: *work* is cancelled, and another copy may already lead.
    """
    lock = f"lead {name}"
    while True:
        try:
            async with holding(database_url, lock, called=lock) as connection:
                log.info("leads", service=name)
                await _while_alive(connection, work)
        except psycopg.Error as error:
            log.warning("leadership_lost", service=name, reason=type(error).__name__)
        await asyncio.sleep(1)


async def _while_alive(connection: Connection, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.ensure_future(work())
    try:
        while not task.done():
            await asyncio.wait([task], timeout=PULSE)
            await connection.execute("SELECT 1")
        task.result()
    finally:
        await end(task)
