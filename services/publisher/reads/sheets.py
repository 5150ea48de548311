"""Read everything that a batch of the queue's rows is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.files import feeds as feed_files
from services.publisher.files.items import item_files
from services.publisher.files.lists import KINDS, list_files
from services.publisher.files.sheet import Sheet
from services.publisher.pages.views import SiteView
from services.publisher.reads import calendars, feeds, list_pages
from services.publisher.reads.item_pages import item_parts
from services.publisher.reads.list_pages import Loader
from services.publisher.rules.dirt import Bucket

_LOAD: dict[str, Loader] = {
    "home": list_pages.home,
    "departments": list_pages.departments,
    "site-map": list_pages.site_map,
    "department": list_pages.department_page,
    "entrance": list_pages.entrance,
    "entry": list_pages.entry,
    "calendar": calendars.calendar,
    "corrections": list_pages.corrections,
    "plain": list_pages.plain,
}


async def sheets_of(session: AsyncSession, rows: Sequence[Any], site: SiteView) -> list[Sheet]:
    """Return what to draw for each row: items by a handful of statements together, lists one by one."""
    ids = [UUID(row.args["item_id"]) for row in rows if row.kind == "item"]
    parts = await item_parts(session, ids) if ids else {}
    sheets: list[Sheet] = []
    for row in rows:
        if row.kind == "item":
            sheets.append(_item(row, parts.get(UUID(row.args["item_id"])), site))
        elif row.kind in KINDS:
            page = await _LOAD[row.kind](session, site, row.args)
            draw = partial(
                list_files,
                row.kind,
                row.path,
                page.view if page else None,
                page.site if page else site,
            )
            sheets.append(Sheet(row.path, draw, row.tries))
        else:
            sheets.append(Sheet(row.path, await _other(session, row, site), row.tries))
    return sheets


def _item(row: Any, parts: Any, site: SiteView) -> Sheet:
    if parts is None:  # a row left over from before a restore: no such item any more
        url = row.path.removesuffix("#refresh")
        return Sheet(row.path, dict, row.tries, folder=url)
    return Sheet(
        row.path,
        partial(item_files, parts, site),
        row.tries,
        item_id=parts.item_id,
        department=parts.department_code,
        version=parts.version,
        sequence=parts.sequence,
        sha256=parts.sha256,
        folder=parts.url,
    )


async def _other(session: AsyncSession, row: Any, site: SiteView) -> Any:
    args = row.args
    if row.kind == "feed":
        scope = (args["department"], args["entry"])
        title = await _feed_title(session, args["department"], args["entry"], site)
        return partial(
            feed_files.feed_files, scope, title, await feeds.feed_rows(session, scope), site
        )
    if row.kind == "sitemap":
        leaf = Bucket(
            args["department"], "", args["step"], date.fromisoformat(args["start"]), args["part"]
        )
        return partial(
            feed_files.sitemap_file, row.path, await feeds.sitemap_rows(session, leaf), site
        )
    if row.kind == "sitemaps":
        return partial(feed_files.sitemap_index, await feeds.sitemap_leaves(session), site)
    return partial(feed_files.robots, site)


async def _feed_title(session: AsyncSession, code: str, entry: str, site: SiteView) -> str:
    """Return the name of a feed: site or body, and entry."""
    body = await list_pages.body_state(session, code) if code else None
    words = [body.names.zh_hans if body else site.settings.names.zh_hans]
    return " - ".join([*words, list_pages.entry_of(site, entry).names.zh_hans] if entry else words)
