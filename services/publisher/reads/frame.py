"""What every page needs to know of the site, from its four lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.pages.views import SiteView
from services.publisher.tables import site
from shared.events.record import CatalogueEntry, Names, SiteSettings
from shared.web.frame import default_settings


@dataclass(frozen=True)
class Surroundings:
    """What the publisher is told from outside about the place where the site stands."""

    site_url: str
    prefix: str = ""
    portal_header: str = ""
    portal_footer: str = ""


_known: dict[tuple[object, ...], SiteView] = {}
"""The newest site, by what it was made of: parsing the lists anew for every batch would cost more than a page."""


async def site_view(session: AsyncSession, around: Surroundings) -> SiteView:
    """Return the site as its newest lists describe it."""
    rows = await session.execute(
        text("SELECT key, md5(CAST(value AS text)) FROM publisher.site ORDER BY key")
    )
    key = (around, *(tuple(row) for row in rows))
    if key not in _known:
        values = {
            row.key: row.value for row in await session.execute(select(site.c.key, site.c.value))
        }
        _known.clear()
        _known[key] = _site(values, around)
    return _known[key]


def _site(values: dict[str, Any], around: Surroundings) -> SiteView:
    settings, day = values.get("settings"), values.get("day", {})
    vocabulary = values.get("vocabulary", {})
    return SiteView(
        settings=SiteSettings.model_validate(settings) if settings else default_settings(),
        site_url=around.site_url,
        prefix=around.prefix,
        portal_header=around.portal_header,
        portal_footer=around.portal_footer,
        entries=entries_of(values.get("catalogue", {})),
        genres=_names(vocabulary.get("genres", {})),
        topics=_names(vocabulary.get("topics", {})),
        today=date.fromisoformat(day["today"]) if day else date(1970, 1, 1),
        now=datetime.fromisoformat(day["at"]) if day else None,
    )


def entries_of(catalogue: dict[str, Any]) -> dict[str, CatalogueEntry]:
    """Return the entries of the standard catalogue by code, in its order."""
    found = [CatalogueEntry.model_validate(entry) for entry in catalogue.get("entries", [])]
    return {entry.code: entry for entry in found}


def _names(words: dict[str, Any]) -> dict[str, Names]:
    return {code: Names.model_validate(names) for code, names in words.items()}
