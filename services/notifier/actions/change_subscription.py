"""A person changes what one of their subscriptions follows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.add_subscription import add_subscription
from services.notifier.actions.remove_subscriptions import remove_subscriptions
from services.notifier.rules import Target


async def change_subscription(
    session: AsyncSession, person: UUID, subscription_id: UUID, target: Target, *, now: datetime
) -> None:
    """Follow *target* from now on instead of what *subscription_id* followed."""
    if await remove_subscriptions(session, person, {subscription_id}, now=now):
        await add_subscription(session, person, target, now=now)
