"""Before its first use, and after it was stopped, a receiver is asked whether it wants to be called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.rules import DROPPED, LinkNotValid
from services.notifier.tables import attempt, subscriber, webhook
from services.notifier.webhooks import (
    CHALLENGE_PAUSE,
    CHALLENGES_A_DAY,
    CHALLENGES_OF_A_HOST,
    TooOften,
)
from shared.db import lock_key


@dataclass(frozen=True)
class Question:
    """A question that may be asked now; its attempt stands in the log already."""

    attempt_id: int
    subscriber_id: UUID
    url: str
    secrets: tuple[str, ...]


async def ask_webhook(session: AsyncSession, person: UUID, *, now: datetime) -> Question:
    """Note that *person*'s receiver is about to be asked, or refuse: nobody is to be flooded by our questions.

    What the operator has dropped is not asked again. At most one in ten seconds and twenty a day for a webhook, thirty an hour for a host.
    """
    row = (
        await session.execute(
            select(subscriber.c.address, webhook.c.secret, webhook.c.host)
            .join(webhook, webhook.c.subscriber_id == subscriber.c.subscriber_id)
            .where(
                subscriber.c.subscriber_id == person,
                subscriber.c.address.is_not(None),
                subscriber.c.left_because.is_distinct_from(DROPPED),
            )
        )
    ).one_or_none()
    if row is None:
        raise LinkNotValid
    await session.execute(select(func.pg_advisory_xact_lock(lock_key(f"notifier host {row.host}"))))
    await _refuse_flood(session, person, row.host, now)
    noted = await session.scalar(
        insert(attempt).values({"subscriber_id": person, "at": now}).returning(attempt.c.attempt_id)
    )
    if noted is None:
        raise RuntimeError("an insert returns its row")
    return Question(noted, person, row.address, (row.secret,))


async def _refuse_flood(session: AsyncSession, person: UUID, host: str, now: datetime) -> None:
    questions = select(attempt.c.at).where(attempt.c.delivery_id.is_(None))
    own = questions.where(attempt.c.subscriber_id == person, attempt.c.at > now - timedelta(days=1))
    times = (await session.scalars(own)).all()
    if len(times) >= CHALLENGES_A_DAY or any(at > now - CHALLENGE_PAUSE for at in times):
        raise TooOften
    same_host = (
        select(func.count())
        .select_from(attempt)
        .join(webhook, webhook.c.subscriber_id == attempt.c.subscriber_id)
        .where(
            attempt.c.delivery_id.is_(None),
            attempt.c.at > now - timedelta(hours=1),
            webhook.c.host == host,
        )
    )
    if (await session.scalar(same_host) or 0) >= CHALLENGES_OF_A_HOST:
        raise TooOften
