"""Reads for the edges: what is shown, and how the work stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.rules.dirt import TRIES
from services.publisher.tables import dirty, tables, tree


async def shown_after(session: AsyncSession, after: UUID | None, limit: int) -> dict[str, Any]:
    """Return which version of each item readers see, by item id; `next` asks for the following page."""
    shown = tables.shown
    query = select(shown).order_by(shown.c.item_id).limit(limit)
    if after is not None:
        query = query.where(shown.c.item_id > after)
    rows = (await session.execute(query)).all()
    return {
        "shown": [
            {
                "item_id": str(row.item_id),
                "version": row.version,
                "sequence": row.sequence,
                "sha256": row.sha256,
                "since": row.since.isoformat(),
            }
            for row in rows
        ],
        "next": str(rows[-1].item_id) if len(rows) == limit else None,
    }


async def tree_standing(session: AsyncSession, number: int) -> str | None:
    """Return how a tree stands; None once it is removed."""
    return (await session.execute(select(tree.c.standing).where(tree.c.tree_id == number))).scalar()


async def standing(session: AsyncSession, now: datetime) -> dict[str, Any]:
    """Return what waits, what is parked after its last try, and which trees there are."""
    waiting = await session.execute(
        select(
            func.count().filter(dirty.c.tries < TRIES).label("waiting"),
            func.count().filter(dirty.c.tries >= TRIES).label("parked"),
            func.min(dirty.c.created_at).filter(dirty.c.tries < TRIES).label("oldest"),
        )
    )
    row = waiting.one()
    parked = await session.execute(
        select(dirty.c.path, dirty.c.error)
        .where(dirty.c.tries >= TRIES)
        .order_by(dirty.c.path)
        .limit(20)
    )
    trees = await session.execute(select(tree.c.tree_id, tree.c.standing).order_by(tree.c.tree_id))
    return {
        "waiting": row.waiting,
        "oldest_seconds": (now - row.oldest).total_seconds() if row.oldest else 0.0,
        "parked": row.parked,
        "parked_paths": [{"path": one.path, "error": one.error} for one in parked],
        "trees": {str(one.tree_id): one.standing for one in trees},
    }
