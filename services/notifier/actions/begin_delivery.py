"""A mail is about to be handed over: that is committed before DATA."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.claim_deliveries import LEASE, Claim
from services.notifier.tables import delivery, subscriber


async def begin_delivery(session: AsyncSession, claim: Claim, *, now: datetime) -> bool:
    """Mark the delivery as being sent; False when it is no longer ours, was called off, or its reader has left."""
    present = select(subscriber.c.subscriber_id).where(
        subscriber.c.subscriber_id == claim.subscriber_id, subscriber.c.left_at.is_(None)
    )
    marked = await session.execute(
        update(delivery)
        .where(
            delivery.c.delivery_id == claim.delivery_id,
            delivery.c.generation == claim.generation,
            delivery.c.state.in_(("pending", "deferred")),
            or_(delivery.c.letter_id.is_not(None), delivery.c.subscriber_id.in_(present)),
        )
        .values(
            state="sending",
            reason=None,
            attempts=delivery.c.attempts + 1,
            leased_until=now + LEASE,
            first_tried_at=func.coalesce(delivery.c.first_tried_at, now),
        )
        .returning(delivery.c.delivery_id)
    )
    return marked.scalar() is not None
