"""What feeds and sitemaps are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.reads.batch import Batch
from services.publisher.reads.calendars import counted, holds_rows, stretch_of
from services.publisher.rules.dirt import DAY, FULL, MONTH, PART, Bucket
from services.publisher.rules.items import Scope
from services.publisher.tables import bucket

NEWEST = 50


async def feed_rows(session: AsyncSession, scope: Scope) -> Sequence[Any]:
    """Return the fifty items of a scope that changed last, withdrawn and gone ones among them, newest first."""
    found = await session.execute(
        text(
            "SELECT i.item_id, i.version, i.title, i.summary, i.url, i.standing, i.reason, i.redirect_to, i.genre, i.language, "
            "i.published_at, i.updated_at, i.sequence, d.names FROM publisher.member m JOIN publisher.item i USING (item_id) "
            "JOIN publisher.department d ON d.code = i.department WHERE m.department = :department AND m.entry = :entry "
            "ORDER BY m.sequence DESC LIMIT :limit"
        ),
        {"department": scope[0], "entry": scope[1], "limit": NEWEST},
    )
    return found.all()


async def sitemap_rows(batch: Batch, leaf: Bucket) -> Sequence[Any] | None:
    """Return url and time of the published items of a leaf, or None where there is no such leaf."""
    count = await counted(batch, leaf)
    if count is None or not count.listed or not holds_rows(batch, leaf):
        return None
    stretch = await stretch_of(batch, leaf)
    if stretch is None:
        return None
    found = await batch.session.execute(
        text(
            "SELECT i.url, i.updated_at FROM publisher.member m JOIN publisher.item i USING (item_id) "
            "WHERE m.department = :department AND m.entry = '' AND m.listed AND m.day BETWEEN :first AND :last "
            "AND m.turn >= :low AND m.turn < :high AND i.standing = 'published' "
            "ORDER BY m.day, m.turn, m.item_id"
        ),
        {
            "department": leaf.department,
            "first": stretch.first,
            "last": stretch.last,
            "low": stretch.from_turn,
            "high": stretch.before_sequence,
        },
    )
    return found.all()


async def sitemap_leaves(session: AsyncSession) -> list[Bucket]:
    """Return every leaf of the sitemaps, in order."""
    rows = await session.execute(
        select(bucket.c.department, bucket.c.step, bucket.c.start, bucket.c.part, bucket.c.slots)
        .where(
            bucket.c.department != "",
            bucket.c.entry == "",
            bucket.c.step >= MONTH,
            bucket.c.listed > 0,
        )
        .order_by(bucket.c.department, bucket.c.start, bucket.c.step, bucket.c.part)
    )
    found = [(Bucket(row.department, "", row.step, row.start, row.part), row.slots) for row in rows]
    slots = {
        (one.department, one.step, one.start): count for one, count in found if one.step < PART
    }
    return [one for one, _ in found if _is_leaf(one, slots)]


def _is_leaf(one: Bucket, slots: dict[tuple[str, int, date], int]) -> bool:
    month = slots.get((one.department, MONTH, one.start.replace(day=1)), 0)
    if one.step == MONTH:
        return month <= FULL
    day = slots.get((one.department, DAY, one.start), 0)
    return month > FULL and (day > FULL) == (one.step == PART)
