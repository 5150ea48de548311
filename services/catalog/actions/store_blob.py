"""Store an uploaded attachment for its department; look into it at once, so that publishing never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.catalog.blobs import BlobStore
from services.catalog.filetext import Unscannable, attachment_text
from services.catalog.gate import findings, unscannable

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
    size = await blobs.put(content, sha256, limit=limit)
    found = await asyncio.to_thread(_look, blobs, sha256, media_type)
    async with sessions.begin() as session:
        await session.execute(
            text(
                "INSERT INTO catalog.blob (department, sha256, size, media_type, findings, uploaded_at) "
                "VALUES (:department, :sha256, :size, :media_type, to_jsonb(CAST(:found AS text[])), :now) "
                "ON CONFLICT (department, sha256) DO UPDATE SET uploaded_at = excluded.uploaded_at"
            ),
            {"department": department, "sha256": sha256, "size": size, "media_type": media_type, "found": found, "now": now},
        )
    return {"sha256": sha256, "size": size}


def _look(blobs: BlobStore, sha256: str, media_type: str | None) -> list[str]:
    """Return the codes of what the gate finds in a text-like attachment; one that cannot be read is held as well."""
    try:
        content = attachment_text(blobs.path(sha256), media_type or "")
    except Unscannable:
        return [unscannable(sha256).code]
    return sorted({finding.code for finding in findings("", None, None, {sha256: content})}) if content else []
