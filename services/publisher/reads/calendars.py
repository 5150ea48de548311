"""What calendar lists are made of: years, months, and where these are too long, days and parts of days."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.pages import views
from services.publisher.pages.views import SiteView
from services.publisher.reads import rows
from services.publisher.reads.list_pages import (
    ListPage,
    as_of,
    body_state,
    counter,
    entry_of,
    named,
)
from services.publisher.reads.rows import Stretch
from services.publisher.rules.dirt import ALL, DAY, EVER, FULL, MONTH, PART, YEAR, Bucket
from services.publisher.tables import bucket

_PARTS = 50
"""Parts of a day that its page names; each leads to the one before it."""


async def last_place(session: AsyncSession, one: Bucket) -> bool:
    """Say whether *one* (a month, day or part) is a list that holds rows itself, and is there at all."""
    if one.step == MONTH:
        count = await counter(session, one.scope, MONTH, one.start)
        return count is not None and count.slots <= FULL
    month = await counter(session, one.scope, MONTH, one.start.replace(day=1))
    if month is None or month.slots <= FULL:
        return False
    day = await counter(session, one.scope, DAY, one.start)
    return day is not None and (day.slots > FULL) == (one.step == PART)


async def stretch_of(session: AsyncSession, one: Bucket) -> Stretch:
    """Return the stretch of rows that a list holds itself."""
    if one.step == MONTH:
        return Stretch(one.start, date.fromordinal(_next_month(one.start).toordinal() - 1))
    if one.step == DAY:
        return Stretch(one.start, one.start)
    own = await counter(session, one.scope, PART, one.start, one.part)
    after = await counter(session, one.scope, PART, one.start, one.part + 1)
    high = after.from_turn if after else 2**62
    return Stretch(one.start, one.start, own.from_turn, high)


def _next_month(start: date) -> date:
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


async def calendar(session: AsyncSession, site: SiteView, args: dict[str, Any]) -> ListPage | None:
    """Return a calendar list, or None where there is none (nothing in it, or its month is not split)."""
    one = Bucket(
        args["department"],
        args["entry"],
        args["step"],
        date.fromisoformat(args["start"]),
        args["part"],
    )
    count = await counter(session, one.scope, one.step, one.start, one.part)
    empty = count is None or not count.listed
    if empty and not (one.step == ALL and one.scope == ("", "")):
        return None
    holds_rows = one.step >= MONTH and await last_place(session, one)
    if one.step >= DAY and not holds_rows and not await _is_split_day(session, one):
        return None
    body = await body_state(session, one.department) if one.department else None
    shown = (
        await rows.rows_in(session, one.scope, await stretch_of(session, one), site)
        if holds_rows
        else ()
    )
    view = views.CalendarView(
        department=body,
        entry=entry_of(site, one.entry) if one.entry else None,
        year=one.start.year if one.step >= YEAR else None,
        month=one.start.month if one.step >= MONTH else None,
        day=one.start.day if one.step >= DAY else None,
        buckets=() if holds_rows else tuple(await _inside(session, one)),
        rows=shown,
        newer=await _beside(session, one, newer=True),
        older=await _beside(session, one, newer=False),
        count=count.listed if count else 0,
        **({"part": one.part} if one.part else {}),
    )
    return ListPage(view, as_of(site, count))


async def _is_split_day(session: AsyncSession, one: Bucket) -> bool:
    day = await counter(session, one.scope, DAY, one.start)
    return one.step == DAY and day is not None and day.slots > FULL


async def _inside(session: AsyncSession, one: Bucket) -> list[views.Bucket]:
    """Return the lists one step finer that have items, newest first."""
    first, last = {
        ALL: (EVER, date.max),
        YEAR: (one.start, date(one.start.year, 12, 31)),
        MONTH: (one.start, date.fromordinal(_next_month(one.start).toordinal() - 1)),
        DAY: (one.start, one.start),
    }[one.step]
    found = await session.execute(
        select(bucket.c.start, bucket.c.part, bucket.c.listed)
        .where(
            bucket.c.department == one.department,
            bucket.c.entry == one.entry,
            bucket.c.step == one.step + 1,
            bucket.c.start.between(first, last),
            bucket.c.listed > 0,
        )
        .order_by(bucket.c.start.desc(), bucket.c.part.desc())
        .limit(_PARTS if one.step == DAY else FULL)
    )
    return [named(one.step + 1, row.start, row.part, row.listed) for row in found]


async def _beside(session: AsyncSession, one: Bucket, *, newer: bool) -> views.Bucket | None:
    """Return the neighbouring list of the same step that has items; days stay within their month."""
    if one.step == ALL:
        return None
    column, here = (bucket.c.part, one.part) if one.step == PART else (bucket.c.start, one.start)
    query = select(bucket.c.start, bucket.c.part, bucket.c.listed).where(
        bucket.c.department == one.department,
        bucket.c.entry == one.entry,
        bucket.c.step == one.step,
        bucket.c.listed > 0,
        column > here if newer else column < here,
    )
    if one.step == DAY:
        month = one.start.replace(day=1)
        query = query.where(bucket.c.start >= month, bucket.c.start < _next_month(month))
    if one.step == PART:
        query = query.where(bucket.c.start == one.start)
    found = (
        await session.execute(query.order_by(column if newer else column.desc()).limit(1))
    ).first()
    return named(one.step, found.start, found.part, found.listed) if found else None
