"""Read everything that a batch of the queue's rows is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from services.publisher.reads.batch import Batch, read_batch
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


async def sheets_of(session: AsyncSession, queued: Sequence[Any], site: SiteView) -> list[Sheet]:
    """Return what to draw for each row: items by a handful of statements together, lists by one or a few each."""
    ids = [UUID(row.args["item_id"]) for row in queued if row.kind == "item"]
    parts = await item_parts(session, ids) if ids else {}
    batch = (
        await read_batch(session, site, queued) if len(ids) < len(queued) else Batch(session, site)
    )
    sheets: list[Sheet] = []
    for row in queued:
        if row.kind == "item":
            sheets.append(_item(row, parts.get(UUID(row.args["item_id"])), site))
        elif row.kind in KINDS:
            page = await _LOAD[row.kind](batch, row.args)
            draw = partial(
                list_files,
                row.kind,
                row.path,
                page.view if page else None,
                page.site if page else site,
            )
            sheets.append(Sheet(row.path, draw, row.tries))
        else:
            sheets.append(Sheet(row.path, await _other(batch, row), row.tries))
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


async def _other(batch: Batch, row: Any) -> Callable[[], dict[str, bytes | None]]:
    args, site = row.args, batch.site
    if row.kind == "feed":
        scope = (args["department"], args["entry"])
        return partial(
            feed_files.feed_files,
            scope,
            _feed_title(batch, *scope),
            await feeds.feed_rows(batch.session, scope),
            site,
        )
    if row.kind == "sitemap":
        leaf = Bucket(
            args["department"], "", args["step"], date.fromisoformat(args["start"]), args["part"]
        )
        return partial(
            feed_files.sitemap_file, row.path, await feeds.sitemap_rows(batch, leaf), site
        )
    if row.kind == "sitemaps":
        return partial(feed_files.sitemap_index, await feeds.sitemap_leaves(batch.session), site)
    return partial(feed_files.robots, site)


def _feed_title(batch: Batch, code: str, entry: str) -> str:
    """Return the name of a feed: site or body, and entry."""
    body = batch.bodies.get(code)
    words = [body.names.zh_hans if body else batch.site.settings.names.zh_hans]
    return " - ".join(
        [*words, list_pages.entry_of(batch.site, entry).names.zh_hans] if entry else words
    )
