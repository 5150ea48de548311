"""Decide about what another body's item says of one's own: confirm that it acts, or refuse it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.decide_waiting import NothingWaits, ReasonMissing


async def decide_relation(
    session: AsyncSession,
    number: int,
    *,
    approve: bool,
    by: str,
    reason: str,
    now: datetime,
) -> str:
    """Record the decision and return the target; its validity follows within a moment.

    Raises `NothingWaits`, `ReasonMissing`.
    """
    if not reason.strip():
        raise ReasonMissing
    row = (
        await session.execute(
            text(
                "UPDATE catalog.relation SET decision = :decision, decided_at = :now, decided_by = :by, reason = :reason "
                "WHERE number = :number AND decision IS NULL RETURNING target_department, target_source_id"
            ),
            {
                "decision": "confirmed" if approve else "refused",
                "now": now,
                "by": by,
                "reason": reason.strip(),
                "number": number,
            },
        )
    ).one_or_none()
    if row is None:
        raise NothingWaits(f"r{number}")
    await session.execute(
        text("INSERT INTO catalog.unsettled (department, source_id) VALUES (:d, :s)"),
        {"d": row.target_department, "s": row.target_source_id},
    )
    return f"{row.target_department}/{row.target_source_id}"
