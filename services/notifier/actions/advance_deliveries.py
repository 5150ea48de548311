"""One step of a worker: the mail before has left, the next is about to be handed over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.claim_deliveries import LEASE, Claim
from services.notifier.tables import delivery, subscriber


async def advance_deliveries(
    session: AsyncSession, *, sent: Claim | None, begin: Claim | None, now: datetime
) -> bool:
    """Mark *sent* as sent and *begin* as being sent; committed before DATA, by one statement.

    False when *begin* is no longer ours, was called off, or its reader has left.
    """
    values = {
        "sent_id": sent and sent.delivery_id,
        "sent_generation": sent and sent.generation,
        "begin_id": begin and begin.delivery_id,
        "begin_generation": begin and begin.generation,
        "begin_subscriber": begin and begin.subscriber_id,
        "moment": now,
        "lease": now + LEASE,
    }
    return (await session.execute(_STEP, values)).first() is not None


def _ours(which: str) -> ColumnElement[bool]:
    """Match the delivery in hand while no other worker has claimed it; none when its id is null."""
    return (delivery.c.delivery_id == bindparam(f"{which}_id")) & (
        delivery.c.generation == bindparam(f"{which}_generation")
    )


def _step() -> Select[Any]:
    sent = update(delivery).where(_ours("sent"))
    sent = sent.values(state="sent", sent_at=bindparam("moment"), leased_until=None, reason=None)
    present = select(subscriber.c.subscriber_id).where(
        subscriber.c.subscriber_id == bindparam("begin_subscriber"), subscriber.c.left_at.is_(None)
    )
    begun = (
        update(delivery)
        .where(
            _ours("begin"),
            delivery.c.state.in_(("pending", "deferred")),
            or_(delivery.c.letter_id.is_not(None), delivery.c.subscriber_id.in_(present)),
        )
        .values(
            state="sending",
            reason=None,
            attempts=delivery.c.attempts + 1,
            leased_until=bindparam("lease"),
            first_tried_at=func.coalesce(delivery.c.first_tried_at, bindparam("moment")),
        )
        .returning(delivery.c.delivery_id)
        .cte("begun")
    )
    return select(begun.c.delivery_id).add_cte(sent.cte("left_the_house"))


_STEP = _step()
"""Built once, and one round trip a mail: two transactions for each took many times as long as sending it."""
