"""From a state of the record to one waiting mail or webhook per subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    any_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.matcher import Matcher, Sight, Tokens, tokens_of
from services.notifier.queries import refresh_matcher
from services.notifier.rules import (
    Notice,
    Told,
    advanced,
    is_news,
    notice_id,
    notice_of,
    noticed_at,
)
from services.notifier.tables import beginning, delivery, notice, subscriber, subscription, told
from shared import text
from shared.events.record import ItemState
from shared.web import dates


@dataclass(frozen=True)
class Seen:
    """One state of an item, with the SHA-256 that its event carries."""

    state: ItemState
    sha256: str
    trace: str | None = None
    """The `traceparent` of that event."""


async def queue_notices(
    session: AsyncSession, seen: Sequence[Seen], *, matcher: Matcher, timezone: str, now: datetime
) -> int:
    """Queue one mail per matching subscriber for each notice that was not told yet; return how many.

    What was noticed before this notifier began counts as told. A repeat, a replay, a rebuild or another epoch
    finds the notice told already.
    """
    started_at = await session.scalar(select(beginning.c.started_at))
    if started_at is None:
        raise RuntimeError("begin_telling comes first")
    held, since = await _told(session, {each.state.item_id for each in seen})
    changed: dict[UUID, dict[str, Any]] = {}
    news: list[Seen] = []
    for each in seen:
        state, known = each.state, held.get(each.state.item_id)
        await _silence_sealed(session, state)  # whether it is news or not
        fresh = is_news(state, known)
        if fresh and noticed_at(state) >= started_at:
            news.append(each)
        elif fresh and state.state != "published":
            # a restore may bring back the text of what counts as told
            await _silence_earlier(session, state)
        if fresh or known is None:
            since[state.item_id] = now
        held[state.item_id] = after = advanced(state, known)
        if after != known:
            changed[state.item_id] = _row(each, after, since[state.item_id])
    queued = 0
    if news:
        await refresh_matcher(session, matcher)
    for each in news:
        queued += await _queue(session, each, matcher=matcher, timezone=timezone, now=now)
    await _remember(session, changed)
    return queued


# --- what counts as told


async def _told(
    session: AsyncSession, items: Iterable[UUID]
) -> tuple[dict[UUID, Told], dict[UUID, datetime]]:
    """Return up to where each item counts as told, and since when; the rows stay locked."""
    c = told.c
    rows = await session.execute(
        select(c.item_id, c.since, c.notice_version, c.noticed_at, c.sequence, c.epoch)
        .where(c.item_id.in_(items))
        .order_by(c.item_id)
        .with_for_update()
    )
    known = rows.all()
    return {item: Told(*rest) for item, _, *rest in known}, {
        item: since for item, since, *_ in known
    }


def _row(each: Seen, after: Told, since: datetime) -> dict[str, Any]:
    return {"item_id": each.state.item_id, **asdict(after), "sha256": each.sha256, "since": since}


async def _remember(session: AsyncSession, changed: Mapping[UUID, dict[str, Any]]) -> None:
    """Store what counts as told now, unless another copy of this service has seen a later state meanwhile."""
    if not changed:
        return
    rows = insert(told).values([changed[item] for item in sorted(changed)])
    columns = {
        column.name: rows.excluded[column.name] for column in told.c if column.name != "item_id"
    }
    newer = or_(
        told.c.epoch.is_distinct_from(rows.excluded.epoch), told.c.sequence < rows.excluded.sequence
    )
    await session.execute(
        rows.on_conflict_do_update(index_elements=["item_id"], set_=columns, where=newer)
    )


# --- one notice


async def _queue(
    session: AsyncSession, each: Seen, *, matcher: Matcher, timezone: str, now: datetime
) -> int:
    state = each.state
    withdrawn = state.state != "published"
    if withdrawn:
        await _silence_earlier(session, state)
    keys = await asyncio.to_thread(_fitting, matcher, state)
    fits = subscription.c.subscription_id == any_(
        literal(list(keys), type_=delivery.c.because.type)
    )
    if withdrawn:
        fits |= subscription.c.subscription_id.in_(_told_before(state.item_id))
    elif not keys:
        return 0
    what = await asyncio.to_thread(
        notice_of, state, dates.local(state.published_at, timezone).date()
    )
    await _store(session, each, what, now)
    return await _address(session, state, fits, urgent=withdrawn or state.important, now=now)


def _fitting(matcher: Matcher, state: ItemState) -> set[UUID]:
    """Cut the text and find the subscriptions that it fits: tens of milliseconds with 100,000 phrases."""
    tokens: Tokens = frozenset()
    if matcher.reads:
        body = text.plain(state.body.content) if state.body else None
        tokens = tokens_of(state.title, state.summary, state.document_number, body)
    return matcher.match(Sight(state.department.code, state.catalogue, tokens))


async def _silence_earlier(session: AsyncSession, state: ItemState) -> None:
    """Stop the earlier notices of an item that is withdrawn."""
    await _silence(session, state, notice.c.notice_version < state.notice_version)


async def _silence_sealed(session: AsyncSession, state: ItemState) -> None:
    """Stop the notices that speak with the text of a version which is sealed by now."""
    sealed = [entry.version for entry in state.history if entry.sealed]
    if sealed:
        spoken = func.coalesce(
            func.nullif(notice.c.content["version"].as_integer(), 0), notice.c.notice_version
        )
        await _silence(session, state, spoken.in_(sealed))


async def _silence(session: AsyncSession, state: ItemState, which: ColumnElement[bool]) -> None:
    """Empty those notices of an item, and do not send what still waits of them."""
    emptied = await session.scalars(
        update(notice)
        .where(notice.c.item_id == state.item_id, which, notice.c.content.is_not(None))
        .values(content=None)
        .returning(notice.c.notice_id)
    )
    await session.execute(
        update(delivery)
        .where(
            delivery.c.notice_id.in_(emptied.all()),
            delivery.c.state.in_(("pending", "deferred")),
        )
        .values(state="failed", reason="withdrawn before it was sent")
    )


def _told_before(item_id: UUID) -> Select[tuple[UUID]]:
    """Select the subscriptions that this item was told for: a withdrawal has no text that a phrase could match."""
    return (
        select(func.unnest(delivery.c.because))
        .join(notice, notice.c.notice_id == delivery.c.notice_id)
        .where(notice.c.item_id == item_id)
    )


async def _address(
    session: AsyncSession,
    state: ItemState,
    fits: ColumnElement[bool],
    *,
    urgent: bool,
    now: datetime,
) -> int:
    """Queue one mail for each person of whom a subscription *fits*, was confirmed in time and still counts.

    One statement inside the database, however many they are. A notice for nobody is not kept.
    """
    told_as = notice_id(state.item_id, state.notice_version)
    mine = func.array_agg(
        aggregate_order_by(subscription.c.subscription_id, subscription.c.created_at)
    )
    people = (
        select(
            literal(told_as),
            subscription.c.subscriber_id,
            subscriber.c.channel,
            mine,
            literal(0 if urgent else 1),
            literal(now),
            literal(now),
        )
        .join(subscriber, subscriber.c.subscriber_id == subscription.c.subscriber_id)
        .where(
            fits,
            subscription.c.confirmed_at <= noticed_at(state),
            subscription.c.ended_at.is_(None),
            subscriber.c.left_at.is_(None),
        )
        .group_by(subscription.c.subscriber_id, subscriber.c.channel)
    )
    columns = "notice_id subscriber_id channel because priority created_at next_at".split()
    rows = insert(delivery).from_select(columns, people).on_conflict_do_nothing()
    queued = rows.returning(delivery.c.delivery_id).cte("queued")
    count = await session.scalar(select(func.count()).select_from(queued))
    unused = ~exists(select(1).where(delivery.c.notice_id == told_as))
    await session.execute(delete(notice).where(notice.c.notice_id == told_as, unused))
    return count or 0


async def _store(session: AsyncSession, each: Seen, what: Notice, now: datetime) -> None:
    state = each.state
    row = {
        "notice_id": notice_id(state.item_id, state.notice_version),
        "item_id": state.item_id,
        "notice_version": state.notice_version,
        "noticed_at": noticed_at(state),
        "created_at": now,
        "department": state.department.code,
        "important": state.important,
        "content": what.model_dump(mode="json", by_alias=True),
        "traceparent": each.trace,
    }
    known = ("noticed_at", "important", "content")
    statement = insert(notice).values(row)
    again = {name: statement.excluded[name] for name in known}
    await session.execute(statement.on_conflict_do_update(index_elements=["notice_id"], set_=again))
