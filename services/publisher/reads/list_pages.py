"""What list pages are made of: one function per kind of path, with the newest event that the list reflects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.pages import views
from services.publisher.pages.views import DepartmentLine, SiteView
from services.publisher.reads import rows
from services.publisher.reads.batch import Batch
from services.publisher.reads.rows import Stretch
from services.publisher.rules.dirt import ALL, YEAR, views_bucket
from services.publisher.rules.dues import due_on
from services.publisher.rules.items import ON_APPLICATION, SYSTEM
from services.publisher.tables import bucket
from shared.events.record import CatalogueEntry, DepartmentEntry, DepartmentState, Names

_ON_DEPARTMENT, _ON_ENTRY, _IN_ENTRANCE, _CORRECTIONS = 20, 50, 100, 500
_ENTRANCE_ENTRY = {
    "guide": "guide",
    "annual-reports": "annual-report",
    "system": SYSTEM,
    "on-application": ON_APPLICATION,
}


@dataclass(frozen=True)
class ListPage:
    """A view ready to be rendered."""

    view: Any
    site: SiteView


Loader = Callable[[Batch, dict[str, Any]], Awaitable[ListPage | None]]
"""Reads the page that a row of the queue names; None where no page belongs."""


def as_of(site: SiteView, count: Any) -> SiteView:
    """Return *site* with the number and time of the newest record event that a counter has seen."""
    return (
        replace(site, sequence=count.sequence, updated_at=count.at)
        if count and count.sequence
        else site
    )


def menu(site: SiteView, body: DepartmentState | None = None) -> list[str]:
    """Return the codes of the entries in the menu: not hidden, and not turned off by the body."""
    off = {entry.code for entry in body.entries if not entry.on} if body else set()
    return [code for code, entry in site.entries.items() if not entry.hidden and code not in off]


def entry_of(site: SiteView, code: str) -> CatalogueEntry:
    """Return a catalogue entry; one that the catalogue does not know has its code as its name."""
    known = site.entries.get(code)
    return known or CatalogueEntry(
        code=code, names=Names.model_validate({"zh-Hans": code}), frequency="on_change"
    )


async def home(batch: Batch, _: dict[str, Any]) -> ListPage:
    """Return the home page."""
    session, site = batch.session, batch.site
    corrected = await rows.corrections(session, 5, titled=True)
    view = views.HomeView(
        emergencies=await rows.ongoing(session, site, 5, urgent=True),
        ongoing=await rows.ongoing(session, site, 8),
        latest=await rows.rows_in(session, ("", ""), Stretch(limit=10), site),
        pairs=await rows.pairs(session, 5, site),
        departments=await batch.department_lines(),
        entries=await rows.entry_lines(session, "", menu(site)),
        corrections=corrected.rows,
    )
    return ListPage(view, as_of(site, batch.counter(("", ""))))


async def departments(batch: Batch, _: dict[str, Any]) -> ListPage:
    """Return the list of all bodies."""
    view = views.DepartmentsView(await batch.department_lines())
    return ListPage(view, as_of(batch.site, batch.counter(("", ""))))


async def site_map(batch: Batch, _: dict[str, Any]) -> ListPage:
    """Return the site map for readers."""
    entries = await rows.entry_lines(batch.session, "", menu(batch.site))
    view = views.SiteMapView(await batch.department_lines(), entries)
    return ListPage(view, as_of(batch.site, batch.counter(("", ""))))


async def department_page(batch: Batch, args: dict[str, Any]) -> ListPage | None:
    """Return the page of a body; its newest items are also those of the bodies below it."""
    body = batch.bodies.get(args["department"])
    if body is None:
        return None
    session, site = batch.session, batch.site
    below = await _below(session, body.code)
    family = [body.code, *(row.code for row in below)]
    lines = {line.code: line for line in await batch.department_lines()}
    count = batch.counter((body.code, ""))
    view = views.DepartmentView(
        department=body,
        parent=lines.get(body.parent) if body.parent else None,
        children=_children(body.code, below, lines),
        ongoing=await rows.ongoing(session, site, 8, codes=family),
        latest=await rows.newest_of_bodies(session, family, _ON_DEPARTMENT, site),
        entries=await rows.entry_lines(session, body.code, menu(site, body)),
        count=count.listed if count else 0,
    )
    return ListPage(view, as_of(site, await _newest_of(session, family) if below else count))


def _children(
    code: str, below: Iterable[Any], lines: dict[str, DepartmentLine]
) -> tuple[DepartmentLine, ...]:
    return tuple(replace(lines[row.code], count=row.total) for row in below if row.parent == code)


async def _below(session: AsyncSession, code: str) -> list[Any]:
    """Return all bodies below *code*, each with the count of itself and what is below it."""
    found = await session.execute(
        text(
            "WITH RECURSIVE down (code, parent, position, via) AS ("
            "SELECT code, parent, position, ARRAY[code] FROM publisher.department WHERE parent = :code AND code <> :code "
            "UNION ALL SELECT d.code, d.parent, d.position, down.via || d.code FROM publisher.department d "
            "JOIN down ON d.parent = down.code WHERE NOT d.code = ANY(down.via) AND d.code <> :code) "
            "SELECT one.code, one.parent, one.position, (SELECT coalesce(sum(b.listed), 0)::int FROM down all_of "
            "JOIN publisher.bucket b ON b.department = all_of.code AND b.entry = '' AND b.step = 0 "
            "WHERE one.code = ANY(all_of.via)) AS total FROM down one ORDER BY one.position, one.code"
        ),
        {"code": code},
    )
    return list(found)


async def _newest_of(session: AsyncSession, codes: list[str]) -> Any:
    """Return the counter, of those of *codes*, that has seen the newest event."""
    found = await session.execute(
        select(bucket)
        .where(bucket.c.department.in_(codes), bucket.c.entry == "", bucket.c.step == ALL)
        .order_by(bucket.c.sequence.desc())
        .limit(1)
    )
    return found.first()


async def entrance(batch: Batch, args: dict[str, Any]) -> ListPage | None:
    """Return one of the five entrances, of the site or of a body."""
    session, site = batch.session, batch.site
    code, kind = args["department"], args["entrance"]
    body = batch.bodies.get(code)
    if code and body is None:
        return None
    entry_code = _ENTRANCE_ENTRY.get(kind, "")
    content = kind == "content"
    shown = (
        ()
        if content
        else await rows.rows_in(session, (code, entry_code), Stretch(limit=_IN_ENTRANCE), site)
    )
    view = views.EntranceView(
        kind=kind,
        department=body,
        rows=shown,
        entries=await rows.entry_lines(session, code, menu(site, body)) if content else (),
        departments=() if code else await batch.department_lines(entry_code),
    )
    return ListPage(view, as_of(site, await _newest_in(session, (code, entry_code))))


async def _newest_in(session: AsyncSession, scope: tuple[str, str]) -> Any:
    found = await session.execute(
        select(bucket).where(
            bucket.c.department == scope[0], bucket.c.entry == scope[1], bucket.c.step == ALL
        )
    )
    return found.first()


async def entry(batch: Batch, args: dict[str, Any]) -> ListPage | None:
    """Return a catalogue entry of a body or of the site; a blank one says when it should have been filled."""
    session, site = batch.session, batch.site
    code, entry_code = scope = (args["department"], args["entry"])
    count, body = batch.counter(scope), batch.bodies.get(code)
    if (code and body is None) or (count is None and entry_code not in site.entries):
        return None
    about, total = entry_of(site, entry_code), count.listed if count else 0
    own = next((one for one in body.entries if one.code == entry_code), None) if body else None
    newest = await rows.rows_in(session, scope, Stretch(limit=_ON_ENTRY), site) if total else ()
    below = [other for other in menu(site, body) if other.startswith(f"{entry_code}.")]
    lines = (
        ()
        if code
        else tuple(line for line in await batch.department_lines(entry_code) if line.count)
    )
    years = [
        views_bucket(YEAR, row.start, 0, row.listed)
        for row in batch.calendars.get(scope, [])
        if row.step == YEAR
    ]
    view = views.EntryView(
        entry=about,
        department=body,
        children=await rows.entry_lines(session, code, below) if below else (),
        rows=newest,
        count=total,
        years=tuple(years) if total > len(newest) else (),
        responsible=own.responsible if own else None,
        blank=_blank(about, own, site) if not total else None,
        departments=lines,
    )
    return ListPage(view, as_of(site, count))


def _blank(about: CatalogueEntry, own: DepartmentEntry | None, site: SiteView) -> views.Blank:
    return views.Blank(
        due_on=due_on(about.frequency, site.today) if site.now else None,
        responsible=own.responsible if own else None,
        note=own.blank_note if own else None,
    )


async def corrections(batch: Batch, args: dict[str, Any]) -> ListPage:
    """Return corrections and withdrawals, of a year or the newest.

    This is the public register of what was withdrawn: also what left every list has its line here, without title.
    """
    found = await rows.corrections(batch.session, _CORRECTIONS, args["year"])
    years = () if args["year"] else await rows.correction_years(batch.session)
    site = (
        replace(batch.site, sequence=found.sequence, updated_at=found.at)
        if found.at
        else batch.site
    )
    return ListPage(views.CorrectionsView(found.rows, args["year"], tuple(years)), site)


async def plain(batch: Batch, args: dict[str, Any]) -> ListPage:
    """Return a page of the frame's own words."""
    return ListPage(views.PlainView(args["page"]), batch.site)
