"""After a crash: what was being sent is unknown."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import delivery

_CRASHED = "stopped while sending"


async def recover_deliveries(session: AsyncSession, *, now: datetime) -> int:
    """Settle what a dead worker left in `sending`; return how many.

    An urgent one is sent again with the same Message-ID, by which mail programs know a copy; for the others
    no mail is better than two. A webhook goes again too: its id is there for the receiver to know a copy by.
    """
    urgent = (delivery.c.priority == 0) | (delivery.c.channel == "webhook")
    found = await session.execute(
        update(delivery)
        .where(delivery.c.state == "sending", delivery.c.leased_until <= now)
        .values(
            state=case((urgent, "deferred"), else_="unknown"),
            reason=_CRASHED,
            next_at=case((urgent, now), else_=delivery.c.next_at),
            leased_until=None,
            generation=delivery.c.generation + 1,
        )
        .returning(delivery.c.delivery_id)
    )
    return len(found.all())
