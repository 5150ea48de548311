"""What a page says to machines: schema.org JSON-LD, and the metas of the Chinese government page guide (47号)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from markupsafe import Markup

from services.publisher.pages import paths
from services.publisher.pages.item import label
from services.publisher.pages.views import SiteView
from shared.events.record import DepartmentState, ItemState
from shared.web import dates
from shared.web.dates import Lang
from shared.web.frame import HTML_LANG, LANGUAGE_PREFIX, link

_FORCE = {
    "in_force": "https://schema.org/InForce",
    "amended": "https://schema.org/PartiallyInForce",
    "repealed": "https://schema.org/NotInForce",
    "expired": "https://schema.org/NotInForce",
}
Meta = tuple[tuple[str, str], ...]


def json_ld(data: dict[str, Any]) -> Markup:
    """Return a script block that no text can leave."""
    text = json.dumps(
        {"@context": "https://schema.org", **_full(data)}, ensure_ascii=False, separators=(",", ":")
    )
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(f'<script type="application/ld+json">{safe}</script>')


def _full(value: Any) -> Any:
    """Leave out what is not known."""
    if isinstance(value, dict):
        return {
            key: _full(inner) for key, inner in value.items() if inner not in (None, "", [], ())
        }
    return [_full(inner) for inner in value] if isinstance(value, list) else value


def absolute(path: str, site: SiteView) -> str:
    """Return the full address of a path of this site."""
    return site.site_url + link(path, site.prefix)


def home_data(lang: Lang, site: SiteView) -> Markup:
    """Describe the site and its search."""
    search = absolute(LANGUAGE_PREFIX[lang] + "/search", site)
    return json_ld(
        {
            "@type": "WebSite",
            "name": site.settings.names.of(lang),
            "url": absolute(LANGUAGE_PREFIX[lang] + "/", site),
            "inLanguage": HTML_LANG[lang],
            "publisher": {
                "@type": "GovernmentOrganization",
                "name": site.settings.organiser or site.settings.names.of(lang),
                "telephone": site.settings.phone,
                "address": site.settings.address,
            },
            "potentialAction": {
                "@type": "SearchAction",
                "target": {
                    "@type": "EntryPoint",
                    "urlTemplate": search + "?q={search_term_string}",
                },
                "query-input": "required name=search_term_string",
            },
        }
    )


def department_data(department: DepartmentState, lang: Lang, site: SiteView) -> Markup:
    """Describe a body."""
    contact = department.contact
    return json_ld(
        {
            "@type": "GovernmentOrganization",
            "name": department.names.of(lang),
            "url": absolute(LANGUAGE_PREFIX[lang] + paths.department(department.code), site),
            "telephone": contact.phone if contact else None,
            "address": contact.address if contact else None,
            "openingHours": contact.hours if contact else None,
        }
    )


def list_data(title: str, path: str, lang: Lang, site: SiteView) -> Markup:
    """Describe a list."""
    return json_ld(
        {
            "@type": "CollectionPage",
            "name": title,
            "url": absolute(LANGUAGE_PREFIX[lang] + path, site),
            "inLanguage": HTML_LANG[lang],
            "isPartOf": {
                "@type": "WebSite",
                "name": site.settings.names.of(lang),
                "url": absolute("/", site),
            },
        }
    )


def item_data(state: ItemState, lang: Lang, site: SiteView) -> Markup:
    """Describe an item: legislation when it is a regulation with a number, an article otherwise."""
    issuer = {
        "@type": "GovernmentOrganization",
        "name": state.issuing_body or state.department.names.of(lang),
    }
    common: dict[str, Any] = {
        "name": state.title,
        "url": absolute(state.url, site),
        "identifier": state.index_number,
        "inLanguage": state.language,
        "abstract": state.summary,
        "keywords": list(state.keywords),
        "datePublished": state.first_published_on.isoformat()
        if state.first_published_on
        else _iso(state.published_at, site),
        "dateModified": _iso(state.updated_at, site),
        "version": str(state.version),
        "publisher": {"@type": "GovernmentOrganization", "name": state.department.names.of(lang)},
        "associatedMedia": [
            {
                "@type": "MediaObject",
                "name": a.name,
                "encodingFormat": a.media_type,
                "contentUrl": absolute(paths.attachment(a.sha256, a.name), site),
                "sha256": a.sha256,
            }
            for a in state.attachments
        ],
    }
    if state.document_number and state.catalogue.startswith("regulation"):
        return json_ld(
            {
                "@type": "Legislation",
                **common,
                "legislationIdentifier": state.document_number,
                "legislationDate": state.formed_on.isoformat() if state.formed_on else None,
                "legislationDateOfApplicability": state.effective_on.isoformat()
                if state.effective_on
                else None,
                "legislationLegalForce": _FORCE.get(state.validity or ""),
                "legislationPassedBy": issuer,
            }
        )
    return json_ld({"@type": "Article", "headline": state.title, **common, "author": issuer})


def _iso(moment: datetime, site: SiteView) -> str:
    return dates.local(moment, site.settings.timezone).isoformat(timespec="seconds")


def item_metas(state: ItemState, lang: Lang, site: SiteView) -> Meta:
    """Return the metas of a content page."""
    entry = site.entries.get(state.catalogue)
    column = entry.names.of(lang) if entry else state.catalogue
    department = state.department.names.of(lang)
    # of what was published elsewhere before only the day is known, and the guide wants a time
    published = state.first_published_on or dates.local(state.published_at, site.settings.timezone)
    metas = [
        ("ColumnName", column),
        ("ArticleTitle", state.title or ""),
        ("PubDate", f"{published:%Y-%m-%d %H:%M}"),
        ("ContentSource", state.source or state.issuing_body or department),
        (
            "Keywords",
            ",".join([*state.keywords, *(label(site.topics, t, lang) for t in state.topics)]),
        ),
        ("Author", state.issuing_body or department),
        ("Description", state.summary or ""),
        ("description", state.summary or ""),
        ("Url", absolute(state.url, site)),
    ]
    return tuple((name, value) for name, value in metas if value)


def list_metas(title: str, kind: str, description: str, keywords: tuple[str, ...] = ()) -> Meta:
    """Return the metas of a column page."""
    return (
        ("ColumnName", title),
        ("ColumnDescription", description),
        ("ColumnKeywords", ",".join((title, *keywords))),
        ("ColumnType", kind),
    )
