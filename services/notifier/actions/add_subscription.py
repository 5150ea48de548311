"""A person follows one thing more on their own page; the secret link is the proof that they may."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.tick_clock import tick_clock
from services.notifier.rules import MAX_SUBSCRIPTIONS, Target, TooManySubscriptions
from services.notifier.tables import subscriber, subscription


async def add_subscription(
    session: AsyncSession, person: UUID, target: Target, *, now: datetime
) -> None:
    """Follow one thing more, from now on; what waited for confirmation is thereby confirmed.

    A webhook that was not verified yet waits; one that was stopped stays so.
    """
    row = (
        await session.execute(
            select(subscriber.c.channel, subscriber.c.confirmed_at).where(
                subscriber.c.subscriber_id == person
            )
        )
    ).one()
    verified = row.channel == "mail" or row.confirmed_at is not None
    begins = now if verified else None
    mine = (subscription.c.subscriber_id == person) & subscription.c.ended_at.is_(None)
    if (await session.scalar(select(func.count()).where(mine)) or 0) >= MAX_SUBSCRIPTIONS:
        raise TooManySubscriptions
    clock = await tick_clock(session)
    wanted = {
        "subscriber_id": person,
        "department": target.department,
        "catalogue": target.catalogue,
        "phrase": target.phrase,
        "created_at": now,
        "confirmed_at": begins,
        "clock": clock,
    }
    await session.execute(insert(subscription).values(wanted).on_conflict_do_nothing())
    if begins is None:
        return
    await session.execute(
        update(subscription)
        .where(mine, *_same(target), subscription.c.confirmed_at.is_(None))
        .values(confirmed_at=now, clock=clock)
    )
    await session.execute(
        update(subscriber)
        .where(
            subscriber.c.subscriber_id == person,
            (subscriber.c.channel == "mail") | (subscriber.c.left_because == "unsubscribed"),
        )
        .values(
            confirmed_at=func.coalesce(subscriber.c.confirmed_at, now),
            left_at=None,
            left_because=None,
        )
    )


def _same(target: Target) -> tuple[ColumnElement[bool], ...]:
    c = subscription.c
    return (
        c.department == target.department,
        c.catalogue == target.catalogue,
        c.phrase == target.phrase,
    )
