"""Mails that were claimed and not tried: the channel is down, or the worker ends."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import case, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.claim_deliveries import Claim
from services.notifier.tables import delivery


async def give_back_deliveries(
    session: AsyncSession, claims: Collection[Claim], *, until: datetime
) -> None:
    """Let others take them from *until* on; a mark "sending" is undone: nothing left the house."""
    d = delivery.c
    marked = d.state == "sending"
    await session.execute(
        update(delivery)
        .where(
            tuple_(d.delivery_id, d.generation).in_(
                [(c.delivery_id, c.generation) for c in claims]
            ),
            d.state.in_(("pending", "deferred", "sending")),
        )
        .values(
            state=case((marked, "pending"), else_=d.state),
            attempts=case((marked, d.attempts - 1), else_=d.attempts),
            next_at=case((d.next_at < until, until), else_=d.next_at),
            leased_until=None,
            generation=d.generation + 1,
        )
    )
