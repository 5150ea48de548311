"""Text that must leave every byte of a service: what is due, and the rewriting of tables and write-ahead log.

An UPDATE or DELETE leaves the old bytes in PostgreSQL's files: dead rows, TOAST, free space of pages, recycled
segments of the write-ahead log. Only a rewritten table and an overwritten log are without them. That takes a lock
on the tables for as long as copying them takes, which is the price of a leak and of nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import psycopg
import structlog
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow
from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Uuid, func, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.arrays import Texts
from shared.db import Database, unreachable
from shared.events.record import ItemState
from shared.leader import locked, plain_url
from shared.session import Statement, together

log = structlog.get_logger()

LOOK = 2.0
"""Seconds between looks whether something is due."""
READERS = 30.0
"""Seconds that a rewriting waits for transactions that may still see the old rows."""

Connection = psycopg.AsyncConnection[TupleRow]
Due = tuple[UUID, int, datetime]
"""A version whose text must go, and when that was noted: noted anew, it is another."""


def purge_table(metadata: MetaData, *more: Column[object]) -> Table:
    """Add to *metadata* the table of versions whose text must go, one row for each, for ever; return it."""
    return Table(
        "purge",
        metadata,
        Column("item_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("done_at", DateTime(timezone=True)),
        *more,
        Index("ix_purge_due", "noted_at", postgresql_where=text("done_at IS NULL")),
    )


def sealed(states: Iterable[ItemState]) -> list[tuple[UUID, int]]:
    """Return the versions of which *states* say that their text is gone."""
    return sorted(
        {
            (state.item_id, entry.version)
            for state in states
            for entry in state.history
            if entry.sealed
        }
    )


async def note_purges(session: AsyncSession, schema: str, states: Iterable[ItemState]) -> None:
    """Note in this transaction what a projection must purge; what was parked of these items is dropped at once."""
    found = sealed(states)
    if found:
        await together(session, *_noting(schema, found))


def _noting(schema: str, found: Sequence[tuple[UUID, int]]) -> list[Statement]:
    ids, versions = zip(*found, strict=True)
    return [
        (
            (
                f"INSERT INTO {schema}.purge (item_id, version) SELECT * FROM unnest(CAST(:ids AS uuid[]), "
                "CAST(:versions AS int[])) ON CONFLICT DO NOTHING"
            ),
            {"ids": list(ids), "versions": list(versions)},
        ),
        (
            (
                f"DELETE FROM {schema}.parked p USING unnest(CAST(:ids AS text[])) AS k(id) "
                "WHERE p.subject LIKE 'record.%.' || k.id "
                "OR (p.subject = 'feed' AND position(convert_to(k.id, 'UTF8') IN p.raw) > 0)"
            ),
            {"ids": Texts(str(one) for one in dict.fromkeys(ids))},
        ),
    ]


@dataclass
class Purger:
    """Does what is due, in one copy of the service at a time; runs until cancelled."""

    db: Database
    tables: Sequence[str]
    """Tables that held text, by their full names; without one neither they nor the log are rewritten."""
    prepare: Callable[[], Awaitable[bool]] | None = None
    """Called first; False: not yet, look again later. What it has done itself it marks as done."""
    prepared: set[Due] = field(default_factory=set)
    """What need not be prepared again when the rewriting is tried again."""

    async def run(self) -> None:
        """Look for ever; what fails is tried again."""
        while True:
            try:
                if await self._due():
                    async with locked(self.db.url, f"purge {self.db.schema}"):
                        await self.purge()
            except Exception as error:
                if unreachable(error):
                    log.warning("purge_waits", service=self.db.schema, reason=type(error).__name__)
                else:
                    log.exception("purge_failed", service=self.db.schema)
            await asyncio.sleep(LOOK)

    async def purge(self) -> int:
        """Purge everything that is due now; return how many versions."""
        due = await self._due()
        if self.prepare is not None and not due <= self.prepared:
            if not await self.prepare():
                return 0
            self.prepared |= due
            due &= await self._due()  # without what was noted meanwhile: nobody has prepared it
        if not due:
            return 0
        if self.tables:
            await rewrite(self.db.url, self.tables)
        ids, versions, noted = zip(*due, strict=True)
        async with self.db.sessions.begin() as session:
            await session.execute(
                text(
                    f"UPDATE {self.db.schema}.purge p SET done_at = now() FROM unnest(CAST(:ids AS uuid[]), "
                    "CAST(:versions AS int[]), CAST(:noted AS timestamptz[])) AS k(id, v, at) "
                    "WHERE p.item_id = k.id AND p.version = k.v AND p.noted_at = k.at"
                ),
                {"ids": list(ids), "versions": list(versions), "noted": list(noted)},
            )
        self.prepared.clear()
        log.info("texts_purged", service=self.db.schema, versions=len(due))
        return len(due)

    async def _due(self) -> set[Due]:
        async with self.db.sessions() as session:
            rows = await session.execute(
                text(
                    f"SELECT item_id, version, noted_at FROM {self.db.schema}.purge WHERE done_at IS NULL"
                )
            )
            return {(row.item_id, row.version, row.noted_at) for row in rows}


async def rewrite(database_url: str, tables: Sequence[str]) -> None:
    """Copy *tables* without their dead rows, and overwrite the write-ahead log that still holds these.

    Raises `TimeoutError` while a transaction is open that may see the old rows.
    """
    connection: Connection = await psycopg.AsyncConnection.connect(
        plain_url(database_url), autocommit=True, connect_timeout=5, application_name="purge"
    )
    async with connection:
        await _unseen(connection)
        await connection.execute("SET lock_timeout = '20s'")
        for table in tables:
            await connection.execute(f"VACUUM (FULL) {table}".encode())
        try:
            await _wash(connection)
        except InsufficientPrivilege:
            log.warning("write_ahead_log_not_washed", service="purge")


async def _unseen(connection: Connection) -> None:
    """Wait until nobody can see what was committed away before now."""
    row = await (await connection.execute("SELECT pg_current_xact_id()::text")).fetchone()
    for _ in range(int(READERS / 0.2)):
        found = await connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_xmin IS NOT NULL AND age(backend_xmin) > age(CAST(%s AS xid8)::xid) LIMIT 1",
            row,
        )
        if await found.fetchone() is None:
            return
        await asyncio.sleep(0.2)
    raise TimeoutError("a transaction is open that may see the old rows")


async def _wash(connection: Connection) -> None:
    """Overwrite every segment of the write-ahead log, the recycled ones included.

    PostgreSQL keeps old segments under names to come, with their bytes. A switch fills the rest of a segment with
    zeros, so as many switches as there are segments leave none of the old bytes. The first one leaves the segment
    that the old bytes may be in: otherwise the last checkpoint would be the one that keeps it for later.
    """
    await connection.execute("SELECT pg_logical_emit_message(false, 'purge', '')")
    await connection.execute("SELECT pg_switch_wal()")
    await connection.execute("CHECKPOINT")
    counted = await connection.execute(
        "SELECT count(*) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'"
    )
    row = await counted.fetchone()
    for _ in range((row[0] if row else 0) + 1):
        await connection.execute("SELECT pg_logical_emit_message(false, 'purge', '')")
        await connection.execute("SELECT pg_switch_wal()")
    await connection.execute("CHECKPOINT")
