"""After a restore: whoever was to be told before was told, or is not told any more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.settle_restored import settle_restored
from services.notifier.tables import beginning


async def begin_again(session: AsyncSession, *, now: datetime) -> int:
    """Let what was noticed before *now* count as told, and settle what waited to be sent; return how many.

    The notifier that was backed up went on telling afterwards: sending now would tell many people twice
    (decision 0008).
    """
    await session.execute(update(beginning).values(started_at=now))
    return await settle_restored(session)
