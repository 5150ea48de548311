"""One leader among several copies, by a PostgreSQL advisory lock held on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
import structlog

from shared.db import lock_key

log = structlog.get_logger()

PULSE = 2.0
"""Seconds between looks whether the lock's connection still lives."""


def plain_url(url: str) -> str:
    """Return SQLAlchemy's address of a database as libpq reads it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


async def lead(database_url: str, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run *work* while this copy holds the lock called *name*; stand by otherwise. Runs until cancelled.

    A lost connection is a lost leadership: *work* is cancelled, and another copy may already lead.
    """
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                plain_url(database_url),
                autocommit=True,
                connect_timeout=5,
                application_name=f"lead {name}",
            )
        except psycopg.Error as error:
            log.warning("leadership_unreachable", service=name, reason=type(error).__name__)
            await asyncio.sleep(1)
            continue
        try:
            await connection.execute("SELECT pg_advisory_lock(%s)", (lock_key(f"lead {name}"),))
            log.info("leads", service=name)
            await _while_alive(connection, work)
        except psycopg.Error as error:
            log.warning("leadership_lost", service=name, reason=type(error).__name__)
        finally:
            await connection.close()
        await asyncio.sleep(1)


async def _while_alive(
    connection: psycopg.AsyncConnection[tuple[object, ...]], work: Callable[[], Awaitable[None]]
) -> None:
    task = asyncio.ensure_future(work())
    try:
        while not task.done():
            await asyncio.wait([task], timeout=PULSE)
            await connection.execute("SELECT 1")
        task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
