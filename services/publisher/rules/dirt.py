"""Which paths a change dirties: pure functions from what changed to rows of the queue.

One row stands for all files that are written together: the three languages of a list, the three kinds of a
feed, an item's page with its versions and JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.publisher.pages import paths, views
from services.publisher.rules.items import ON_APPLICATION, SYSTEM, Scope

LISTS_FIRST, NOTICE, ITEM, REFRESH, LIST, WIDE, LATER = range(7)
"""Ranks: lists of a withdrawal before its notice; item pages before their lists; what is read less comes later."""

ALL, YEAR, MONTH, DAY, PART = range(5)
"""Steps of the calendar lists."""
EVER = date(1, 1, 1)
"""`start` of the bucket of all years."""
FULL = 200
"""Rows of a list before it splits: a month into days, a day into parts."""

TRIES = 8
"""After so many a path stays parked in the queue, where an operator sees it."""

_ENTRANCE_OF = {
    "guide": "guide",
    "annual-report": "annual-reports",
    SYSTEM: "system",
    ON_APPLICATION: "on-application",
}


@dataclass(frozen=True, order=True)
class Dirt:
    """One path whose file is not what the record says any more."""

    path: str
    kind: str = field(compare=False)
    rank: int = field(compare=False)
    args: dict[str, Any] = field(compare=False, default_factory=dict)


@dataclass(frozen=True, order=True)
class Bucket:
    """One calendar list of a scope."""

    department: str
    entry: str
    step: int
    start: date
    part: int = 0

    @property
    def scope(self) -> Scope:
        """The scope it is a part of."""
        return (self.department, self.entry)


def start_of(step: int, day: date) -> date:
    """Return the first day of the bucket of *step* that *day* falls into."""
    if step == ALL:
        return EVER
    if step == YEAR:
        return date(day.year, 1, 1)
    return date(day.year, day.month, 1) if step == MONTH else day


def buckets_of(scope: Scope, day: date) -> list[Bucket]:
    """Return the counters that a member of *scope* on *day* counts in (parts of a day apart)."""
    return [Bucket(*scope, step, start_of(step, day)) for step in (ALL, YEAR, MONTH, DAY)]


def following_month(start: date) -> date:
    """Return the first day of the month after the one that begins on *start*."""
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


def views_bucket(step: int, start: date, part: int, count: int) -> views.Bucket:
    """Return a calendar list as pages take it."""
    return views.Bucket(
        start.year,
        start.month if step >= MONTH else None,
        start.day if step >= DAY else None,
        count,
        part or None,
    )


def is_calendar(scope: Scope) -> bool:
    """Say whether *scope* has calendar lists and feeds: the second and fifth entrance have none."""
    return not scope[1].startswith("~")


def item(item_id: UUID, url: str, *, standing: str = "published", trace: str | None = None) -> Dirt:
    """Return the row of an item whose own record changed, by an event of this `traceparent`; only the inbox makes these."""
    rank = ITEM if standing == "published" else NOTICE
    return Dirt(url, "item", rank, {"item_id": str(item_id)} | ({"trace": trace} if trace else {}))


def refresh(item_id: UUID, url: str, rank: int = REFRESH) -> Dirt:
    """Return the row of an item whose surroundings changed: a related item, a name, the day."""
    return Dirt(f"{url}#refresh", "item", rank, {"item_id": str(item_id)})


def calendar(bucket: Bucket, rank: int = LIST) -> Dirt:
    """Return the row of one calendar list."""
    args = {
        "department": bucket.department,
        "entry": bucket.entry,
        "step": bucket.step,
        "start": bucket.start.isoformat(),
        "part": bucket.part,
    }
    return Dirt(calendar_path(bucket), "calendar", rank, args)


def calendar_path(bucket: Bucket) -> str:
    """Return where a calendar list lies, in the default language."""
    start, step = bucket.start, bucket.step
    return paths.calendar(
        bucket.department or None,
        bucket.entry or None,
        year=start.year if step >= YEAR else None,
        month=start.month if step >= MONTH else None,
        day=start.day if step >= DAY else None,
        part=bucket.part or None,
    )


def feed(scope: Scope, rank: int = WIDE) -> Dirt:
    """Return the row of the feeds of a scope."""
    stem = paths.feed("atom", scope[0] or None, scope[1] or None).removesuffix(".atom")
    return Dirt(stem, "feed", rank, {"department": scope[0], "entry": scope[1]})


def sitemap(bucket: Bucket, rank: int = WIDE) -> Dirt:
    """Return the row of one leaf of the sitemaps: a month of a body, or a day or part of a long one."""
    return Dirt(
        sitemap_path(bucket),
        "sitemap",
        rank,
        {
            "department": bucket.department,
            "step": bucket.step,
            "start": bucket.start.isoformat(),
            "part": bucket.part,
        },
    )


def sitemap_path(bucket: Bucket) -> str:
    """Return where a leaf of the sitemaps lies."""
    stamp = bucket.start.isoformat()[: {MONTH: 7}.get(bucket.step, 10)]
    part = f"-{bucket.part}" if bucket.step == PART else ""
    return f"/sitemap/{bucket.department}/{stamp}{part}.xml"


def sitemap_index() -> Dirt:
    """Return the row of the index of sitemaps."""
    return Dirt("/sitemap.xml", "sitemaps", LATER)


def site_pages(rank: int = LIST) -> list[Dirt]:
    """Return the lists of the whole site that name counts or newest items."""
    return [
        Dirt(paths.home(), "home", rank),
        calendar(Bucket("", "", ALL, EVER), after(rank)),
        Dirt(paths.departments(), "departments", after(rank)),
        Dirt(paths.site_map(), "site-map", after(rank)),
    ]


def fixed_pages() -> list[Dirt]:
    """Return what does not change with items: pages of words, robots."""
    plain = {
        "about": paths.about(),
        "accessibility": paths.accessibility(),
        "data": paths.data(),
        "not-found": paths.not_found(),
    }
    rows = [Dirt(path, "plain", LATER, {"page": page}) for page, path in plain.items()]
    return [*rows, Dirt("/robots.txt", "robots", LATER), sitemap_index()]


def department(code: str, rank: int = LIST) -> Dirt:
    """Return the row of a body's page."""
    return Dirt(paths.department(code), "department", rank, {"department": code})


def entrance(name: paths.Entrance, code: str, rank: int = LIST) -> Dirt:
    """Return the row of one of the five entrances."""
    return Dirt(
        paths.entrance(name, code or None), "entrance", rank, {"department": code, "entrance": name}
    )


def entry(scope: Scope, rank: int = LIST) -> Dirt:
    """Return the row of a catalogue entry's page."""
    path = paths.entry(scope[1], scope[0] or None)
    return Dirt(path, "entry", rank, {"department": scope[0], "entry": scope[1]})


def corrections(year: int | None, rank: int = LIST) -> Dirt:
    """Return the row of the corrections of all time, or of a year."""
    return Dirt(paths.corrections(year), "corrections", rank, {"year": year})


def fronts(scope: Scope, rank: int = LIST) -> list[Dirt]:
    """Return the pages that stand in front of a scope's calendar lists."""
    code, entry_code = scope
    rows: list[Dirt] = []
    if entry_code in _ENTRANCE_OF:
        rows.append(entrance(_ENTRANCE_OF[entry_code], code, rank))  # type: ignore[arg-type]
    if not is_calendar(scope):
        return rows
    rows.append(feed(scope, WIDE if rank else LISTS_FIRST))
    if entry_code:
        return [*rows, entry(scope, rank), entrance("content", code, after(rank))]
    return [*rows, department(code, rank)] if code else [*rows, *site_pages(rank)]


def after(rank: int) -> int:
    """Return the rank of what shows counts alone: behind the lists, unless a withdrawal does all of them first."""
    return rank + 1 if rank else rank


def body_pages(code: str, entries: Iterable[str], rank: int = LIST) -> list[Dirt]:
    """Return every page that a body has without any item: its page, entrances, entries and feed."""
    rows = [department(code, rank), feed((code, ""), LATER)]
    rows += [entrance(name, code, rank) for name in paths.ENTRANCES]
    return rows + [
        row for one in entries for row in (entry((code, one), LATER), feed((code, one), LATER))
    ]
