"""What each kind of page is made of: frozen values, filled by the publisher's mechanism.

One function per kind, all in `services.publisher.pages.render`, each a pure function of its arguments::

    render_home(view: HomeView, lang: Lang, site: SiteView) -> str
    render_department(view: DepartmentView, lang: Lang, site: SiteView) -> str
    render_departments(view: DepartmentsView, lang: Lang, site: SiteView) -> str
    render_entrance(view: EntranceView, lang: Lang, site: SiteView) -> str
    render_entry(view: EntryView, lang: Lang, site: SiteView) -> str
    render_calendar(view: CalendarView, lang: Lang, site: SiteView) -> str
    render_item(view: ItemView, lang: Lang, site: SiteView) -> str          lang = frame_language(state.language)
    render_version(view: VersionView, lang: Lang, site: SiteView) -> str    the same
    render_notice(view: NoticeView, lang: Lang, site: SiteView) -> str      the same
    render_corrections(view: CorrectionsView, lang: Lang, site: SiteView) -> str
    render_plain(view: PlainView, lang: Lang, site: SiteView) -> str        about, accessibility, data, 404
    render_site_map(view: SiteMapView, lang: Lang, site: SiteView) -> str

Lists show `site.sequence` and `site.updated_at` in the footer; item, version and notice pages show neither,
and read `site.today` and `site.now` only where the item has a period, so they change only with their own record (and
with `_site.day` while a period is pending or open: `periods.waits_for_day(state, now)` says whether). Paths:
`paths.py`. Every string is plain text, unescaped; HTML occurs in `ItemState.body.content` and in the portal's
fragments alone. `shared.web.frame` has `frame_language`, `default_settings()` and `asset_files()` (path → bytes, to be
written once); `services.publisher.pages.render.digest()` changes when templates, words or looks do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from services.publisher.pages.paths import Entrance
from shared.events.intake import Period
from shared.events.record import CatalogueEntry, DepartmentState, ItemState, Names, Responsible
from shared.web.frame import SiteFrame

Badge = Literal[
    "explained",
    "corrected",
    "withdrawn",
    "amended",
    "repealed",
    "expired",
    "on_application",
    "ongoing",
    "closed",
]
"""What a list row says beside its title; each has its word in three languages."""
RelationType = Literal["interprets", "amends", "repeals", "replaces", "related"]


@dataclass(frozen=True)
class SiteView(SiteFrame):
    """What every page needs to know of the site; one value for all pages of a run.

    The frame's own fields come first: `settings`, `site_url`, `prefix`, `portal_header`, `portal_footer`.
    """

    entries: Mapping[str, CatalogueEntry] = field(default_factory=dict)
    """The standard catalogue by code, in its order."""
    genres: Mapping[str, Names] = field(default_factory=dict)
    topics: Mapping[str, Names] = field(default_factory=dict)
    today: date = date(1970, 1, 1)
    """From the newest `_site.day`; never from a clock."""
    now: datetime | None = None
    """The instant (`at`) of the newest `_site.day`: tells whether a period is pending, open or over."""
    sequence: int = 0
    updated_at: datetime | None = None
    """Number and time of the newest record event a list reflects: 更新至 时:分:秒 第 n 号. Lists only."""


@dataclass(frozen=True)
class Row:
    """One item in a list."""

    title: str
    url: str
    published_on: date
    """`first_published_on`, or the local day of `published_at`."""
    department_code: str
    department: Names
    catalogue: str | None = None
    genre: str | None = None
    document_number: str | None = None
    language: str = "zh-Hans"
    badges: tuple[Badge, ...] = ()
    attachments: int = 0
    period: Period | None = None
    phone: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Pair:
    """A policy and what explains it 政策与解读."""

    policy: Row
    explainers: tuple[Row, ...]


@dataclass(frozen=True)
class DepartmentLine:
    """A body in a list of bodies."""

    code: str
    names: Names
    kind: Literal["government", "bureau", "township", "village", "institution"]
    count: int = 0
    """Items in lists now."""
    latest_on: date | None = None
    """发布日期 of the newest."""


@dataclass(frozen=True)
class EntryLine:
    """A catalogue entry in a list of entries."""

    code: str
    count: int = 0
    latest_on: date | None = None


@dataclass(frozen=True)
class Correction:
    """One line of 更正与撤回: a correction, or a withdrawal of any kind."""

    kind: Literal["corrected", "withdrawn", "gone", "redirect", "vanish"]
    at: datetime
    url: str
    department_code: str
    department: Names
    title: str | None = None
    """None for gone, redirect and vanish."""
    note: str | None = None
    """更正说明, or the public reason."""
    version: int | None = None


@dataclass(frozen=True)
class HomeView:
    """The home page, in the order of its parts."""

    emergencies: tuple[Row, ...] = ()
    """紧急信息, only while open (important or `emergency`, period open); `period`, `phone`, `updated_at` filled."""
    ongoing: tuple[Row, ...] = ()
    """正在进行: period open today, soonest closing first; `period` and `phone` filled."""
    latest: tuple[Row, ...] = ()
    """The ten newest."""
    pairs: tuple[Pair, ...] = ()
    departments: tuple[DepartmentLine, ...] = ()
    """All bodies in their order; the page groups them by kind."""
    entries: tuple[EntryLine, ...] = ()
    """按事项: entries of the menu."""
    corrections: tuple[Correction, ...] = ()
    """The newest five."""


@dataclass(frozen=True)
class DepartmentView:
    """The page of a body."""

    department: DepartmentState
    parent: DepartmentLine | None = None
    children: tuple[DepartmentLine, ...] = ()
    """Bodies below it, with their roll-up counts."""
    ongoing: tuple[Row, ...] = ()
    latest: tuple[Row, ...] = ()
    """The newest twenty."""
    entries: tuple[EntryLine, ...] = ()
    """The entries of its menu: on, and not hidden."""
    count: int = 0


@dataclass(frozen=True)
class DepartmentsView:
    """The list of all bodies."""

    departments: tuple[DepartmentLine, ...] = ()


@dataclass(frozen=True)
class EntranceView:
    """One of the five entrances, of the site (department None) or of a body."""

    kind: Entrance
    department: DepartmentState | None = None
    rows: tuple[Row, ...] = ()
    """Newest first. guide: catalogue `guide`; system: items of other entries with the topic or keyword 政府信息公开;
    annual-reports: `annual-report`; on-application: items disclosed on application."""
    entries: tuple[EntryLine, ...] = ()
    """content: every entry of the menu, blank ones too."""
    departments: tuple[DepartmentLine, ...] = ()
    """Site-wide pages: bodies that have this entrance (count: what lies behind it)."""


@dataclass(frozen=True)
class Blank:
    """Why a list is empty: when it should have been updated, and who is responsible."""

    due_on: date | None = None
    """Last day on which something should have appeared, by the entry's frequency; None when nothing is due by date."""
    responsible: Responsible | None = None
    note: str | None = None
    """The body's own `blank_note`."""


@dataclass(frozen=True)
class Bucket:
    """A calendar list within a wider one."""

    year: int
    month: int | None = None
    day: int | None = None
    count: int = 0
    part: int | None = None
    """Of a day over 200 items: which two hundred of them, from 1."""


@dataclass(frozen=True)
class EntryView:
    """A catalogue entry 目录事项 of a body, or of the site (department None)."""

    entry: CatalogueEntry
    department: DepartmentState | None = None
    children: tuple[EntryLine, ...] = ()
    rows: tuple[Row, ...] = ()
    """The newest fifty."""
    count: int = 0
    years: tuple[Bucket, ...] = ()
    """Newest first; shown when there are more items than rows."""
    responsible: Responsible | None = None
    blank: Blank | None = None
    """Given when there is no item."""
    departments: tuple[DepartmentLine, ...] = ()
    """Site-wide: what each body has in this entry."""


@dataclass(frozen=True)
class CalendarView:
    """A calendar list: all years (year None), a year, a month, a day of a month over 200 items, or a part of such a day."""

    department: DepartmentState | None = None
    entry: CatalogueEntry | None = None
    year: int | None = None
    month: int | None = None
    day: int | None = None
    part: int | None = None
    buckets: tuple[Bucket, ...] = ()
    """Lists one step finer, newest first; empty when the rows are here."""
    rows: tuple[Row, ...] = ()
    """Newest first."""
    newer: Bucket | None = None
    older: Bucket | None = None
    """The neighbouring lists of the same step that have items."""
    count: int = 0


@dataclass(frozen=True)
class Related:
    """Another item at the other end of a relation, as far as readers may see it."""

    type: RelationType
    title: str
    url: str
    published_on: date | None = None
    document_number: str | None = None
    effective_on: date | None = None
    """Its 施行日期: from then on what it repeals is repealed."""


@dataclass(frozen=True)
class ItemView:
    """The current page of a published item."""

    state: ItemState
    sha256: str = ""
    """SHA-256 of the public state."""
    department: DepartmentState | None = None
    """The body with its newest names; the names in the state are used without it."""
    relations: tuple[Related, ...] = ()
    """What this item says of others; targets that readers cannot see are left out."""
    back_links: tuple[Related, ...] = ()
    """What others say of this item; `type` as they say it."""
    versions_kept: tuple[int, ...] = ()
    """Versions that have a page of their own below `url` (sealed and unknown ones have none)."""


@dataclass(frozen=True)
class VersionView:
    """One version of an item, current or old, with what it changed."""

    state: ItemState
    """As it was at that version."""
    current: bool
    """False: a banner leads to the newest version."""
    sha256: str = ""
    previous: ItemState | None = None
    """The version before it, when readers may see that."""
    department: DepartmentState | None = None


@dataclass(frozen=True)
class NoticeView:
    """What stands at the address of a withdrawn, gone, redirected or vanished item."""

    state: ItemState
    department: DepartmentState | None = None
    target_title: str | None = None
    """redirect: title of the item at `state.redirect_to`, when it is one of this site."""
    published_on: date | None = None
    """withdrawn: 发布日期 of the text that was here."""


@dataclass(frozen=True)
class CorrectionsView:
    """All corrections and withdrawals of a stretch of time, newest first."""

    rows: tuple[Correction, ...] = ()
    year: int | None = None
    years: tuple[Bucket, ...] = ()


@dataclass(frozen=True)
class PlainView:
    """A page of the frame's own words."""

    kind: Literal["about", "accessibility", "data", "not-found"]


@dataclass(frozen=True)
class SiteMapView:
    """The site map for readers 站点地图."""

    departments: tuple[DepartmentLine, ...] = ()
    entries: tuple[EntryLine, ...] = ()
