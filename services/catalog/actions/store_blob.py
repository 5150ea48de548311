"""Store an uploaded attachment for its department; look into it at once, so that publishing never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.catalog.batch import locking
from services.catalog.blobs import Arrived, BlobStore
from services.catalog.filetext import Unscannable, attachment_text, word_traces
from services.catalog.gate import findings, unscannable
from shared import failpoints
from shared.db import lock_key
from shared.session import Statement, together

KEEP_UNREFERENCED = timedelta(days=7)
_REMOVAL = {"key": lock_key("catalog removes attachments")}
_KEEPING: Statement = ("SELECT pg_advisory_xact_lock_shared(:key)", _REMOVAL)
REMOVING: Statement = ("SELECT pg_advisory_xact_lock(:key)", _REMOVAL)
"""Lets no upload be noted until the transaction ends: taken before one looks which files may go."""


async def store_blob(
    sessions: async_sessionmaker[AsyncSession],
    blobs: BlobStore,
    content: AsyncIterator[bytes],
    *,
    department: str,
    sha256: str,
    media_type: str | None,
    limit: int,
    now: datetime,
) -> dict[str, Any]:
    """Stream *content* into the held area, check it, and note that *department* may refer to it.

    Raises the refusals of `blobs.py` (wrong hash, too large) and of `sniff.py` (wrong kind).
    """
    await failpoints.reach("blob.received")
    async with blobs.arriving(content, sha256, limit) as arrived:
        async with blobs.looking:
            found = await asyncio.to_thread(_found_in, arrived.path, sha256, media_type)
        await blobs.bring(arrived)
        await _note(
            sessions,
            blobs,
            arrived,
            department=department,
            media_type=media_type,
            found=found,
            now=now,
        )
    await failpoints.reach("blob.noted")
    return {"sha256": sha256, "size": arrived.size}


async def _note(
    sessions: async_sessionmaker[AsyncSession],
    blobs: BlobStore,
    arrived: Arrived,
    *,
    department: str,
    media_type: str | None,
    found: list[str],
    now: datetime,
) -> None:
    """Settle the file and note it while nobody removes any: what was there a moment ago may have gone with a leak."""
    async with sessions.begin() as session:
        await together(session, _KEEPING)
        await blobs.settle(arrived)
        await failpoints.reach("blob.settled")
        await session.execute(
            text(
                "INSERT INTO catalog.blob (department, sha256, size, media_type, findings, uploaded_at) "
                "VALUES (:department, :sha256, :size, :media_type, to_jsonb(CAST(:found AS text[])), :now) "
                "ON CONFLICT (department, sha256) DO UPDATE SET uploaded_at = excluded.uploaded_at"
            ),
            {
                "department": department,
                "sha256": arrived.sha256,
                "size": arrived.size,
                "media_type": media_type,
                "found": found,
                "now": now,
            },
        )


def _found_in(place: Path, sha256: str, media_type: str | None) -> list[str]:
    """Return the codes of what the gate finds in a text-like attachment; one that cannot be read is held as well."""
    try:
        content = attachment_text(place, media_type or "")
        traces = word_traces(place) if content else []
    except Unscannable:
        return [unscannable(sha256).code]
    found = findings("", None, None, {sha256: content}) if content else []
    return sorted({*traces, *(finding.code for finding in found)})


async def sweep_blobs(
    sessions: async_sessionmaker[AsyncSession], blobs: BlobStore, *, now: datetime
) -> int:
    """Remove uploads that nothing has referred to for seven days, and what broken ones left; return how many."""
    limit = now - KEEP_UNREFERENCED
    async with sessions.begin() as session:
        _, owners = await together(session, REMOVING, (_OWNERS, {"limit": limit}))
        # Nobody may publish one of these files between our look and its removal.
        await together(session, locking(row.department for row in owners))
        rows = await session.execute(
            text(
                "DELETE FROM catalog.blob b WHERE NOT referenced AND uploaded_at < :limit AND NOT EXISTS ("
                "SELECT 1 FROM catalog.waiting w WHERE w.decision IS NULL AND w.department = b.department "
                "AND w.event LIKE '%' || b.sha256 || '%') RETURNING sha256"
            ),
            {"limit": limit},
        )
        gone = {row[0] for row in rows}
        kept = await session.execute(
            text("SELECT sha256 FROM catalog.blob WHERE sha256 = ANY(:gone)"), {"gone": list(gone)}
        )
        gone -= {row[0] for row in kept}
        for (
            sha256
        ) in gone:  # before the commit: while the files cannot be removed, the rows remember them
            await blobs.remove(sha256)
    return len(gone) + await blobs.sweep(now=now)


_OWNERS = (
    "SELECT DISTINCT department FROM catalog.blob WHERE NOT referenced AND uploaded_at < :limit"
)
