"""The files of list pages: one page per language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.publisher.pages import paths, render
from services.publisher.pages.views import SiteView
from shared.web.dates import LANGS

_RENDER: dict[str, Callable[..., str]] = {
    "home": render.render_home,
    "departments": render.render_departments,
    "site-map": render.render_site_map,
    "department": render.render_department,
    "entrance": render.render_entrance,
    "entry": render.render_entry,
    "calendar": render.render_calendar,
    "corrections": render.render_corrections,
    "plain": render.render_plain,
}
KINDS = frozenset(_RENDER)


def list_files(kind: str, path: str, view: Any, site: SiteView) -> dict[str, bytes | None]:
    """Return path → page in the three languages of the frame; without a view, that there is none."""
    if view is None:
        return {paths.in_language(path, lang): None for lang in LANGS}
    return {
        paths.in_language(path, lang): _RENDER[kind](view, lang, site).encode() for lang in LANGS
    }
