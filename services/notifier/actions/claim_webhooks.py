"""A courier takes receivers for itself: one call at a time to each, so that a slow one holds up no other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import delivery, subscriber, webhook

LEASE = timedelta(minutes=1)
"""How long a receiver is held for one call; longer than any call takes."""


def waiting(now: datetime) -> ColumnElement[bool]:
    """Match the webhook deliveries that are due."""
    return (
        (delivery.c.channel == "webhook")
        & delivery.c.state.in_(("pending", "deferred"))
        & (delivery.c.next_at <= now)
    )


async def claim_webhooks(session: AsyncSession, *, limit: int, now: datetime) -> Sequence[UUID]:
    """Lease up to *limit* receivers for which something is due, the longest waiting first; others skip them."""
    due = (
        select(webhook.c.subscriber_id)
        .join(subscriber, subscriber.c.subscriber_id == webhook.c.subscriber_id)
        .where(
            webhook.c.next_at <= now,
            or_(webhook.c.leased_until.is_(None), webhook.c.leased_until <= now),
            subscriber.c.confirmed_at.is_not(None),
            subscriber.c.left_at.is_(None),
            exists(
                select(1).where(delivery.c.subscriber_id == webhook.c.subscriber_id, waiting(now))
            ),
        )
        .order_by(webhook.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=webhook)
    )
    claimed = await session.scalars(
        update(webhook)
        .where(webhook.c.subscriber_id.in_(due.scalar_subquery()))
        .values(leased_until=now + LEASE)
        .returning(webhook.c.subscriber_id)
    )
    return claimed.all()


async def release_webhook(session: AsyncSession, person: UUID) -> None:
    """Let others take this receiver."""
    await session.execute(
        update(webhook).where(webhook.c.subscriber_id == person).values(leased_until=None)
    )
