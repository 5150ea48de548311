"""Somebody types an address into the form: a letter asks its owner whether it is meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.links import Links, sha256
from services.notifier.rules import (
    CONFIRM_WITHIN,
    LETTER_PAUSE,
    LETTERS_A_DAY,
    MAX_SUBSCRIPTIONS,
    Target,
    TooBusy,
    address_key,
)
from services.notifier.tables import delivery, letter, subscriber, subscription
from shared.db import lock_key
from shared.web.dates import Lang


@dataclass(frozen=True)
class Wish:
    """What a form says; without a target only the link to one's own page is asked for."""

    address: str
    language: Lang
    target: Target | None


async def request_subscription(
    session: AsyncSession,
    wish: Wish,
    *,
    links: Links,
    letters_per_minute: int,
    ids: tuple[UUID, UUID],
    now: datetime,
) -> None:
    """Queue a letter, or quietly none; nothing that a caller sees depends on the address.

    *ids* are those of a new subscriber and a new letter. At most one unanswered letter per address in ten
    minutes and five a day; what is asked for meanwhile waits behind the same link.
    """
    await _refuse_rush(session, letters_per_minute, now)
    key = address_key(wish.address)
    await session.execute(select(func.pg_advisory_xact_lock(lock_key(f"notifier address {key}"))))
    person = await session.scalar(
        select(subscriber.c.subscriber_id).where(subscriber.c.address_key == key)
    )
    if person is None:
        if wish.target is None:
            return
        person = ids[0]
        await _add_person(session, person, wish, key, links, now)
    if wish.target:
        await _ask_for(session, person, wish.target, now)
    if await _may_write(session, person, now):
        await _write(session, person, ids[1], links, now)


async def _refuse_rush(session: AsyncSession, letters_per_minute: int, now: datetime) -> None:
    recent = select(func.count()).where(letter.c.created_at > now - timedelta(minutes=1))
    if (await session.scalar(recent) or 0) >= letters_per_minute:
        raise TooBusy


async def _add_person(
    session: AsyncSession, person: UUID, wish: Wish, key: str, links: Links, now: datetime
) -> None:
    row = {
        "subscriber_id": person,
        "address": wish.address,
        "address_key": key,
        "token_sha256": sha256(links.page_token(person)),
        "language": wish.language,
        "created_at": now,
    }
    await session.execute(insert(subscriber).values(row))


async def _ask_for(session: AsyncSession, person: UUID, target: Target, now: datetime) -> None:
    mine = (subscription.c.subscriber_id == person) & subscription.c.ended_at.is_(None)
    if (await session.scalar(select(func.count()).where(mine)) or 0) >= MAX_SUBSCRIPTIONS:
        return
    row = {
        "subscriber_id": person,
        "department": target.department,
        "catalogue": target.catalogue,
        "phrase": target.phrase,
        "created_at": now,
    }
    await session.execute(insert(subscription).values(row).on_conflict_do_nothing())


async def _may_write(session: AsyncSession, person: UUID, now: datetime) -> bool:
    unanswered = select(letter.c.created_at).where(
        letter.c.subscriber_id == person,
        letter.c.used_at.is_(None),
        letter.c.created_at > now - timedelta(days=1),
    )
    times = (await session.scalars(unanswered)).all()
    return len(times) < LETTERS_A_DAY and all(at <= now - LETTER_PAUSE for at in times)


async def _write(
    session: AsyncSession, person: UUID, letter_id: UUID, links: Links, now: datetime
) -> None:
    waiting = select(subscription.c.subscription_id).where(
        subscription.c.subscriber_id == person,
        subscription.c.confirmed_at.is_(None),
        subscription.c.ended_at.is_(None),
    )
    kind = "confirm" if await session.scalar(waiting.limit(1)) else "link"
    row = {
        "letter_id": letter_id,
        "subscriber_id": person,
        "kind": kind,
        "token_sha256": sha256(links.letter_token(letter_id)),
        "created_at": now,
        "expires_at": now + CONFIRM_WITHIN,
    }
    await session.execute(insert(letter).values(row))
    mail = {
        "letter_id": letter_id,
        "subscriber_id": person,
        "priority": 0,
        "created_at": now,
        "next_at": now,
    }
    await session.execute(insert(delivery).values(mail))
