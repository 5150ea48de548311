"""A receiver has answered the question whether it wants to be called, or not."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.ask_webhook import Question
from services.notifier.actions.tick_clock import tick_clock
from services.notifier.rules import DROPPED
from services.notifier.tables import attempt, subscriber, subscription, webhook
from services.notifier.webhooks import Result


async def verify_webhook(
    session: AsyncSession, question: Question, result: Result, wrong: str | None, *, now: datetime
) -> None:
    """Note the answer; when nothing was *wrong* with it, what waits begins and a stopped webhook goes on."""
    await session.execute(
        update(attempt)
        .where(attempt.c.attempt_id == question.attempt_id)
        .values(status=result.status, reason=wrong, took_ms=result.took_ms)
    )
    if wrong:
        return
    person = question.subscriber_id
    going_on = await session.execute(
        update(subscriber)
        .where(
            subscriber.c.subscriber_id == person,
            subscriber.c.address.is_not(None),
            subscriber.c.left_because.is_distinct_from(DROPPED),
        )
        .values(confirmed_at=now, left_at=None, left_because=None)
        .returning(subscriber.c.subscriber_id)
    )
    if going_on.first() is None:  # erased, or dropped by the operator, while it was asked
        return
    await session.execute(
        update(webhook)
        .where(webhook.c.subscriber_id == person)
        .values(failures=0, failing_since=None, next_at=now)
    )
    clock = await tick_clock(session)
    await session.execute(
        update(subscription)
        .where(
            subscription.c.subscriber_id == person,
            subscription.c.confirmed_at.is_(None),
            subscription.c.ended_at.is_(None),
        )
        .values(confirmed_at=now, clock=clock)
    )
