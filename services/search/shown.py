"""What the tables say is shown; reads of the database for the edges."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.search.tables import tables

_shown = tables.shown


async def shown_after(
    session: AsyncSession, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Return the next *limit* rows by item id."""
    query = select(_shown).order_by(_shown.c.item_id).limit(limit)
    if after is not None:
        query = query.where(_shown.c.item_id > after)
    return [
        {
            "item_id": str(row.item_id),
            "version": row.version,
            "sha256": row.sha256,
            "since": row.since.isoformat(),
        }
        for row in await session.execute(query)
    ]


async def shown_in_all(session: AsyncSession) -> tuple[int, int]:
    """Return how many items are shown, and the highest sequence of any."""
    count, sequence = (
        await session.execute(
            select(func.count(), func.coalesce(func.max(_shown.c.sequence), 0)).select_from(_shown)
        )
    ).one()
    return count, sequence
