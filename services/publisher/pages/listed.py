"""What list pages say: lines of bodies and entries, groups, breadcrumbs. Labels in the frame's language."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TypeAlias

from services.publisher.pages import paths, periods
from services.publisher.pages.views import (
    Bucket,
    CalendarView,
    Correction,
    DepartmentLine,
    EntryLine,
    Row,
    SiteView,
)
from shared.events.record import CatalogueEntry, DepartmentState
from shared.web import dates
from shared.web.dates import Lang
from shared.web.frame import say

Line: TypeAlias = tuple[str, str, int | None, date | None]
"""Label, path, number of items, newest 发布日期."""
Group: TypeAlias = tuple[str, list[Line], int]
"""Name, the lines shown, and how many there are when not all are shown (else 0)."""
Step: TypeAlias = tuple[str, str]

KINDS = ("government", "bureau", "township", "village", "institution")
ON_HOME = 30
"""Bodies of one kind shown on the home page."""


def department_line(line: DepartmentLine, lang: Lang, path: str | None = None) -> Line:
    """Return a body with its count, leading to its page or to *path*."""
    return line.names.of(lang), path or paths.department(line.code), line.count, line.latest_on


def groups(lines: Iterable[DepartmentLine], lang: Lang, limit: int = 0) -> list[Group]:
    """Return bodies by kind, in the fixed order of kinds; at most *limit* of each when that is given."""
    every = list(lines)
    found: list[Group] = []
    for kind in KINDS:
        members = [department_line(line, lang) for line in every if line.kind == kind]
        if members:
            more = len(members) if limit and len(members) > limit else 0
            found.append((say(f"kind-{kind}", lang), members[:limit] if more else members, more))
    return found


def entry_name(code: str, lang: Lang, site: SiteView) -> str:
    """Return the name of a catalogue entry; an unknown code is its own name."""
    entry = site.entries.get(code)
    return entry.names.of(lang) if entry else code


def entry_lines(
    lines: Iterable[EntryLine], lang: Lang, site: SiteView, department: str | None = None
) -> list[Line]:
    """Return catalogue entries with their counts."""
    return [
        (
            entry_name(line.code, lang, site),
            paths.entry(line.code, department),
            line.count,
            line.latest_on,
        )
        for line in lines
    ]


def bucket_name(bucket: Bucket, lang: Lang) -> str:
    """Return 2026年, 2026年11月, 11月23日（周一）, or that with 第 n 部分."""
    if bucket.month and bucket.day:
        day = dates.full(date(bucket.year, bucket.month, bucket.day), lang)
        return f"{day} {say('part-n', lang, n=bucket.part)}" if bucket.part else day
    if bucket.month:
        return dates.month(bucket.year, bucket.month, lang)
    return dates.year(bucket.year, lang)


def bucket_line(bucket: Bucket, lang: Lang, department: str | None, entry: str | None) -> Line:
    """Return a calendar list with its count."""
    path = paths.calendar(
        department, entry, year=bucket.year, month=bucket.month, day=bucket.day, part=bucket.part
    )
    return bucket_name(bucket, lang), path, bucket.count, None


def scope_steps(
    department: DepartmentState | None, entry: CatalogueEntry | None, lang: Lang
) -> list[Step]:
    """Return the breadcrumb down to a body and an entry."""
    steps: list[Step] = []
    code = department.code if department else None
    if department:
        steps.append((department.names.of(lang), paths.department(department.code)))
    if entry:
        steps.append((say("entrance-content", lang), paths.entrance("content", code)))
        steps.append((entry.names.of(lang), paths.entry(entry.code, code)))
    return steps


def calendar_steps(view: CalendarView, lang: Lang) -> list[Step]:
    """Return the breadcrumb down to the list above a calendar list."""
    code, entry = (
        view.department.code if view.department else None,
        view.entry.code if view.entry else None,
    )
    steps = scope_steps(view.department, view.entry, lang)
    if view.year:
        steps.append((say("calendar", lang), paths.calendar(code, entry)))
    if view.year and view.month:
        steps.append((dates.year(view.year, lang), paths.calendar(code, entry, year=view.year)))
    if view.year and view.month and view.day:
        above = paths.calendar(code, entry, year=view.year, month=view.month)
        steps.append((dates.month(view.year, view.month, lang), above))
        if view.part:
            day = paths.calendar(code, entry, year=view.year, month=view.month, day=view.day)
            steps.append((dates.full(date(view.year, view.month, view.day), lang), day))
    return steps


def calendar_name(view: CalendarView, lang: Lang) -> str:
    """Return the calendar list's own name."""
    if view.year is None:
        return say("calendar", lang)
    return bucket_name(Bucket(view.year, view.month, view.day, part=view.part), lang)


def days_left(row: Row, lang: Lang, site: SiteView) -> str:
    """Return 还剩 n 天 of a row whose period is open."""
    return periods.left(row.period, site.today, lang, site.settings.timezone) if row.period else ""


def row_span(row: Row, lang: Lang, site: SiteView) -> str:
    """Return both ends of a row's period, this year left unsaid."""
    if row.period is None:
        return ""
    return periods.span(row.period, lang, site.settings.timezone, site.today.year)


def same_year(rows: Iterable[Row], today: date) -> bool:
    """Say whether the year of all rows is this year, and so need not be said."""
    return all(row.published_on.year == today.year for row in rows)


def sorted_corrections(lines: Iterable[Correction]) -> list[Correction]:
    """Return corrections newest first, in one order whatever order they came in."""
    return sorted(lines, key=lambda line: (line.at, line.url), reverse=True)
