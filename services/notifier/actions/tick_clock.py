"""The count of changes to subscriptions, by which every copy knows that its matcher is old."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import beginning


async def tick_clock(session: AsyncSession) -> int:
    """Return the number of this change; its row lock makes changes commit in the order of their numbers."""
    clock: int | None = await session.scalar(
        update(beginning).values(clock=beginning.c.clock + 1).returning(beginning.c.clock)
    )
    if clock is None:
        raise RuntimeError("begin_telling comes first")
    return clock
