"""The search page in three frames; it works without JavaScript and needs no database."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment

from services.search.engines.engine import Engine, SearchDown
from services.search.http.edge import Here, Search, read_wanted
from services.search.http.links import Links
from services.search.http.view import (
    Nothing,
    chosen_of,
    facets_of,
    key_of,
    likely_body,
    row_of,
    rows_of,
)
from services.search.queries import Wanted, explained_by, nearest_titles, search
from services.search.rules.ask import Filters
from services.search.rules.directory import Directory
from services.search.words import say
from shared.http import RETRY_AFTER
from shared.web.dates import Lang
from shared.web.frame import SiteFrame, default_settings, environment, fragment

router = APIRouter()

_FOLDER = Path(__file__).parent.parent
_CSS = (_FOLDER / "templates" / "search.css").read_bytes()
_CSS_PATH = f"/search/search.{hashlib.sha256(_CSS).hexdigest()[:12]}.css"
HOTLINE = "12345"
NEIGHBOURS = 2
"""Page numbers shown on either side of the current one."""


async def find(request: Request, here: Here) -> Response:
    """Show what was found; parameters that are not right are left out."""
    lang = _lang_of(request.url.path)
    wanted, _ = read_wanted(request.query_params)
    headers = {"Cache-Control": "no-cache", "X-Robots-Tag": "noindex"}
    try:
        html = await here.read(partial(render, here, wanted, lang))
    except SearchDown:
        html = await here.read(partial(render_down, here, wanted, lang))
        return HTMLResponse(html, 503, {**headers, "Retry-After": RETRY_AFTER})
    return HTMLResponse(html, headers=headers)


for _path in ("/search", "/zh-tw/search", "/en/search"):
    router.add_api_route(_path, find, methods=["GET"], include_in_schema=False)


@router.get(_CSS_PATH, include_in_schema=False)
async def style() -> Response:
    """Return the page's own sheet, named by its content."""
    lasting = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_CSS, media_type="text/css", headers=lasting)


def _lang_of(path: str) -> Lang:
    if path.startswith("/en/"):
        return "en"
    return "zh-Hant" if path.startswith("/zh-tw/") else "zh-Hans"


@functools.cache
def _environment() -> Environment:
    env = environment(_FOLDER / "templates")
    env.globals.update(say=say, sheet=_CSS_PATH, hotline=HOTLINE)
    return env


def render(here: Search, wanted: Wanted, lang: Lang) -> str:
    """Search and return the page; blocking."""
    names, engine = here.names.now, here.shelf.engine
    results = search(engine, wanted)
    links = Links(wanted)
    explained = explained_by(engine, [key_of(result.stored) for result in results.hits])
    rows = rows_of(results.hits, explained, names, lang)
    nothing = _nothing(engine, wanted, names, lang) if not results.total else None
    return (
        _environment()
        .get_template("search.html")
        .render(
            lang=lang,
            site=frame_of(here, names),
            path=links.page(wanted.page),
            noindex=True,
            wanted=wanted,
            links=links,
            results=results,
            rows=rows,
            exact=rows[0] if results.exact and rows else None,
            facets=facets_of(results, links, names, lang) if results.total else [],
            chosen=chosen_of(links, names, lang),
            nothing=nothing,
            pages=page_numbers(results.total, wanted),
            follow=_follow(wanted),
        )
    )


def render_down(here: Search, wanted: Wanted, lang: Lang) -> str:
    """Return the page that says that search is not available, with the question still in its box."""
    return (
        _environment()
        .get_template("down.html")
        .render(
            lang=lang,
            site=frame_of(here, here.names.now),
            path=Links(wanted).page(wanted.page),
            noindex=True,
            wanted=wanted,
            links=Links(wanted),
        )
    )


def _nothing(engine: Engine, wanted: Wanted, names: Directory, lang: Lang) -> Nothing:
    free = search(engine, replace(wanted, filters=Filters(), page=1, size=1), facets=()).total
    nearest = nearest_titles(engine, wanted.q) if wanted.q and not free else []
    return Nothing(
        without_filters=free,
        nearest=[row_of(stored, "", names, lang) for stored in nearest],
        body=likely_body(nearest, names, wanted),
    )


def page_numbers(total: int, wanted: Wanted) -> list[int]:
    """Return the page numbers to offer: the first, those around the current one, the last."""
    last = -(-total // wanted.size)
    near = range(max(1, wanted.page - NEIGHBOURS), min(last, wanted.page + NEIGHBOURS) + 1)
    return sorted({1, last, *near}) if last > 1 else []


def _follow(wanted: Wanted) -> Callable[[], str] | str | None:
    """Return the address of the form that subscribes to this search; None where it could not be kept."""
    exact = wanted.filters.exact
    followed = {
        "q": wanted.q,
        "department": exact.get("department", ("",))[0],
        "catalogue": exact.get("catalogue", ("",))[0],
    }
    free = Wanted(wanted.q, Filters({k: (v,) for k, v in followed.items() if v and k != "q"}))
    return Links(free).to().replace("/search", "/subscribe", 1) if any(followed.values()) else None


def frame_of(here: Search, names: Directory) -> SiteFrame:
    """Return what the frame says about the site."""
    settings = here.settings
    return SiteFrame(
        settings=names.settings or default_settings(),
        site_url=settings.site_url,
        prefix=settings.path_prefix,
        portal_header=fragment(settings.portal_header),
        portal_footer=fragment(settings.portal_footer),
    )
