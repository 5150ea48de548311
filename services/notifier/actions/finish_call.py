"""A call is over: what follows for the message and for its receiver."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.begin_call import Call
from services.notifier.actions.note_first_sent import FirstSent, note_first_sent
from services.notifier.tables import attempt, delivery, subscriber, webhook
from services.notifier.webhooks import Consequence, Receiver, Result, consequence


async def finish_call(
    session: AsyncSession, call: Call, result: Result, *, now: datetime
) -> FirstSent | None:
    """Store what follows from *result*; the first notice about a version that was taken is returned.

    Who was overtaken (the lease ran out, somebody else has the message) only writes the log.
    """
    await session.execute(
        update(attempt)
        .where(attempt.c.attempt_id == call.attempt_id)
        .values(
            status=result.status,
            reason=None if result.taken else result.why,
            took_ms=result.took_ms,
        )
    )
    state = (
        await session.execute(
            select(delivery.c.attempts, webhook.c.failures, webhook.c.failing_since)
            .join(webhook, webhook.c.subscriber_id == delivery.c.subscriber_id)
            .where(
                delivery.c.delivery_id == call.delivery_id,
                delivery.c.generation == call.generation,
            )
            .with_for_update()
        )
    ).one_or_none()
    if state is None:
        return None
    receiver = Receiver(state.failures, state.failing_since)
    follows = consequence(result, attempts=state.attempts, receiver=receiver, now=now)
    await _store(session, call, follows, now)
    if follows.ends:
        await stop_webhook(session, call.subscriber_id, because=follows.ends, now=now)
    if follows.state == "sent":
        return await note_first_sent(session, call.notice_id, now=now)
    return None


async def _store(session: AsyncSession, call: Call, follows: Consequence, now: datetime) -> None:
    message: dict[str, Any] = {
        "state": follows.state,
        "reason": follows.reason,
        "leased_until": None,
    }
    if follows.state == "sent":
        message["sent_at"] = now
    if follows.next_at:
        message["next_at"] = follows.next_at
    await session.execute(
        update(delivery).where(delivery.c.delivery_id == call.delivery_id).values(message)
    )
    await session.execute(
        update(webhook)
        .where(webhook.c.subscriber_id == call.subscriber_id)
        .values(
            failures=follows.receiver.failures,
            failing_since=follows.receiver.failing_since,
            next_at=follows.pause_until,
        )
    )


async def stop_webhook(session: AsyncSession, person: UUID, *, because: str, now: datetime) -> None:
    """Call this receiver no more, until it is verified anew; what waits for it is not sent."""
    await session.execute(
        update(subscriber)
        .where(subscriber.c.subscriber_id == person, subscriber.c.left_at.is_(None))
        .values(left_at=now, left_because=because)
    )
    await session.execute(
        update(delivery)
        .where(
            delivery.c.subscriber_id == person,
            delivery.c.channel == "webhook",
            delivery.c.state.in_(("pending", "deferred")),
        )
        .values(state="failed", reason="receiver stopped")
    )
