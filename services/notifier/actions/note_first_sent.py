"""The first mail about a notice has left: the last step of a version's delivery passport."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import notice


@dataclass(frozen=True)
class FirstSent:
    """The first mail about a notice has left the house."""

    item_id: UUID
    notice_version: int
    department: str
    at: datetime
    trace: str | None = None
    """The `traceparent` of the event that brought the notice."""


async def note_first_sent(
    session: AsyncSession, notice_id: UUID, *, now: datetime
) -> FirstSent | None:
    """Note when the first mail about this notice left; None when that was known already."""
    row = (
        await session.execute(
            update(notice)
            .where(notice.c.notice_id == notice_id, notice.c.first_sent_at.is_(None))
            .values(first_sent_at=now)
            .returning(
                notice.c.item_id,
                notice.c.notice_version,
                notice.c.department,
                notice.c.traceparent,
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return FirstSent(row.item_id, row.notice_version, row.department, now, row.traceparent)
