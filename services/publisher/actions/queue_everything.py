"""Queue every path of the site: for a tree that is built anew, or because what every page shows has changed."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.queue_paths import queue_paths
from services.publisher.pages import paths
from services.publisher.reads.frame import entries_of
from services.publisher.rules import dirt
from services.publisher.rules.dirt import LATER, LIST, MONTH, REFRESH, WIDE, YEAR, Bucket, Dirt
from services.publisher.tables import bucket, department, item, site

_CHUNK = 5_000


async def queue_everything(session: AsyncSession, *, tree: int | None = None) -> None:
    """Queue every path for *tree*, or for all trees that are written: items first, then what lists them."""
    await _queue_items(session, tree)
    found = [*dirt.fixed_pages(), *dirt.site_pages(), dirt.feed(("", ""))]
    found += [dirt.entrance(name, "", WIDE) for name in paths.ENTRANCES]
    found += await _entries(session)
    found += await _calendars(session)
    years = await session.execute(
        select(item.c.corrected_year).where(item.c.corrected_at.is_not(None)).distinct()
    )
    found += [dirt.corrections(year) for year in [None, *sorted(years.scalars())]]
    for offset in range(0, len(found), _CHUNK):
        await queue_paths(session, found[offset : offset + _CHUNK], tree=tree)


async def _queue_items(session: AsyncSession, tree: int | None) -> None:
    """Queue all items at once, in the database."""
    await session.execute(
        text(
            "INSERT INTO publisher.dirty (tree_id, path, kind, args, rank) "
            "SELECT t.tree_id, i.url || '#refresh', 'item', jsonb_build_object('item_id', i.item_id), :rank "
            "FROM publisher.tree t, publisher.item i WHERE t.standing IN ('living', 'building') "
            'AND (CAST(:tree AS integer) IS NULL OR t.tree_id = :tree) ORDER BY t.tree_id, i.url COLLATE "C" '
            "ON CONFLICT (tree_id, path) DO UPDATE SET tries = 0, next_at = NULL, error = NULL"
        ),
        {"tree": tree, "rank": REFRESH},
    )


async def _entries(session: AsyncSession) -> list[Dirt]:
    """Return the pages of all bodies and of all entries, standard ones and those that have items."""
    catalogue = (
        await session.execute(select(site.c.value).where(site.c.key == "catalogue"))
    ).scalar()
    standard = list(entries_of(catalogue or {}))
    codes = list(
        (await session.execute(select(department.c.code).order_by(department.c.code))).scalars()
    )
    found = [row for code in codes for row in dirt.body_pages(code, standard)]
    found += [
        row for code in standard for row in (dirt.entry(("", code)), dirt.feed(("", code), LATER))
    ]
    scopes = await session.execute(
        select(bucket.c.department, bucket.c.entry).where(
            bucket.c.step == dirt.ALL, bucket.c.entry.not_like("~%")
        )
    )
    found += [dirt.feed((row.department, row.entry)) for row in scopes.all()]
    used = await session.execute(
        select(bucket.c.department, bucket.c.entry)
        .where(bucket.c.step == dirt.ALL, bucket.c.entry.not_like("~%"), bucket.c.entry != "")
        .order_by(bucket.c.department, bucket.c.entry)
    )
    return found + [dirt.entry((row.department, row.entry)) for row in used]


async def _calendars(session: AsyncSession) -> list[Dirt]:
    """Return all calendar lists and leaves of sitemaps; those that a month's size leaves out remove themselves."""
    rows = await session.execute(
        select(bucket.c.department, bucket.c.entry, bucket.c.step, bucket.c.start, bucket.c.part)
        .where(bucket.c.entry.not_like("~%"))
        .order_by(bucket.c.department, bucket.c.entry, bucket.c.step, bucket.c.start, bucket.c.part)
    )
    found: list[Dirt] = []
    for one in (Bucket(*row) for row in rows):
        found.append(dirt.calendar(one, WIDE if one.step > YEAR else LIST))
        if one.department and not one.entry and one.step >= MONTH:
            found.append(dirt.sitemap(one))
    return found
