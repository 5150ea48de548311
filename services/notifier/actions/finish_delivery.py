"""What became of one mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.claim_deliveries import Claim
from services.notifier.actions.remove_subscriptions import remove_subscriptions
from services.notifier.rules import Verdict, after_verdict
from services.notifier.tables import delivery, notice


@dataclass(frozen=True)
class FirstSent:
    """The first mail about a notice has left the house."""

    item_id: UUID
    notice_version: int
    department: str
    at: datetime


async def finish_delivery(
    session: AsyncSession, claim: Claim, verdict: Verdict, *, now: datetime
) -> FirstSent | None:
    """Store *verdict*; say when it was the first mail about its notice. A final refusal ends the address."""
    row = (
        await session.execute(
            select(delivery.c.attempts, delivery.c.first_tried_at, delivery.c.priority)
            .where(
                delivery.c.delivery_id == claim.delivery_id,
                delivery.c.generation == claim.generation,
            )
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        return None
    outcome = after_verdict(
        verdict, row.attempts, row.first_tried_at or now, now, urgent=row.priority == 0
    )
    values: dict[str, Any] = {
        "state": outcome.state,
        "reason": outcome.reason,
        "leased_until": None,
        "sent_at": now if outcome.state == "sent" else None,
    }
    if outcome.next_at:
        values["next_at"] = outcome.next_at
    await session.execute(
        update(delivery).where(delivery.c.delivery_id == claim.delivery_id).values(values)
    )
    if verdict.ends_address:
        await remove_subscriptions(
            session, claim.subscriber_id, None, now=now, because=verdict.reason or "refused"
        )
    return await _first_sent(session, claim, now) if outcome.state == "sent" else None


async def _first_sent(session: AsyncSession, claim: Claim, now: datetime) -> FirstSent | None:
    if claim.notice_id is None:
        return None
    row = (
        await session.execute(
            update(notice)
            .where(notice.c.notice_id == claim.notice_id, notice.c.first_sent_at.is_(None))
            .values(first_sent_at=now)
            .returning(notice.c.item_id, notice.c.notice_version, notice.c.department)
        )
    ).one_or_none()
    return FirstSent(row.item_id, row.notice_version, row.department, now) if row else None
