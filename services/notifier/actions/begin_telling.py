"""The first start: from now on is told, what was before counts as told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.links import Links, sha256
from services.notifier.tables import beginning, letter, subscriber


async def begin_telling(session: AsyncSession, *, links: Links, now: datetime) -> None:
    """Note when this notifier began, once for ever; after a change of the key, renew what is stored of the links."""
    await session.execute(insert(beginning).values(started_at=now).on_conflict_do_nothing())
    known = await session.scalar(select(beginning.c.key_sha256).with_for_update())
    if known == links.fingerprint():
        return
    await session.execute(update(beginning).values(key_sha256=links.fingerprint()))
    if known is not None:
        await _renew(session, links)


async def _renew(session: AsyncSession, links: Links) -> None:
    """Let links made with the new key work; those in old mails no longer do."""
    people = await session.scalars(
        select(subscriber.c.subscriber_id).where(subscriber.c.address.is_not(None))
    )
    for person in people.all():
        token = sha256(links.page_token(person))
        await session.execute(
            update(subscriber)
            .where(subscriber.c.subscriber_id == person)
            .values(token_sha256=token)
        )
    for each in (await session.scalars(select(letter.c.letter_id))).all():
        token = sha256(links.letter_token(each))
        await session.execute(
            update(letter).where(letter.c.letter_id == each).values(token_sha256=token)
        )
