"""Every page of the public site: one function per kind, values in, HTML out.

Each function is pure: the same view, language and site give the same bytes. `views.py` says what they take.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, Template
from markupsafe import Markup

from services.publisher.pages import body, differences, item, listed, paths, structured
from services.publisher.pages.qr import qr_code
from services.publisher.pages.views import (
    CalendarView,
    CorrectionsView,
    DepartmentsView,
    DepartmentView,
    EntranceView,
    EntryView,
    HomeView,
    ItemView,
    NoticeView,
    PlainView,
    SiteMapView,
    SiteView,
    VersionView,
)
from shared.events.intake import Attachment
from shared.events.record import ItemState, Names, SiteSettings
from shared.web import dates, frame
from shared.web.dates import Lang
from shared.web.frame import LANGUAGE_PREFIX, say

HERE = Path(__file__).parent.parent / "templates"
Feeds = tuple[tuple[str, str], ...]

_COLUMN = "政府信息公开"
_PLAIN_PATH = {
    "about": paths.about(),
    "accessibility": paths.accessibility(),
    "data": paths.data(),
    "not-found": paths.not_found(),
}
_RIGHT_TO_LEFT = ("ar", "he", "fa", "ur", "ug", "yi")


@cache
def _environment() -> Environment:
    return frame.environment(HERE)


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


def read_templates() -> None:
    """Compile every template now: no page is the one that waits for it."""
    for name in _environment().list_templates(extensions=("html",)):
        _template(name)


@cache
def digest() -> str:
    """Return a digest of everything that pages are made with: a change of it calls for a rebuild."""
    total = hashlib.sha256()
    for folder, ending in (
        (HERE, "*.html"),
        (frame.HERE, "**/*.*"),
        (Path(__file__).parent, "*.py"),
    ):
        for file in sorted(folder.glob(ending)):
            if file.suffix in {".html", ".py", ".css", ".js"}:
                total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


@lru_cache(maxsize=256)
def _edge(name: str, lang: Lang, path: str | None, prefix: str, settings: str) -> Markup:
    """Return the header or footer, rendered once for all pages that share it; *settings* are those of the site, as JSON."""
    site = frame.SiteFrame(SiteSettings.model_validate_json(settings), "", prefix)
    return Markup(_template(name).render(lang=lang, site=site, path=path))


def _page(name: str, lang: Lang, site: SiteView, **values: Any) -> str:
    settings = site.settings.model_dump_json()
    values["header"] = _edge("header.html", lang, values.get("path"), site.prefix, settings)
    values["footer"] = _edge("footer.html", lang, None, site.prefix, settings)
    return _template(name).render(lang=lang, site=site, paths=paths, **values)


def feeds_of(department: str | None = None, entry: str | None = None) -> Feeds:
    """Return types and paths of the three feeds of a scope."""
    return (
        ("application/atom+xml", paths.feed("atom", department, entry)),
        ("application/rss+xml", paths.feed("rss", department, entry)),
        ("application/feed+json", paths.feed("json", department, entry)),
    )


def _list_page(name: str, title: str, path: str, lang: Lang, site: SiteView, **values: Any) -> str:
    """Render a list page: what all of them have in common, and its own values."""
    values.setdefault("steps", [])
    values.setdefault("here", title)
    values.setdefault("feeds", ())
    values.setdefault("meta", structured.list_metas(title, values.pop("column", _COLUMN), title))
    values.setdefault("json_ld", structured.list_data(title, path, lang, site))
    return _page(name, lang, site, title=title, path=path, **values)


def render_home(view: HomeView, lang: Lang, site: SiteView) -> str:
    """Return the home page."""
    entries = [line for line in view.entries if line.count]
    return _list_page(
        "home.html",
        site.settings.names.of(lang),
        paths.home(),
        lang,
        site,
        view=view,
        here=None,
        feeds=feeds_of(),
        json_ld=structured.home_data(lang, site),
        left=lambda row: listed.days_left(row, lang, site),
        span=lambda row: listed.row_span(row, lang, site),
        brief=lambda at: dates.brief(dates.local(at, site.settings.timezone), lang),
        same_year=listed.same_year(view.latest, site.today),
        groups=listed.groups(view.departments, lang, listed.ON_HOME),
        entry_lines=listed.entry_lines(entries, lang, site),
        correction_lines=listed.sorted_corrections(view.corrections),
    )


def render_department(view: DepartmentView, lang: Lang, site: SiteView) -> str:
    """Return the page of a body."""
    department = view.department
    parent = (
        [(view.parent.names.of(lang), paths.department(view.parent.code))] if view.parent else []
    )
    return _list_page(
        "department.html",
        department.names.of(lang),
        paths.department(department.code),
        lang,
        site,
        view=view,
        steps=parent,
        feeds=feeds_of(department.code),
        json_ld=structured.department_data(department, lang, site),
        left=lambda row: listed.days_left(row, lang, site),
        entry_lines=listed.entry_lines(view.entries, lang, site, department.code),
        child_lines=[listed.department_line(child, lang) for child in view.children],
    )


def render_departments(view: DepartmentsView, lang: Lang, site: SiteView) -> str:
    """Return the list of all bodies."""
    title = say("departments", lang)
    shown = listed.groups(view.departments, lang)
    return _list_page(
        "departments.html", title, paths.departments(), lang, site, view=view, groups=shown
    )


def render_entrance(view: EntranceView, lang: Lang, site: SiteView) -> str:
    """Return one of the five entrances, of the site or of a body."""
    code = view.department.code if view.department else None
    contact = view.department.contact if view.department else None
    lines = [
        listed.department_line(line, lang, paths.entrance(view.kind, line.code))
        for line in view.departments
    ]
    return _list_page(
        "entrance.html",
        say(f"entrance-{view.kind}", lang),
        paths.entrance(view.kind, code),
        lang,
        site,
        view=view,
        steps=listed.scope_steps(view.department, None, lang),
        entry_lines=listed.entry_lines(view.entries, lang, site, code),
        department_lines=lines,
        ask=(contact.phone if contact else None) or site.settings.phone,
    )


def render_entry(view: EntryView, lang: Lang, site: SiteView) -> str:
    """Return a catalogue entry of a body or of the site."""
    code = view.department.code if view.department else None
    entry = view.entry
    return _list_page(
        "entry.html",
        entry.names.of(lang),
        paths.entry(entry.code, code),
        lang,
        site,
        view=view,
        code=code,
        limit=_limit(entry.limit_hours, entry.limit_days, lang),
        steps=listed.scope_steps(view.department, view.entry, lang)[:-1],
        feeds=feeds_of(code, entry.code),
        child_lines=listed.entry_lines(view.children, lang, site, code),
        year_lines=[listed.bucket_line(bucket, lang, code, entry.code) for bucket in view.years],
        department_lines=[
            listed.department_line(line, lang, paths.entry(entry.code, line.code))
            for line in view.departments
        ],
    )


def _limit(hours: int | None, days: int | None, lang: Lang) -> str:
    if hours:
        return say("limit-hours", lang, n=hours)
    return say("limit-days", lang, n=days) if days else ""


def render_calendar(view: CalendarView, lang: Lang, site: SiteView) -> str:
    """Return a calendar list."""
    code, entry = (
        view.department.code if view.department else None,
        view.entry.code if view.entry else None,
    )
    lines = [listed.bucket_line(bucket, lang, code, entry) for bucket in view.buckets]
    return _list_page(
        "calendar.html",
        listed.calendar_name(view, lang),
        paths.calendar(code, entry, year=view.year, month=view.month, day=view.day, part=view.part),
        lang,
        site,
        view=view,
        steps=listed.calendar_steps(view, lang),
        bucket_lines=lines,
        newer=listed.bucket_line(view.newer, lang, code, entry) if view.newer else None,
        older=listed.bucket_line(view.older, lang, code, entry) if view.older else None,
    )


def render_corrections(view: CorrectionsView, lang: Lang, site: SiteView) -> str:
    """Return the list of corrections and withdrawals."""
    title = say("corrections", lang)
    year = dates.year(view.year, lang) if view.year else None
    years = [
        (dates.year(b.year, lang), paths.corrections(b.year), b.count, None) for b in view.years
    ]
    return _list_page(
        "corrections.html",
        f"{title} {year}" if year else title,
        paths.corrections(view.year),
        lang,
        site,
        steps=[(title, paths.corrections())] if year else [],
        here=year or title,
        correction_lines=listed.sorted_corrections(view.rows),
        year_lines=years,
    )


def render_plain(view: PlainView, lang: Lang, site: SiteView) -> str:
    """Return a page of the frame's own words."""
    title = say(view.kind, lang)
    return _list_page(
        "plain.html",
        title,
        _PLAIN_PATH[view.kind] if view.kind != "not-found" else paths.home(),
        lang,
        site,
        view=view,
        interfaces=_interfaces() if view.kind == "data" else (),
        noindex=view.kind == "not-found",
    )


def _interfaces() -> list[tuple[str, str, str | None]]:
    return [
        ("feed-site", paths.feed("atom"), paths.feed("atom")),
        ("feed-department", paths.feed("atom", "CODE"), None),
        ("json-item", "…/index.json", None),
        ("api-search", "/api/search?q=", "/api/search?q="),
        ("api-records", "/api/records?after=0", "/api/records?after=0"),
        ("api-docs", "/api/docs", "/api/docs"),
        ("sitemap-file", "/sitemap.xml", "/sitemap.xml"),
    ]


def render_site_map(view: SiteMapView, lang: Lang, site: SiteView) -> str:
    """Return the site map for readers."""
    entrances = [
        (say(f"entrance-{kind}", lang), paths.entrance(kind), None, None)
        for kind in paths.ENTRANCES
    ]
    pages = [
        (say("calendar", lang), paths.calendar(), None, None),
        (say("corrections", lang), paths.corrections(), None, None),
        (say("search", lang), "/search", None, None),
        (say("subscribe", lang), "/subscribe", None, None),
        (say("data", lang), paths.data(), None, None),
        (say("accessibility", lang), paths.accessibility(), None, None),
        (say("about", lang), paths.about(), None, None),
    ]
    return _list_page(
        "site_map.html",
        say("site-map", lang),
        paths.site_map(),
        lang,
        site,
        entrance_lines=entrances,
        entry_lines=listed.entry_lines(view.entries, lang, site),
        groups=listed.groups(view.departments, lang),
        page_lines=pages,
    )


def render_item(view: ItemView, lang: Lang, site: SiteView) -> str:
    """Return the current page of a published item."""
    state = view.state
    names = item.department_names(view.department.names if view.department else None, state)
    relations = item.relation_groups(view, lang)
    return _page(
        "item.html",
        lang,
        site,
        view=view,
        state=state,
        department=names,
        official=item.is_official(state),
        strips=item.strips(view, lang, site),
        facts=item.key_facts(state, lang, site),
        cells=item.table(view, lang, site),
        text=_text(state, lang, site),
        text_attributes=text_attributes(state.language, lang),
        relations=relations,
        explained=any(r.type == "interprets" for r in view.back_links),
        versions=item.version_lines(view),
        citation=item.citation(state, lang),
        qr=qr_code(structured.absolute(state.url, site), say("qr-title", lang)),
        correction_link=_correction_link(state, lang, site),
        file_kind=file_kind,
        steps=_item_steps(state, names, lang, site),
        meta=structured.item_metas(state, lang, site),
        json_ld=structured.item_data(state, lang, site),
        feeds=feeds_of(state.department.code),
    )


def _text(state: ItemState, lang: Lang, site: SiteView) -> body.Text | None:
    if state.body is None:
        return None
    return body.present(state.body.content, site.prefix, table_label=say("table-n", lang))


def text_attributes(language: str, lang: Lang) -> Markup:
    """Return `lang` and `dir` for a text whose language is not the frame's."""
    if frame.frame_language(language) == lang and language.lower().startswith(("zh", "en")):
        return Markup()
    direction = "rtl" if language.partition("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"
    return Markup(' lang="{}" dir="{}"').format(language, direction)


def _item_steps(state: ItemState, names: Names, lang: Lang, site: SiteView) -> list[listed.Step]:
    code = state.department.code
    return [
        (names.of(lang), paths.department(code)),
        (listed.entry_name(state.catalogue, lang, site), paths.entry(state.catalogue, code)),
    ]


def _correction_link(state: ItemState, lang: Lang, site: SiteView) -> str:
    """Return where an error on the page can be told: by mail with the page filled in, else how to reach the office."""
    if not site.settings.email:
        return frame.link(LANGUAGE_PREFIX[lang] + paths.about(), site.prefix) + "#contact"
    subject = quote(say("page-correction-subject", lang, title=state.title or ""))
    return f"mailto:{site.settings.email}?subject={subject}&body={quote(structured.absolute(state.url, site))}"


def file_kind(attachment: Attachment) -> str:
    """Return the kind of file as readers know it: DOCX, PDF, XLSX."""
    _, dot, ending = attachment.name.rpartition(".")
    return ending.upper() if dot and len(ending) <= 5 else attachment.media_type


def render_version(view: VersionView, lang: Lang, site: SiteView) -> str:
    """Return one version of an item, with what it changed against the version before it."""
    state = view.state
    names = item.department_names(view.department.names if view.department else None, state)
    kind = "current" if view.current else "old"
    banner = item.sentence(
        f"banner-{kind}",
        lang,
        link=item.anchor(state.url, say(f"banner-{kind}-link", lang), site.prefix),
    )
    compared = _difference(view, lang, site)
    fields = _changed_fields(view, lang, site) if view.previous else []
    shown = compared.html if compared.count or view.previous else None
    text = _text(state, lang, site)
    if shown is None or compared.count == 0:
        shown = Markup(text.html if text else "")
    return _page(
        "version.html",
        lang,
        site,
        view=view,
        state=state,
        department=names,
        banner=banner,
        note=state.change_note,
        difference=compared,
        fields=fields,
        html=shown,
        text_attributes=text_attributes(state.language, lang),
        file_kind=file_kind,
        steps=[*_item_steps(state, names, lang, site)],
        noindex=True,
    )


def _marks(lang: Lang) -> differences.Words:
    return differences.Words(
        *(say(key, lang) for key in ("inserted", "inserted-end", "deleted", "deleted-end"))
    )


def _difference(view: VersionView, lang: Lang, site: SiteView) -> differences.Comparison:
    if view.previous is None:
        return differences.Comparison(Markup(), 0)
    old, new = (
        body.clean(state.body.content, site.prefix) if state.body else ""
        for state in (view.previous, view.state)
    )
    found = differences.compare(old, new, _marks(lang))
    boxed = Markup(body.box_tables(str(found.html), say("table-n", lang)))
    return differences.Comparison(boxed, found.count)


def _changed_fields(view: VersionView, lang: Lang, site: SiteView) -> list[tuple[str, Markup]]:
    """Return the data that changed beside the text: its name, and the change marked."""
    if view.previous is None:
        return []
    before, after = (_field_texts(state, lang, site) for state in (view.previous, view.state))
    return [
        (name, differences.compare_text(before.get(name, ""), after.get(name, ""), _marks(lang)))
        for name in dict.fromkeys([*before, *after])
        if before.get(name, "") != after.get(name, "")
    ]


def _field_texts(state: ItemState, lang: Lang, site: SiteView) -> dict[str, str]:
    cells = item.table(ItemView(state), lang, site)
    facts = item.key_facts(state, lang, site)
    texts = {say("title-field", lang): state.title or ""}
    for fact in [*facts, *cells]:
        texts.setdefault(fact.label, body.text_of(str(fact.value)))
    texts[say("attachments", lang)] = say("list-comma", lang).join(
        a.name for a in state.attachments
    )
    return texts


def _target(state: ItemState) -> str | None:
    """Return where a redirect leads: a path of this site or a web address, nothing else."""
    target = state.redirect_to if state.state == "redirect" else None
    if (
        target
        and (frame.link(target, "") == target)
        and target.startswith(("/", "https://", "http://"))
    ):
        return target
    return None


def render_notice(view: NoticeView, lang: Lang, site: SiteView) -> str:
    """Return what stands at the address of an item that is no longer there."""
    state = view.state
    names = item.department_names(view.department.names if view.department else None, state)
    title = (state.title or "") if state.state == "withdrawn" else ""
    target = _target(state)
    contact = view.department.contact if view.department else None
    return _page(
        "notice.html",
        lang,
        site,
        view=view,
        state=state,
        department=names,
        title=title
        or say(f"title-{state.state}" if state.state != "withdrawn" else "state-withdrawn", lang),
        target=target,
        target_absolute=structured.absolute(target, site)
        if target and target.startswith("/")
        else target,
        ask=(contact.phone if contact else None) or site.settings.phone,
        steps=[(names.of(lang), paths.department(state.department.code))],
        noindex=True,
    )
