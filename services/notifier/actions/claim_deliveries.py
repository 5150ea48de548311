"""A worker takes waiting mails for itself; webhooks are taken by receiver: `claim_webhooks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.queries import Followed
from services.notifier.rules import Notice, Target, stored_notice
from services.notifier.tables import delivery, letter, notice, subscriber, subscription
from shared.web.dates import Lang

LEASE = timedelta(minutes=3)
"""How long a worker may hold a delivery; longer than any try to send one."""


@dataclass(frozen=True)
class Claim:
    """A delivery in the hands of one worker; *generation* proves later that it still is."""

    delivery_id: int
    generation: int
    subscriber_id: UUID
    address: str | None
    language: Lang
    left: bool
    notice_id: UUID | None
    notice_at: datetime | None
    content: Notice | None
    letter_id: UUID | None
    letter_kind: str | None
    letter_at: datetime | None
    targets: Sequence[Followed]
    """What it is for: the matching subscriptions that still count, or what waits for confirmation."""
    unreadable: bool = False
    """The notice is in a form that this version does not know."""

    @property
    def pointless(self) -> str | None:
        """Return why this must not be sent any more, or None."""
        if self.address is None:
            return "address erased"
        if self.notice_id is None:
            return None if self.letter_kind == "link" or self.targets else "nothing to confirm"
        if self.left:
            return "subscriber left"
        if not self.targets:
            return "unsubscribed"
        if self.unreadable:
            return "not built"
        return None if self.content else "withdrawn before it was sent"


async def claim_deliveries(session: AsyncSession, *, limit: int, now: datetime) -> list[Claim]:
    """Lease up to *limit* deliveries that are due, the urgent first; other workers skip them."""
    due = (
        select(delivery.c.delivery_id)
        .where(
            delivery.c.channel == "mail",
            delivery.c.state.in_(("pending", "deferred")),
            delivery.c.next_at <= now,
            or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= now),
        )
        .order_by(delivery.c.priority, delivery.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    leased = await session.execute(
        update(delivery)
        .where(delivery.c.delivery_id.in_(due.scalar_subquery()))
        .values(leased_until=now + LEASE, generation=delivery.c.generation + 1)
        .returning(delivery.c.delivery_id)
    )
    ids = list(leased.scalars())
    return await _read(session, ids) if ids else []


async def _read(session: AsyncSession, ids: list[int]) -> list[Claim]:
    d = delivery.c
    rows = (
        await session.execute(
            select(
                d.delivery_id,
                d.generation,
                d.subscriber_id,
                d.because,
                d.notice_id,
                d.letter_id,
                subscriber.c.address,
                subscriber.c.language,
                subscriber.c.left_at,
                notice.c.created_at.label("notice_at"),
                notice.c.content,
                letter.c.kind,
                letter.c.created_at.label("letter_at"),
            )
            .select_from(delivery)
            .join(subscriber, subscriber.c.subscriber_id == d.subscriber_id)
            .outerjoin(notice, notice.c.notice_id == d.notice_id)
            .outerjoin(letter, letter.c.letter_id == d.letter_id)
            .where(d.delivery_id.in_(ids))
            .order_by(d.priority, d.delivery_id)
        )
    ).all()
    living = await _living(session, {row.subscriber_id for row in rows})
    contents: dict[UUID, Notice | None] = {}
    for row in rows:
        if row.content and row.notice_id not in contents:
            contents[row.notice_id] = stored_notice(row.content)
    return [
        Claim(
            delivery_id=row.delivery_id,
            generation=row.generation,
            subscriber_id=row.subscriber_id,
            address=row.address,
            language=row.language,
            left=row.left_at is not None,
            notice_id=row.notice_id,
            notice_at=row.notice_at,
            content=contents.get(row.notice_id),
            letter_id=row.letter_id,
            letter_kind=row.kind,
            letter_at=row.letter_at,
            targets=_targets(
                living.get(row.subscriber_id, ()), row.because, letter=row.letter_id is not None
            ),
            unreadable=bool(row.content) and contents[row.notice_id] is None,
        )
        for row in rows
    ]


def _targets(
    living: Sequence[Followed], because: Sequence[UUID], *, letter: bool
) -> list[Followed]:
    if letter:
        return [each for each in living if each.confirmed_at is None]
    return [each for each in living if each.confirmed_at and each.subscription_id in because]


async def _living(session: AsyncSession, people: set[UUID]) -> Mapping[UUID, Sequence[Followed]]:
    c = subscription.c
    rows = await session.execute(
        select(
            c.subscriber_id, c.subscription_id, c.department, c.catalogue, c.phrase, c.confirmed_at
        )
        .where(c.subscriber_id.in_(people), c.ended_at.is_(None))
        .order_by(c.created_at, c.subscription_id)
    )
    found: dict[UUID, list[Followed]] = {}
    for person, key, dep, cat, phrase, at in rows:
        found.setdefault(person, []).append(Followed(key, Target(dep, cat, phrase), at))
    return found
