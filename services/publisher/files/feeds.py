"""Feeds in three kinds, sitemaps and robots: pure functions from rows to bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.sax.saxutils import escape

from feedgen.feed import FeedGenerator

from services.publisher.pages import paths
from services.publisher.pages.views import SiteView
from services.publisher.rules.dirt import Bucket, sitemap_path
from services.publisher.rules.items import Scope
from shared.events.record import Names

_NOT_XML = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_WITHDRAWN = "已撤回"
_SAID = {
    "withdrawn": "这条信息已经撤回。",
    "gone": "这条信息已经移除。",
    "vanish": "这条信息已经依法删除（第 {version} 版）。",
    "redirect": "这条信息已经移到别处。",
}
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One entry of a feed, the same in all kinds."""

    urn: str
    title: str
    link: str
    text: str
    author: str
    published: datetime
    updated: datetime


def clean(words: str | None) -> str:
    """Return *words* without what XML cannot hold."""
    return _NOT_XML.sub("", words or "")


def entry_of(row: Any, site: SiteView) -> Entry:
    """Return the entry of one item; a tombstone says no more than its notice page does."""
    title = clean(row.title) if row.standing in {"published", "withdrawn"} else ""
    if row.standing == "withdrawn":
        title = f"[{_WITHDRAWN}] {title}"
    return Entry(
        urn=UUID(str(row.item_id)).urn,
        title=title or f"[{_WITHDRAWN}]",
        link=_absolute(row.url, site),
        text=_text(row, site),
        author=clean(Names.model_validate(row.names).zh_hans),
        published=row.published_at.astimezone(UTC),
        updated=row.updated_at.astimezone(UTC),
    )


def _text(row: Any, site: SiteView) -> str:
    if row.standing == "published":
        return clean(row.summary)
    said = _SAID[row.standing].format(version=row.version)
    if row.standing == "redirect" and row.redirect_to:
        return f"{said} {_absolute(row.redirect_to, site)}"
    return (
        f"{said} {clean(row.reason)}"
        if row.standing in {"withdrawn", "vanish"} and row.reason
        else said
    )


def _absolute(path: str, site: SiteView) -> str:
    return f"{site.site_url}{site.prefix}{path}" if path.startswith("/") else path


def feed_files(
    scope: Scope, title: str, rows: Sequence[Any], site: SiteView
) -> dict[str, bytes | None]:
    """Return the Atom, RSS and JSON feeds of a scope; `updated` is the newest entry's."""
    entries = [entry_of(row, site) for row in rows]
    where = {
        kind: paths.feed(kind, scope[0] or None, scope[1] or None)
        for kind in ("atom", "rss", "json")
    }
    page = _page(scope)
    return {
        where["atom"]: _atom(title, page, where["atom"], entries, site),
        where["rss"]: _rss(title, page, where["rss"], entries, site),
        where["json"]: _json(title, page, where["json"], entries, site),
    }


def _page(scope: Scope) -> str:
    code, entry = scope
    if entry:
        return paths.entry(entry, code or None)
    return paths.department(code) if code else paths.home()


def _generator(
    title: str, page: str, own: str, entries: Sequence[Entry], site: SiteView
) -> FeedGenerator:
    feed = FeedGenerator()
    feed.generator("")
    feed.id(uuid5(NAMESPACE_URL, _absolute(own, site)).urn)
    feed.title(clean(title))
    feed.description(clean(title))
    feed.language("zh-CN")
    feed.link(href=_absolute(page, site), rel="alternate")
    feed.link(href=_absolute(own, site), rel="self")
    feed.updated(max((entry.updated for entry in entries), default=_NEVER))
    feed.lastBuildDate(max((entry.updated for entry in entries), default=_NEVER))
    for entry in entries:
        one = feed.add_entry(order="append")
        one.id(entry.urn)
        one.guid(entry.urn, permalink=False)
        one.title(entry.title)
        one.link(href=entry.link)
        one.author(name=entry.author)
        one.published(entry.published)
        one.updated(entry.updated)
        if entry.text:
            one.summary(entry.text)
    return feed


def _atom(title: str, page: str, own: str, entries: Sequence[Entry], site: SiteView) -> bytes:
    return bytes(_generator(title, page, own, entries, site).atom_str(pretty=True))


def _rss(title: str, page: str, own: str, entries: Sequence[Entry], site: SiteView) -> bytes:
    return bytes(_generator(title, page, own, entries, site).rss_str(pretty=True))


def _json(title: str, page: str, own: str, entries: Sequence[Entry], site: SiteView) -> bytes:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": clean(title),
        "home_page_url": _absolute(page, site),
        "feed_url": _absolute(own, site),
        "language": "zh-CN",
        "items": [
            {
                "id": entry.urn,
                "url": entry.link,
                "title": entry.title,
                "content_text": entry.text,
                "date_published": entry.published.isoformat(),
                "date_modified": entry.updated.isoformat(),
                "authors": [{"name": entry.author}],
            }
            for entry in entries
        ],
    }
    return json.dumps(feed, ensure_ascii=False, indent=1).encode() + b"\n"


_URLSET = '<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}</{tag}>\n'


def sitemap_file(path: str, rows: Sequence[Any] | None, site: SiteView) -> dict[str, bytes | None]:
    """Return one leaf of the sitemaps; `lastmod` is the time of the content."""
    if rows is None:
        return {path: None}
    lines = "".join(
        f"<url><loc>{escape(_absolute(row.url, site))}</loc>"
        f"<lastmod>{row.updated_at.astimezone(UTC).isoformat(timespec='seconds')}</lastmod></url>\n"
        for row in rows
    )
    return {path: _URLSET.format(tag="urlset", lines=lines).encode()}


def sitemap_index(leaves: Sequence[Bucket], site: SiteView) -> dict[str, bytes | None]:
    """Return the index of sitemaps; it names the leaves alone, so that it changes only when one comes or goes."""
    lines = "".join(
        f"<sitemap><loc>{escape(_absolute(sitemap_path(leaf), site))}</loc></sitemap>\n"
        for leaf in leaves
    )
    return {"/sitemap.xml": _URLSET.format(tag="sitemapindex", lines=lines).encode()}


def robots(site: SiteView) -> dict[str, bytes | None]:
    """Return what robots may read: every page; searches and forms are not for them."""
    closed = "".join(
        f"Disallow: {site.prefix}{path}\n"
        for path in ("/search", "/subscribe", "/subscription/", "/api/")
    )
    lines = f"User-agent: *\n{closed}\nSitemap: {_absolute('/sitemap.xml', site)}\n"
    return {"/robots.txt": lines.encode()}
