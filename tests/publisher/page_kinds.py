"""One page of every kind, of the sample county, in every language it exists in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from services.publisher.pages import paths
from services.publisher.pages import render as draw
from services.publisher.pages import views as v
from shared.events.record import ItemState
from shared.web.dates import LANGS, Lang
from shared.web.frame import frame_language
from tests.publisher.sample_site import TODAY, County

ITEMS = (
    "transport/s207-shiqiao-closure",
    "finance/budget-2026",
    "county-government/elderly-allowance-2026",
    "county-government/elderly-allowance-2019",
    "county-government/annual-report-2025",
    "county-government/foreign-residents-guide",
    "county-government/taiwan-compatriots",
    "natural-resources/compensation-riverside-round-3",
)
WITHDRAWN = "county-government/service-hall-weekend"

PLAIN = (
    (v.PlainView("about"), paths.about()),
    (v.PlainView("accessibility"), paths.accessibility()),
    (v.PlainView("data"), paths.data()),
    (v.PlainView("not-found"), paths.not_found()),
)


def every_page(county: County) -> dict[str, tuple[str, str]]:
    """Return name → (path, HTML) of one page of every kind."""
    pages: dict[str, tuple[str, str]] = {}
    for lang in LANGS:
        for name, path, html in _lists(county, lang):
            pages[f"{name} {lang}"] = (paths.in_language(path, lang), html)
    for key in ITEMS:
        state = county.current(key)
        pages[key] = (state.url, item_page(county, key))
    return pages | _versions(county) | _notices(county)


def item_page(county: County, key: str, site: v.SiteView | None = None) -> str:
    """Return the page of an item of the county."""
    view = county.item_view(key)
    return draw.render_item(view, frame_language(view.state.language), site or county.site)


def _versions(county: County) -> dict[str, tuple[str, str]]:
    old, new = county.items[ITEMS[0]][:2]
    first = v.VersionView(old, current=False, sha256="a" * 64)
    second = v.VersionView(new, current=True, sha256="b" * 64, previous=old)
    return {
        "version 1": (
            paths.version(old.url, 1),
            draw.render_version(first, "zh-Hans", county.site),
        ),
        "version 2": (
            paths.version(old.url, 2),
            draw.render_version(second, "zh-Hans", county.site),
        ),
    }


def _notices(county: County) -> dict[str, tuple[str, str]]:
    state = county.current(WITHDRAWN)
    target = county.current(ITEMS[2])
    bare = {"title": None, "body": None, "summary": None, "document_number": None}
    forms: dict[str, ItemState] = {
        "withdrawn": state,
        "gone": state.model_copy(update={**bare, "state": "gone"}),
        "redirect": state.model_copy(
            update={**bare, "state": "redirect", "redirect_to": target.url}
        ),
        "vanish": state.model_copy(
            update={**bare, "state": "vanish", "reason": "《条例》第十四条"}
        ),
    }
    return {
        kind: (
            f"/notices/{kind}/",
            draw.render_notice(
                v.NoticeView(
                    form,
                    target_title=target.title if kind == "redirect" else None,
                    published_on=TODAY,
                ),
                "zh-Hans",
                county.site,
            ),
        )
        for kind, form in forms.items()
    }


def _lists(county: County, lang: Lang) -> Iterator[tuple[str, str, str]]:
    site = county.site
    rows = tuple(county.row(state) for state in county.newest())
    body = county.departments["transport"]
    own = tuple(row for row in rows if row.department_code == body.code)
    yield "home", "/", draw.render_home(county.home(), lang, site)
    department = v.DepartmentView(
        body,
        latest=own[:20],
        entries=county.entry_lines(body.code),
        count=len(own),
        ongoing=tuple(row for row in own if row.period),
        children=county.department_lines()[:2],
    )
    yield "department", paths.department(body.code), draw.render_department(department, lang, site)
    bodies = v.DepartmentsView(county.department_lines())
    yield "departments", paths.departments(), draw.render_departments(bodies, lang, site)
    for kind in paths.ENTRANCES:
        here = v.EntranceView(
            kind, rows=rows[:3], entries=county.entry_lines(), departments=county.department_lines()
        )
        yield f"entrance {kind}", paths.entrance(kind), draw.render_entrance(here, lang, site)
        blank = v.EntranceView(kind, body, entries=county.entry_lines(body.code))
        yield (
            f"body's {kind}",
            paths.entrance(kind, body.code),
            draw.render_entrance(blank, lang, site),
        )
    entry = site.entries["regulation.normative"]
    full = v.EntryView(
        entry,
        rows=rows[:50],
        count=200,
        years=(v.Bucket(2026, count=150), v.Bucket(2025, count=50)),
        departments=county.department_lines()[:5],
        children=county.entry_lines()[:2],
    )
    yield "entry", paths.entry(entry.code), draw.render_entry(full, lang, site)
    yield (
        "blank entry",
        paths.entry(entry.code, body.code),
        draw.render_entry(blank_entry(county), lang, site),
    )
    year = v.CalendarView(
        year=2026,
        buckets=tuple(v.Bucket(2026, m, count=m) for m in range(11, 0, -1)),
        older=v.Bucket(2025),
        count=66,
    )
    yield "year", paths.calendar(year=2026), draw.render_calendar(year, lang, site)
    now = tuple(
        row for row in rows if (row.published_on.year, row.published_on.month) == (2026, 11)
    )
    month = v.CalendarView(
        body, entry, 2026, 11, rows=now, newer=v.Bucket(2026, 12), older=v.Bucket(2026, 10), count=9
    )
    at = paths.calendar(body.code, entry.code, year=2026, month=11)
    yield "month", at, draw.render_calendar(month, lang, site)
    fixed = v.CorrectionsView(county.corrections(), years=(v.Bucket(2026, count=5),))
    yield "corrections", paths.corrections(), draw.render_corrections(fixed, lang, site)
    for view, path in PLAIN:
        yield view.kind, path, draw.render_plain(view, lang, site)
    tree = v.SiteMapView(county.department_lines(), county.entry_lines())
    yield "site map", paths.site_map(), draw.render_site_map(tree, lang, site)


def blank_entry(county: County) -> v.EntryView:
    """Return an entry of a body in which nothing has been published."""
    body = county.departments["transport"]
    responsible = county.departments["county-government"].entries[0].responsible
    return v.EntryView(
        county.site.entries["regulation.normative"], body, blank=v.Blank(TODAY, responsible)
    )


def with_site(county: County, **changes: object) -> v.SiteView:
    """Return the county's site with some of its fields changed."""
    return replace(county.site, **changes)  # type: ignore[arg-type]
