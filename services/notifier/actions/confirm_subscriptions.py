"""The owner of the address presses "confirm"."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.tick_clock import tick_clock
from services.notifier.queries import Letter, letter_of
from services.notifier.tables import letter, subscriber, subscription


async def confirm_subscriptions(
    session: AsyncSession, token: str, chosen: Collection[UUID] | None, *, now: datetime
) -> Letter:
    """Let what waits behind this letter begin: all of it, or only *chosen*; what was not chosen is forgotten.

    A second press changes nothing.
    """
    found = await letter_of(session, token, now)
    lock = select(subscriber.c.subscriber_id).where(
        subscriber.c.subscriber_id == found.subscriber_id
    )
    await session.execute(lock.with_for_update())
    found = await letter_of(session, token, now)
    if found.used:
        return found
    waiting = (
        (subscription.c.subscriber_id == found.subscriber_id)
        & subscription.c.confirmed_at.is_(None)
        & subscription.c.ended_at.is_(None)
    )
    if chosen is not None:
        await session.execute(
            update(subscription)
            .where(waiting, subscription.c.subscription_id.not_in(chosen))
            .values(ended_at=now)
        )
    clock = await tick_clock(session)
    begun = await session.execute(
        update(subscription)
        .where(waiting)
        .values(confirmed_at=now, clock=clock)
        .returning(subscription.c.subscription_id)
    )
    await session.execute(
        update(letter)
        .where(letter.c.subscriber_id == found.subscriber_id, letter.c.used_at.is_(None))
        .values(used_at=now)
    )
    if begun.all():
        await _come_back(session, found.subscriber_id, now)
    return found


async def _come_back(session: AsyncSession, person: UUID, now: datetime) -> None:
    await session.execute(
        update(subscriber)
        .where(subscriber.c.subscriber_id == person)
        .values(
            confirmed_at=func.coalesce(subscriber.c.confirmed_at, now),
            left_at=None,
            left_because=None,
        )
    )
