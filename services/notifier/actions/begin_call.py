"""The next message for a receiver: marked as being sent, committed, before anything leaves the house."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.claim_webhooks import LEASE, waiting
from services.notifier.queries import Followed, followed_by
from services.notifier.rules import Notice, stored_notice
from services.notifier.tables import attempt, delivery, notice, subscriber, webhook


@dataclass(frozen=True)
class Call:
    """A message in the hands of one courier; *generation* proves later that it still is."""

    delivery_id: int
    generation: int
    attempt_id: int
    subscriber_id: UUID
    url: str
    secrets: tuple[str, ...]
    notice_id: UUID
    item_id: UUID
    notice_version: int
    noticed_at: datetime
    content: Notice
    targets: Sequence[Followed]


async def begin_call(session: AsyncSession, person: UUID, *, now: datetime) -> Call | None:
    """Mark the next due message for *person* as being sent and return it, None when nothing is due.

    What was tried less often comes first, so that a message on which the receiver chokes holds up no other. What has become pointless meanwhile is settled on the way.
    """
    followed = await followed_by(session, person)
    while (row := await _next(session, person, now)) is not None:
        targets = [each for each in followed if each.subscription_id in row.because]
        content, pointless = stored_notice(row.content), _pointless(row.content, targets)
        if content and pointless is None:
            return await _begin(session, row, content, targets, now)
        await session.execute(
            update(delivery)
            .where(delivery.c.delivery_id == row.delivery_id)
            .values(state="failed", reason=pointless or "not built")
        )
    return None


def _pointless(content: Any, targets: Sequence[Followed]) -> str | None:
    if not content:
        return "withdrawn before it was sent"
    return None if targets else "unsubscribed"


async def _next(session: AsyncSession, person: UUID, now: datetime) -> Any:
    found = await session.execute(
        select(
            delivery.c.delivery_id,
            delivery.c.generation,
            delivery.c.because,
            delivery.c.subscriber_id,
            notice.c.notice_id,
            notice.c.item_id,
            notice.c.notice_version,
            notice.c.noticed_at,
            notice.c.content,
            subscriber.c.address,
            webhook.c.secret,
            webhook.c.earlier_secret,
            webhook.c.earlier_until,
        )
        .join(notice, notice.c.notice_id == delivery.c.notice_id)
        .join(subscriber, subscriber.c.subscriber_id == delivery.c.subscriber_id)
        .join(webhook, webhook.c.subscriber_id == delivery.c.subscriber_id)
        .where(
            waiting(now),
            delivery.c.subscriber_id == person,
            webhook.c.next_at <= now,
            subscriber.c.left_at.is_(None),
        )
        .order_by(delivery.c.priority, delivery.c.attempts, delivery.c.delivery_id)
        .limit(1)
        .with_for_update(of=delivery)
    )
    return found.one_or_none()


async def _begin(
    session: AsyncSession, row: Any, content: Notice, targets: Sequence[Followed], now: datetime
) -> Call:
    lease = {"leased_until": now + LEASE}
    await session.execute(
        update(delivery)
        .where(delivery.c.delivery_id == row.delivery_id)
        .values(
            state="sending",
            reason=None,
            attempts=delivery.c.attempts + 1,
            generation=row.generation + 1,
            first_tried_at=func.coalesce(delivery.c.first_tried_at, now),
            **lease,
        )
    )
    await session.execute(
        update(webhook).where(webhook.c.subscriber_id == row.subscriber_id).values(lease)
    )
    log = {"subscriber_id": row.subscriber_id, "delivery_id": row.delivery_id, "at": now}
    noted = await session.scalar(insert(attempt).values(log).returning(attempt.c.attempt_id))
    earlier = row.earlier_secret if row.earlier_until and row.earlier_until > now else None
    return Call(
        delivery_id=row.delivery_id,
        generation=row.generation + 1,
        attempt_id=noted or 0,
        subscriber_id=row.subscriber_id,
        url=row.address,
        secrets=tuple(filter(None, (row.secret, earlier))),
        notice_id=row.notice_id,
        item_id=row.item_id,
        notice_version=row.notice_version,
        noticed_at=row.noticed_at,
        content=content,
        targets=targets,
    )
