"""A person or a webhook leaves: one thing, several, or everything."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.tick_clock import tick_clock
from services.notifier.tables import subscriber, subscription


async def remove_subscriptions(
    session: AsyncSession,
    person: UUID,
    which: Collection[UUID] | None,
    *,
    now: datetime,
    because: str = "unsubscribed",
) -> int:
    """End *which* of a person's subscriptions (None: all), return how many; with the last one the person has left.

    What was queued for them is not sent any more, except a mail that is just being handed over.
    """
    mine = (subscription.c.subscriber_id == person) & subscription.c.ended_at.is_(None)
    clock = await tick_clock(session)
    wanted = mine if which is None else mine & subscription.c.subscription_id.in_(which)
    ended = await session.execute(
        update(subscription)
        .where(wanted)
        .values(ended_at=now, clock=clock)
        .returning(subscription.c.subscription_id)
    )
    living = exists(select(1).where(mine, subscription.c.confirmed_at.is_not(None)))
    await session.execute(
        update(subscriber)
        .where(subscriber.c.subscriber_id == person, subscriber.c.left_at.is_(None), ~living)
        .values(left_at=now, left_because=because)
    )
    return len(ended.all())
