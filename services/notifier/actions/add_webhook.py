"""Somebody enters the URL of a program that wants to be told; nothing is sent there before it was verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.add_subscription import add_subscription
from services.notifier.links import Links, sha256
from services.notifier.rules import Target, TooBusy
from services.notifier.tables import subscriber, webhook
from services.notifier.webhooks import NEW_A_MINUTE
from shared.web.dates import Lang


@dataclass(frozen=True)
class NewWebhook:
    """What a form or a command says."""

    url: str
    host: str
    secret: str
    language: Lang
    target: Target


async def add_webhook(
    session: AsyncSession, new: NewWebhook, *, person: UUID, links: Links, now: datetime
) -> None:
    """Store the webhook as the new subscriber *person*, its first subscription waiting until it is verified."""
    await _refuse_rush(session, now)
    row = {
        "subscriber_id": person,
        "channel": "webhook",
        "address": new.url,
        "address_key": str(person),
        "token_sha256": sha256(links.page_token(person)),
        "language": new.language,
        "created_at": now,
    }
    await session.execute(insert(subscriber).values(row))
    its = {"subscriber_id": person, "host": new.host, "secret": new.secret, "next_at": now}
    await session.execute(insert(webhook).values(its))
    await add_subscription(session, person, new.target, now=now)


async def _refuse_rush(session: AsyncSession, now: datetime) -> None:
    fresh = select(func.count()).where(
        subscriber.c.channel == "webhook", subscriber.c.created_at > now - timedelta(minutes=1)
    )
    if (await session.scalar(fresh) or 0) >= NEW_A_MINUTE:
        raise TooBusy
