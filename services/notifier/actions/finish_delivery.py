"""A mail did not leave, or nobody knows whether it did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.claim_deliveries import Claim
from services.notifier.actions.remove_subscriptions import remove_subscriptions
from services.notifier.rules import Verdict, after_verdict
from services.notifier.tables import delivery


async def finish_delivery(
    session: AsyncSession, claim: Claim, verdict: Verdict, *, now: datetime
) -> None:
    """Store what follows from *verdict*; a final refusal ends the address. Who was overtaken stores nothing."""
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
        return
    urgent = row.priority == 0
    outcome = after_verdict(verdict, row.attempts, row.first_tried_at or now, now, urgent=urgent)
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
        because = verdict.reason or "refused"
        await remove_subscriptions(session, claim.subscriber_id, None, now=now, because=because)
