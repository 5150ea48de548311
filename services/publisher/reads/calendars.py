"""What calendar lists are made of: years, months, and where these are too long, days and parts of days."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from services.publisher.pages import views
from services.publisher.reads import rows
from services.publisher.reads.batch import Batch
from services.publisher.reads.list_pages import ListPage, as_of, entry_of
from services.publisher.reads.rows import Stretch
from services.publisher.rules.dirt import (
    ALL,
    DAY,
    FULL,
    MONTH,
    PART,
    YEAR,
    Bucket,
    following_month,
    views_bucket,
)
from services.publisher.tables import bucket

_PARTS = 50
"""Parts of a day that its page names; each leads to the one before it."""


def holds_rows(batch: Batch, one: Bucket) -> bool:
    """Say whether *one* (a month, day or part) is a list that holds rows itself."""
    month = batch.counter(one.scope, MONTH, one.start.replace(day=1))
    split = month is not None and month.slots > FULL
    if one.step == MONTH:
        return not split
    return split and _too_long(batch, one) == (one.step == PART)


def _too_long(batch: Batch, one: Bucket) -> bool:
    day = batch.counter(one.scope, DAY, one.start)
    return day is not None and day.slots > FULL


async def stretch_of(batch: Batch, one: Bucket) -> Stretch | None:
    """Return the stretch of rows that a list holds itself; None when it is a part that is not there."""
    if one.step == MONTH:
        return Stretch(one.start, date.fromordinal(following_month(one.start).toordinal() - 1))
    if one.step == DAY:
        return Stretch(one.start, one.start)
    own = await batch.part_counter(one.scope, one.start, one.part)
    after = await batch.part_counter(one.scope, one.start, one.part + 1)
    if own is None:
        return None
    return Stretch(one.start, one.start, own.from_turn, after.from_turn if after else 2**63 - 1)


async def calendar(batch: Batch, args: dict[str, Any]) -> ListPage | None:
    """Return a calendar list, or None where there is none (nothing in it, or its month is not split)."""
    one = Bucket(
        args["department"],
        args["entry"],
        args["step"],
        date.fromisoformat(args["start"]),
        args["part"],
    )
    count = await counted(batch, one)
    first = one.step == ALL and one.scope == ("", "")
    if not first and (count is None or not count.listed or not _is_there(batch, one)):
        return None
    full = one.step >= MONTH and holds_rows(batch, one)
    stretch = await stretch_of(batch, one) if full else None
    newer, older = await _beside(batch, one)
    view = views.CalendarView(
        department=batch.bodies.get(one.department),
        entry=entry_of(batch.site, one.entry) if one.entry else None,
        year=one.start.year if one.step >= YEAR else None,
        month=one.start.month if one.step >= MONTH else None,
        day=one.start.day if one.step >= DAY else None,
        buckets=() if full else tuple(await _inside(batch, one)),
        rows=await rows.rows_in(batch.session, one.scope, stretch, batch.site) if stretch else (),
        newer=newer,
        older=older,
        count=count.listed if count else 0,
        part=one.part or None,
    )
    return ListPage(view, as_of(batch.site, count))


async def counted(batch: Batch, one: Bucket) -> Any:
    """Return the counter of a calendar list, or None."""
    if one.step == PART:
        return await batch.part_counter(one.scope, one.start, one.part)
    return batch.counter(one.scope, one.step, one.start)


def _is_there(batch: Batch, one: Bucket) -> bool:
    """Say whether the calendar goes down to *one*: to days where the month is split, to parts where the day is."""
    if one.step <= MONTH:
        return True
    return holds_rows(batch, one) or (
        not holds_rows(batch, Bucket(*one.scope, MONTH, one.start.replace(day=1)))
        and one.step == DAY
    )


async def _inside(batch: Batch, one: Bucket) -> list[views.Bucket]:
    """Return the lists one step finer that have items, newest first."""
    if one.step < MONTH:
        known = [row for row in batch.calendars.get(one.scope, []) if row.step == one.step + 1]
        return [_named(row) for row in known if one.step == ALL or row.start.year == one.start.year]
    last = (
        one.start
        if one.step == DAY
        else date.fromordinal(following_month(one.start).toordinal() - 1)
    )
    found = await batch.session.execute(
        select(bucket.c.step, bucket.c.start, bucket.c.part, bucket.c.listed)
        .where(
            bucket.c.department == one.department,
            bucket.c.entry == one.entry,
            bucket.c.step == one.step + 1,
            bucket.c.start.between(one.start, last),
            bucket.c.listed > 0,
        )
        .order_by(bucket.c.start.desc(), bucket.c.part.desc())
        .limit(_PARTS)
    )
    return [_named(row) for row in found]


def _named(row: Any) -> views.Bucket:
    return views_bucket(row.step, row.start, row.part, row.listed)


async def _beside(batch: Batch, one: Bucket) -> tuple[views.Bucket | None, views.Bucket | None]:
    """Return the newer and the older list of the same step that have items; days stay within their month."""
    if one.step == ALL:
        return None, None
    known = await _siblings(batch, one) if one.step > MONTH else batch.calendars.get(one.scope, [])
    same = [row for row in known if row.step == one.step]
    here = (one.start, one.part)
    newer = min(
        (row for row in same if (row.start, row.part) > here),
        key=lambda row: (row.start, row.part),
        default=None,
    )
    older = max(
        (row for row in same if (row.start, row.part) < here),
        key=lambda row: (row.start, row.part),
        default=None,
    )
    return _named(newer) if newer else None, _named(older) if older else None


async def _siblings(batch: Batch, one: Bucket) -> list[Any]:
    """Return the days of a month, or of a day the nearest parts before and after, that have items."""
    query = select(bucket.c.step, bucket.c.start, bucket.c.part, bucket.c.listed).where(
        bucket.c.department == one.department,
        bucket.c.entry == one.entry,
        bucket.c.step == one.step,
        bucket.c.listed > 0,
    )
    if one.step == PART:
        of_day = query.where(bucket.c.start == one.start)
        before = of_day.where(bucket.c.part < one.part).order_by(bucket.c.part.desc()).limit(1)
        after = of_day.where(bucket.c.part > one.part).order_by(bucket.c.part).limit(1)
        return [*await batch.session.execute(before), *await batch.session.execute(after)]
    month = one.start.replace(day=1)
    return list(
        await batch.session.execute(
            query.where(bucket.c.start >= month, bucket.c.start < following_month(month))
        )
    )
