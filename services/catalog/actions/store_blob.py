"""Store an uploaded attachment for its department; look into it at once, so that publishing never waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.catalog.blobs import BlobStore
from services.catalog.filetext import Unscannable, attachment_text, word_traces
from services.catalog.gate import findings, unscannable
from shared import failpoints

KEEP_UNREFERENCED = timedelta(days=7)


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
    found: list[str] = []

    def look(arrived: Path) -> None:
        found.extend(_found_in(arrived, sha256, media_type))

    size = await blobs.put(content, sha256, limit, look=look)
    await failpoints.reach("blob.settled")
    async with sessions.begin() as session:
        await session.execute(
            text(
                "INSERT INTO catalog.blob (department, sha256, size, media_type, findings, uploaded_at) "
                "VALUES (:department, :sha256, :size, :media_type, to_jsonb(CAST(:found AS text[])), :now) "
                "ON CONFLICT (department, sha256) DO UPDATE SET uploaded_at = excluded.uploaded_at"
            ),
            {
                "department": department,
                "sha256": sha256,
                "size": size,
                "media_type": media_type,
                "found": found,
                "now": now,
            },
        )
    await failpoints.reach("blob.noted")
    return {"sha256": sha256, "size": size}


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
    """Remove uploads that nothing has referred to for seven days; return how many."""
    async with sessions.begin() as session:
        rows = await session.execute(
            text(
                "DELETE FROM catalog.blob b WHERE NOT referenced AND uploaded_at < :limit AND NOT EXISTS ("
                "SELECT 1 FROM catalog.waiting w WHERE w.decision IS NULL AND w.department = b.department "
                "AND w.event LIKE '%' || b.sha256 || '%') RETURNING sha256"
            ),
            {"limit": now - KEEP_UNREFERENCED},
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
    return len(gone)
