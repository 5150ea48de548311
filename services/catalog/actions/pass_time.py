"""The passing of a day or a deadline, as events on the record (`_site.day`)."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.announcing import announce_list


async def pass_time(session: AsyncSession, *, now: datetime, zone: ZoneInfo) -> bool:
    """Say a new day, or the openings, closings, expiries and removals since the last one said; True if any.

    `items` names those whose pages change by it. The advisory lock lets one copy speak.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('catalog passes time'))"))
    last = (
        await session.execute(text("SELECT value FROM catalog.site_list WHERE key = 'day'"))
    ).scalar() or {"today": "", "at": None}  # fmt: skip
    since = datetime.fromisoformat(last["at"]) if last["at"] else now
    rows = await session.execute(text(DUE), {"since": since, "now": now})
    items = [row[0] for row in rows]
    today = now.astimezone(zone).date().isoformat()
    if today == last["today"] and not items:
        return False
    if today != last["today"]:
        items += await _open_or_expiring(session, today)
        await _unsettle(session, last["today"] or today, today)
    value = {
        "today": today,
        "at": now.isoformat(),
        "cause": "midnight" if today != last["today"] else "deadline",
        "items": sorted(set(items)),
    }
    await announce_list(session, "day", value, now=now)
    return True


DUE = (
    "SELECT item_id::text FROM catalog.item WHERE state = 'published' AND ("
    "(opens_at > :since AND opens_at <= :now) OR (closes_at > :since AND closes_at <= :now) OR "
    "(remove_after > :since AND remove_after <= :now))"
)
"""Every copy asks it every second: each column has an index of its own."""


async def _unsettle(session: AsyncSession, since: str, today: str) -> None:
    """Note whose validity ends or changes by a day that came after *since*, up to *today*."""
    await session.execute(
        text(
            "INSERT INTO catalog.unsettled (department, source_id) "
            "SELECT department, source_id FROM catalog.item WHERE state = 'published' "
            "AND expires_on BETWEEN CAST(:since AS date) - 1 AND CAST(:today AS date) - 1 UNION "
            "SELECT target_department, target_source_id FROM catalog.relation "
            "WHERE effective_on BETWEEN CAST(:since AS date) AND CAST(:today AS date)"
        ),
        {"since": since, "today": today},
    )


async def _open_or_expiring(session: AsyncSession, today: str) -> list[str]:
    """Return the items whose page shows days left, or whose validity ended yesterday."""
    rows = await session.execute(
        text(
            "SELECT item_id::text FROM catalog.item WHERE state = 'published' AND "
            "(closes_at >= CAST(:today AS date) - 1 OR opens_at >= CAST(:today AS date) - 1 OR "
            "expires_on = CAST(:today AS date) - 1)"
        ),
        {"today": today},
    )
    return [row[0] for row in rows]
