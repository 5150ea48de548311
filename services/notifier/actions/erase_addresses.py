"""What is no longer needed about people is deleted."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.rules import CONFIRM_WITHIN, ERASE_AFTER
from services.notifier.tables import (
    attempt,
    delivery,
    letter,
    notice,
    subscriber,
    subscription,
    webhook,
)

KEEP_CONTENT = timedelta(days=30)
"""How long the words of a notice stay after it was made, and the log of calls."""


async def erase_addresses(session: AsyncSession, *, now: datetime) -> int:
    """Delete addresses 28 days after leaving and requests that nobody confirmed in 7; return how many addresses.

    The empty row of somebody who left stays: it keeps a notice from being sent twice.
    """
    gone = await session.scalars(
        update(subscriber)
        .where(subscriber.c.left_at <= now - ERASE_AFTER, subscriber.c.address.is_not(None))
        .values(address=None, address_key=None, token_sha256=None, erased_at=now)
        .returning(subscriber.c.subscriber_id)
    )
    people = gone.all()
    await session.execute(delete(subscription).where(subscription.c.subscriber_id.in_(people)))
    await session.execute(delete(letter).where(letter.c.subscriber_id.in_(people)))
    await session.execute(delete(webhook).where(webhook.c.subscriber_id.in_(people)))
    await session.execute(delete(attempt).where(attempt.c.at <= now - KEEP_CONTENT))
    await session.execute(delete(letter).where(letter.c.expires_at <= now))
    unasked = (subscription.c.confirmed_at.is_(None)) & (
        subscription.c.created_at <= now - CONFIRM_WITHIN
    )
    await session.execute(delete(subscription).where(unasked))
    strangers = await session.execute(
        delete(subscriber)
        .where(
            subscriber.c.confirmed_at.is_(None),
            subscriber.c.created_at <= now - CONFIRM_WITHIN,
            ~exists(select(1).where(subscription.c.subscriber_id == subscriber.c.subscriber_id)),
            ~exists(select(1).where(letter.c.subscriber_id == subscriber.c.subscriber_id)),
        )
        .returning(subscriber.c.subscriber_id)
    )
    await _empty_notices(session, now)
    return len(people) + len(strangers.all())


async def _empty_notices(session: AsyncSession, now: datetime) -> None:
    waits = exists(
        select(1).where(
            delivery.c.notice_id == notice.c.notice_id,
            delivery.c.state.in_(("pending", "deferred", "sending")),
        )
    )
    old = (notice.c.created_at <= now - KEEP_CONTENT) & notice.c.content.is_not(None)
    await session.execute(update(notice).where(old, ~waits).values(content=None))
