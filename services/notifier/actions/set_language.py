"""A person chooses the language of their mails and pages."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import subscriber
from shared.web.dates import Lang


async def set_language(session: AsyncSession, person: UUID, language: Lang) -> None:
    """Write to this person in *language* from the next mail on."""
    await session.execute(
        update(subscriber).where(subscriber.c.subscriber_id == person).values(language=language)
    )
