"""After a restore nobody knows what left the house between the backup and the loss."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import delivery, webhook


async def settle_restored(session: AsyncSession) -> int:
    """Settle everything that waits as unknown, mails and webhooks alike, so that nothing is sent twice; return how many.

    It belongs between putting the tables back and starting the service: whoever restores calls it. The owner of a
    webhook can still send a message again by hand.
    """
    settled = await session.execute(
        update(delivery)
        .where(delivery.c.state.in_(("pending", "deferred", "sending")))
        .values(
            state="unknown",
            reason="restored from a backup",
            leased_until=None,
            generation=delivery.c.generation + 1,
        )
        .returning(delivery.c.delivery_id)
    )
    await session.execute(update(webhook).values(leased_until=None))
    return len(settled.all())
