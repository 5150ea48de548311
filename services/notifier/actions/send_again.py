"""The owner of a webhook wants one message again: the same one, under the same id."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import delivery, notice, subscriber, webhook
from services.notifier.webhooks import NotToBeSentAgain


async def send_again(
    session: AsyncSession, person: UUID, delivery_id: int, *, now: datetime
) -> None:
    """Queue a message of *person*'s own once more, its tries counted anew; the receiver's pause ends.

    Refused while it is on its way, when its text was withdrawn, and when the receiver is not verified or stopped.
    """
    found = await session.scalar(
        select(delivery.c.delivery_id)
        .join(notice, notice.c.notice_id == delivery.c.notice_id)
        .join(subscriber, subscriber.c.subscriber_id == delivery.c.subscriber_id)
        .where(
            delivery.c.delivery_id == delivery_id,
            delivery.c.subscriber_id == person,
            delivery.c.channel == "webhook",
            delivery.c.state.in_(("sent", "failed", "deferred", "unknown")),
            notice.c.content.is_not(None),
            subscriber.c.confirmed_at.is_not(None),
            subscriber.c.left_at.is_(None),
        )
        .with_for_update(of=delivery)
    )
    if found is None:
        raise NotToBeSentAgain
    await session.execute(
        update(delivery)
        .where(delivery.c.delivery_id == found)
        .values(
            state="pending",
            reason=None,
            attempts=0,
            first_tried_at=None,
            sent_at=None,
            next_at=now,
            leased_until=None,
            generation=delivery.c.generation + 1,
        )
    )
    await session.execute(
        update(webhook).where(webhook.c.subscriber_id == person).values(next_at=now)
    )
