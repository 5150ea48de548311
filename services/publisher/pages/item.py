"""What an item's page says around its text: status, key facts, the table, relations, versions, how to cite it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from services.publisher.pages import paths, periods
from services.publisher.pages.views import ItemView, Related, RelationType, SiteView
from shared.events.record import HistoryEntry, ItemState, Names
from shared.web import dates
from shared.web.dates import Lang
from shared.web.frame import LANGUAGE_PREFIX, link, phone_links, say
from shared.web.words import WORDS

_CORRECTION = re.compile("更正|订正|勘误|修正|訂正|勘誤|correct|erratum", re.IGNORECASE)
_OFFICIAL = re.compile(r"[〔\[（【(]\s*\d{4}\s*[〕\]）】)]")
_REPEALING: frozenset[RelationType] = frozenset({"repeals", "replaces"})

StripKind = Literal[
    "emergency",
    "pending",
    "open",
    "over",
    "corrected",
    "updated",
    "amended",
    "repealed",
    "expired",
    "apply",
]


@dataclass(frozen=True)
class Strip:
    """One sentence of the status strip."""

    kind: StripKind
    label: str
    text: Markup


@dataclass(frozen=True)
class Fact:
    """One line of 一看就懂, or one cell of the table."""

    label: str
    value: Markup
    wide: bool = False


@dataclass(frozen=True)
class VersionLine:
    """One version in the list of versions."""

    entry: HistoryEntry
    path: str | None
    compared: int | None
    """The version before it that readers may see: its page shows what changed since."""
    current: bool


def department_names(view_department: Names | None, state: ItemState) -> Names:
    """Return the newest names of the body that is known."""
    return view_department or state.department.names


def is_official(state: ItemState) -> bool:
    """Say whether this is an official document 公文: it has a number with a year in brackets."""
    return bool(state.document_number and _OFFICIAL.search(state.document_number))


def is_correction(note: str | None) -> bool:
    """Say whether a change note calls the change a correction, not merely news."""
    return bool(note and _CORRECTION.search(note))


def sentence(key: str, lang: Lang, **values: str | Markup) -> Markup:
    """Return the frame's sentence with escaped values, or ready links, put in."""
    return Markup(WORDS[key][lang]).format(**values)


def anchor(path: str, text: str, prefix: str) -> Markup:
    """Return a link."""
    return Markup('<a href="{}">{}</a>').format(link(path, prefix), text)


def titled(related: Related, lang: Lang, prefix: str) -> Markup:
    """Return a linked title with its number, in the marks of the language."""
    shown = (
        related.title if lang == "en" or related.title.startswith("《") else f"《{related.title}》"
    )
    number = f"（{related.document_number}）" if related.document_number and lang != "en" else ""
    return anchor(related.url, shown + number, prefix)


def strips(view: ItemView, lang: Lang, site: SiteView) -> list[Strip]:
    """Return the sentences over the title; none for a plain item in force."""
    found = [*_validity(view, lang, site), *_period(view.state, lang, site)]
    newest = _newest_note(view.state)
    if newest:
        kind: StripKind = "corrected" if is_correction(newest.note) else "updated"
        day = dates.full(dates.local(newest.at, site.settings.timezone).date(), lang)
        text = sentence(
            f"strip-{kind}", lang, day=day, note=newest.note or "", n=str(newest.version)
        )
        found.append(Strip(kind, say(f"strip-{kind}-label", lang), text))
    if view.state.disclosure == "on_application":
        how = anchor(
            LANGUAGE_PREFIX[lang] + paths.entrance("on-application", view.state.department.code),
            say("how-to-apply", lang),
            site.prefix,
        )
        found.append(
            Strip("apply", say("on-application", lang), sentence("strip-apply", lang, link=how))
        )
    return found


def _newest_note(state: ItemState) -> HistoryEntry | None:
    """Return the newest version after the first that was major and said why."""
    noted = [
        e
        for e in state.history
        if e.version > 1 and e.change == "major" and e.note and not e.sealed
    ]
    return max(noted, key=lambda e: e.version) if noted else None


def _validity(view: ItemView, lang: Lang, site: SiteView) -> Iterable[Strip]:
    state = view.state
    ending = [r for r in view.back_links if r.type in _REPEALING]
    amending = [r for r in view.back_links if r.type == "amends"]
    if ending:
        for related in ending:
            yield _ended_by(related, state, lang, site)
    elif state.validity in {"repealed", "expired"}:
        yield Strip(state.validity, say(f"validity-{state.validity}", lang), _ended(state, lang))
    if amending or state.validity == "amended":
        by = Markup(say("list-comma", lang)).join(titled(r, lang, site.prefix) for r in amending)
        text = (
            sentence("strip-amended-by", lang, by=by)
            if amending
            else Markup(escape(say("strip-amended", lang)))
        )
        yield Strip("amended", say("validity-amended", lang), text)


def _ended(state: ItemState, lang: Lang) -> Markup:
    if state.expires_on:
        return sentence(f"strip-{state.validity}-on", lang, day=dates.day(state.expires_on, lang))
    return Markup(escape(say(f"strip-{state.validity}", lang)))


def _ended_by(related: Related, state: ItemState, lang: Lang, site: SiteView) -> Strip:
    """Say which document ended this one; where the record has not yet drawn the consequence, only what that one says."""
    verb = "repealed" if related.type == "repeals" else "replaced"
    settled = state.validity in {"repealed", "expired"}
    by = titled(related, lang, site.prefix)
    key = f"strip-{verb}-by" if settled else f"strip-{verb}-says"
    text = sentence(key, lang, by=by)
    if related.effective_on:
        text += sentence("strip-from", lang, day=dates.day(related.effective_on, lang))
    else:
        text += Markup(escape(say("full-stop", lang)))
    return Strip("repealed", say(f"label-{verb}" if settled else f"label-{verb}-says", lang), text)


def _period(state: ItemState, lang: Lang, site: SiteView) -> Iterable[Strip]:
    if state.period is None:
        return
    at = periods.moment_of(site, state)
    where = periods.phase(state.period, at)
    kind = say(f"period-{state.period.kind}", lang)
    zone = site.settings.timezone
    if where == "pending" and state.period.opens_at:
        text = sentence(
            "strip-pending",
            lang,
            kind=kind,
            begin=periods.beginning(state.period.opens_at, lang, zone),
        )
        yield Strip("pending", say("not-yet-open", lang), text)
    elif where == "over" and state.period.closes_at:
        text = sentence(
            "strip-over", lang, kind=kind, end=periods.end(state.period.closes_at, lang, zone)
        )
        yield Strip("over", say("over", lang), text)
    elif where == "open":
        text = Markup(escape(kind))
        if state.period.closes_at:
            today = dates.local(at, zone).date()
            text = sentence(
                "strip-open-event" if state.period.kind == "event" else "strip-open",
                lang,
                kind=kind,
                end=periods.end(state.period.closes_at, lang, zone),
                left=periods.left(state.period, today, lang, zone),
            )
        urgent = state.important or state.catalogue.startswith("emergency")
        yield Strip("emergency" if urgent else "open", say("open-now", lang), text)


def key_facts(state: ItemState, lang: Lang, site: SiteView) -> list[Fact]:
    """Return the lines of 一看就懂, when there is a summary, period, place or contact; else none."""
    if not (state.summary or state.period or state.places or state.contact):
        return []
    where = say("list-comma", lang).join(place.name for place in state.places)
    when = periods.span(state.period, lang, site.settings.timezone) if state.period else ""
    lines: list[tuple[str, str | Markup]] = [
        ("fact-what", state.summary or ""),
        ("fact-when", when),
        ("fact-where", where),
        ("fact-who", say("list-comma", lang).join(state.audiences)),
        ("fact-how", _how(state, lang, site)),
        ("fact-ask", _ask(state)),
    ]
    return [Fact(say(key, lang), Markup(escape(value))) for key, value in lines if value]


def _how(state: ItemState, lang: Lang, site: SiteView) -> str | Markup:
    forms = [a for a in state.attachments if a.role == "form"]
    if not forms:
        return ""
    links = Markup(say("list-comma", lang)).join(
        anchor(paths.attachment(form.sha256, form.name), form.name, site.prefix) for form in forms
    )
    return sentence("fill-in", lang, forms=links)


def _ask(state: ItemState) -> Markup:
    contact = state.contact
    if contact is None:
        return Markup()
    parts = [Markup(escape(contact.office))] if contact.office else []
    if contact.phone:
        parts.append(Markup('<span class="big">{}</span>').format(phone_links(contact.phone)))
    parts += [Markup(escape(text)) for text in (contact.address, contact.hours) if text]
    return Markup("<br>").join(parts)


def table(view: ItemView, lang: Lang, site: SiteView) -> list[Fact]:
    """Return the two-column table; an empty row is left out, a row with one cell goes across."""
    cells: list[Fact] = []
    for row in _table_rows(view, lang, site):
        full = [(key, value) for key, value in row if value]
        cells += [
            Fact(say(key, lang), Markup(escape(value)), wide=len(full) == 1) for key, value in full
        ]
    return cells


def _table_rows(
    view: ItemView, lang: Lang, site: SiteView
) -> list[list[tuple[str, str | Markup | None]]]:
    state = view.state
    comma = say("list-comma", lang)
    body = department_names(view.department.names if view.department else None, state).of(lang)
    entry = site.entries.get(state.catalogue)
    issuers = comma.join([*([state.issuing_body] if state.issuing_body else []), *state.co_issuers])
    validity = say(f"validity-{state.validity}", lang) if state.validity else None
    category = anchor(
        LANGUAGE_PREFIX[lang] + paths.entry(state.catalogue, state.department.code),
        entry.names.of(lang) if entry else state.catalogue,
        site.prefix,
    )
    return [
        [
            ("index-number", state.index_number),
            ("topic", comma.join(label(site.topics, t, lang) for t in state.topics)),
        ],
        [("issuing-body", issuers), ("document-number", state.document_number)],
        [
            ("formed-on", dates.day(state.formed_on, lang) if state.formed_on else None),
            ("published-on", _published(state, lang, site)),
        ],
        [
            ("category", category),
            (
                "disclosure",
                say(
                    "on-application" if state.disclosure == "on_application" else "proactive", lang
                ),
            ),
        ],
        [
            ("genre", label(site.genres, state.genre, lang) if state.genre else None),
            ("validity", validity),
        ],
        [
            ("effective-on", dates.day(state.effective_on, lang) if state.effective_on else None),
            ("expires-on", dates.day(state.expires_on, lang) if state.expires_on else None),
        ],
        [("department", body), ("responsible-office", state.responsible_office)],
        [("source", state.source)],
    ]


def _published(state: ItemState, lang: Lang, site: SiteView) -> str:
    """Return 发布日期; history brought in later shows the day it came in beside it."""
    here = dates.local(state.published_at, site.settings.timezone).date()
    if state.first_published_on is None or state.first_published_on == here:
        return dates.day(here, lang)
    return say(
        "first-published",
        lang,
        day=dates.day(state.first_published_on, lang),
        moved=dates.day(here, lang),
    )


def label(names: Mapping[str, Names], code: str, lang: Lang) -> str:
    """Return the vocabulary's name of a code; a free string is its own name."""
    known = names.get(code)
    return known.of(lang) if known else code


def relation_groups(view: ItemView, lang: Lang) -> list[tuple[str, list[Related]]]:
    """Return relations in readers' order, explainers first, each group with its heading."""
    order: list[tuple[str, RelationType, tuple[Related, ...]]] = [
        ("rel-explained-by", "interprets", view.back_links),
        ("rel-interprets", "interprets", view.relations),
        ("rel-replaced-by", "replaces", view.back_links),
        ("rel-repealed-by", "repeals", view.back_links),
        ("rel-amended-by", "amends", view.back_links),
        ("rel-replaces", "replaces", view.relations),
        ("rel-repeals", "repeals", view.relations),
        ("rel-amends", "amends", view.relations),
    ]
    groups = [(say(key, lang), [r for r in found if r.type == kind]) for key, kind, found in order]
    seen: dict[str, Related] = {
        r.url: r for r in (*view.relations, *view.back_links) if r.type == "related"
    }
    groups.append((say("rel-related", lang), list(seen.values())))
    return [(name, found) for name, found in groups if found]


def version_lines(view: ItemView) -> list[VersionLine]:
    """Return the versions, newest first; with one version there is nothing to list."""
    if len(view.state.history) < 2:
        return []
    kept = sorted(view.versions_kept)
    lines = []
    for entry in sorted(view.state.history, key=lambda e: -e.version):
        page = paths.version(view.state.url, entry.version) if entry.version in kept else None
        earlier = [number for number in kept if number < entry.version]
        compared = earlier[-1] if page and earlier else None
        lines.append(VersionLine(entry, page, compared, entry.version == view.state.version))
    return lines


def citation(state: ItemState, lang: Lang) -> str:
    """Return one line to cite the item by."""
    title = state.title or ""
    issuer = state.issuing_body or state.department.names.of(lang)
    if lang == "en":
        parts = [
            issuer,
            title,
            state.document_number,
            dates.day(state.formed_on, lang) if state.formed_on else None,
        ]
        return ". ".join(part for part in parts if part) + "."
    shown = title if title.startswith("《") else f"《{title}》"
    number = f"（{state.document_number}）" if state.document_number else ""
    day = f"，{dates.day(state.formed_on, lang)}" if state.formed_on else ""
    return f"{issuer}：{shown}{number}{day}"
