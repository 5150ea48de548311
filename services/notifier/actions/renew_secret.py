"""A webhook gets another secret; for a day both sign, so that the receiver loses nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import webhook
from services.notifier.webhooks import EARLIER_SECRET_FOR


async def renew_secret(session: AsyncSession, person: UUID, secret: str, *, now: datetime) -> None:
    """Sign with *secret* from now on, and for 24 hours with the one before as well."""
    await session.execute(
        update(webhook)
        .where(webhook.c.subscriber_id == person, webhook.c.secret != secret)
        .values(
            earlier_secret=webhook.c.secret,
            earlier_until=now + EARLIER_SECRET_FOR,
            secret=secret,
        )
    )
