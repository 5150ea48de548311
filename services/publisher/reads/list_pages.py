"""What list pages are made of: one function per kind of path, with the newest event that the list reflects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.pages import views
from services.publisher.pages.views import SiteView
from services.publisher.reads import rows
from services.publisher.reads.rows import Stretch
from services.publisher.rules.dirt import ALL, EVER, FULL, YEAR
from services.publisher.rules.dues import due_on
from services.publisher.rules.items import ON_APPLICATION, SYSTEM, Scope
from services.publisher.tables import bucket, department
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
    """A view ready to be rendered, or None where no page belongs."""

    view: Any
    site: SiteView


async def counter(
    session: AsyncSession, scope: Scope, step: int = ALL, start: date = EVER, part: int = 0
) -> Any:
    """Return one row of `bucket`, or None."""
    found = await session.execute(
        select(bucket).where(
            bucket.c.department == scope[0],
            bucket.c.entry == scope[1],
            bucket.c.step == step,
            bucket.c.start == start,
            bucket.c.part == part,
        )
    )
    return found.first()


def as_of(site: SiteView, count: Any) -> SiteView:
    """Return *site* with the number and time of the newest record event that a counter has seen."""
    return (
        replace(site, sequence=count.sequence, updated_at=count.at)
        if count and count.sequence
        else site
    )


async def body_state(session: AsyncSession, code: str) -> DepartmentState | None:
    """Return a body's newest state."""
    found = (
        await session.execute(select(department.c.state).where(department.c.code == code))
    ).scalar()
    return DepartmentState.model_validate_json(found) if found else None


def menu(site: SiteView, body: DepartmentState | None = None) -> list[str]:
    """Return the codes of the entries in the menu: not hidden, and not turned off by the body."""
    off = {entry.code for entry in body.entries if not entry.on} if body else set()
    return [code for code, entry in site.entries.items() if not entry.hidden and code not in off]


async def home(session: AsyncSession, site: SiteView, _: dict[str, Any]) -> ListPage:
    """Return the home page."""
    corrected = await rows.corrections(session, 5)
    view = views.HomeView(
        emergencies=await rows.ongoing(session, site, 5, urgent=True),
        ongoing=await rows.ongoing(session, site, 8),
        latest=await rows.rows_in(session, ("", ""), Stretch(limit=10), site),
        pairs=await rows.pairs(session, 5, site),
        departments=await rows.department_lines(session),
        entries=await rows.entry_lines(session, "", menu(site)),
        corrections=corrected.rows,
    )
    return ListPage(view, as_of(site, await counter(session, ("", ""))))


async def departments(session: AsyncSession, site: SiteView, _: dict[str, Any]) -> ListPage:
    """Return the list of all bodies."""
    view = views.DepartmentsView(await rows.department_lines(session))
    return ListPage(view, as_of(site, await counter(session, ("", ""))))


async def site_map(session: AsyncSession, site: SiteView, _: dict[str, Any]) -> ListPage:
    """Return the site map for readers."""
    lines = await rows.department_lines(session)
    view = views.SiteMapView(lines, await rows.entry_lines(session, "", menu(site)))
    return ListPage(view, as_of(site, await counter(session, ("", ""))))


async def department_page(
    session: AsyncSession, site: SiteView, args: dict[str, Any]
) -> ListPage | None:
    """Return the page of a body; its newest items are also those of the bodies below it."""
    body = await body_state(session, args["department"])
    if body is None:
        return None
    below = await _below(session, body.code)
    family = [body.code, *(row.code for row in below)]
    count = await counter(session, (body.code, ""))
    lines = {line.code: line for line in await rows.department_lines(session)}
    children = tuple(
        replace(lines[row.code], count=row.total)
        for row in sorted(below, key=lambda row: (row.position, row.code))
        if row.parent == body.code
    )
    view = views.DepartmentView(
        department=body,
        parent=lines.get(body.parent) if body.parent else None,
        children=children,
        ongoing=await rows.ongoing(session, site, 8, codes=family),
        latest=await rows.newest_of_bodies(session, family, _ON_DEPARTMENT, site),
        entries=await rows.entry_lines(session, body.code, menu(site, body)),
        count=count.listed if count else 0,
    )
    return ListPage(view, as_of(site, await _newest_of(session, family)))


async def _newest_of(session: AsyncSession, codes: list[str]) -> Any:
    """Return the counter, of those of *codes*, that has seen the newest event."""
    found = await session.execute(
        select(bucket)
        .where(bucket.c.department.in_(codes), bucket.c.entry == "", bucket.c.step == ALL)
        .order_by(bucket.c.sequence.desc())
        .limit(1)
    )
    return found.first()


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


async def entrance(session: AsyncSession, site: SiteView, args: dict[str, Any]) -> ListPage | None:
    """Return one of the five entrances, of the site or of a body."""
    code, kind = args["department"], args["entrance"]
    body = await body_state(session, code) if code else None
    if code and body is None:
        return None
    entry = _ENTRANCE_ENTRY.get(kind, "")
    content = kind == "content"
    view = views.EntranceView(
        kind=kind,
        department=body,
        rows=()
        if content
        else await rows.rows_in(session, (code, entry), Stretch(limit=_IN_ENTRANCE), site),
        entries=await rows.entry_lines(session, code, menu(site, body)) if content else (),
        departments=() if code else await rows.department_lines(session, entry),
    )
    return ListPage(view, as_of(site, await counter(session, (code, entry))))


async def entry(session: AsyncSession, site: SiteView, args: dict[str, Any]) -> ListPage | None:
    """Return a catalogue entry of a body or of the site; a blank one says when it should have been filled."""
    code, entry_code = scope = (args["department"], args["entry"])
    count = await counter(session, scope)
    body = await body_state(session, code) if code else None
    if (code and body is None) or (count is None and entry_code not in site.entries):
        return None
    about = entry_of(site, entry_code)
    own = next((one for one in body.entries if one.code == entry_code), None) if body else None
    total = count.listed if count else 0
    newest = await rows.rows_in(session, scope, Stretch(limit=_ON_ENTRY), site)
    below = [other for other in menu(site, body) if other.startswith(f"{entry_code}.")]
    lines = (
        ()
        if code
        else tuple(line for line in await rows.department_lines(session, entry_code) if line.count)
    )
    view = views.EntryView(
        entry=about,
        department=body,
        children=await rows.entry_lines(session, code, below),
        rows=newest,
        count=total,
        years=tuple(await _finer(session, scope, YEAR, date.min, date.max))
        if total > len(newest)
        else (),
        responsible=own.responsible if own else None,
        blank=_blank(about, own, site) if not total else None,
        departments=lines,
    )
    return ListPage(view, as_of(site, count))


def entry_of(site: SiteView, code: str) -> CatalogueEntry:
    """Return a catalogue entry; one that the catalogue does not know has its code as its name."""
    known = site.entries.get(code)
    return known or CatalogueEntry(
        code=code, names=Names.model_validate({"zh-Hans": code}), frequency="on_change"
    )


def _blank(about: CatalogueEntry, own: DepartmentEntry | None, site: SiteView) -> views.Blank:
    return views.Blank(
        due_on=due_on(about.frequency, site.today) if site.now else None,
        responsible=own.responsible if own else None,
        note=own.blank_note if own else None,
    )


async def _finer(
    session: AsyncSession, scope: Scope, step: int, first: date, last: date
) -> list[views.Bucket]:
    """Return the lists of *step* between two days that have items, newest first."""
    found = await session.execute(
        select(bucket.c.start, bucket.c.part, bucket.c.listed)
        .where(
            bucket.c.department == scope[0],
            bucket.c.entry == scope[1],
            bucket.c.step == step,
            bucket.c.start.between(first, last),
            bucket.c.listed > 0,
        )
        .order_by(bucket.c.start.desc(), bucket.c.part.desc())
        .limit(FULL)
    )
    return [named(step, row.start, row.part, row.listed) for row in found]


def named(step: int, start: date, part: int = 0, count: int = 0) -> views.Bucket:
    """Return a calendar list as pages take it."""
    return views.Bucket(
        start.year,
        start.month if step > YEAR else None,
        start.day if step > YEAR + 1 else None,
        count,
        **({"part": part} if part else {}),
    )


async def corrections(session: AsyncSession, site: SiteView, args: dict[str, Any]) -> ListPage:
    """Return corrections and withdrawals, of a year or the newest."""
    found = await rows.corrections(session, _CORRECTIONS, args["year"])
    years = await _finer(session, ("", "~corrections"), YEAR, date.min, date.max)
    view = views.CorrectionsView(
        found.rows, args["year"], tuple(years) if args["year"] is None else ()
    )
    at: datetime | None = found.at
    return ListPage(view, replace(site, sequence=found.sequence, updated_at=at) if at else site)


async def plain(_session: AsyncSession, site: SiteView, args: dict[str, Any]) -> ListPage:
    """Return a page of the frame's own words."""
    return ListPage(views.PlainView(args["page"]), site)


Loader = Callable[[AsyncSession, SiteView, dict[str, Any]], Awaitable[ListPage | None]]
