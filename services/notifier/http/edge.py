"""What the notifier's routes share: what app.py built, pages, languages, and who may send a form."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment

from services.notifier.courier import Courier
from services.notifier.links import Links
from services.notifier.postman import Postman
from services.notifier.queries import Directory, directory_of
from services.notifier.rules import LinkNotValid, NotFromHere, subject
from services.notifier.settings import Settings
from services.notifier.words import WORDS, say, why
from shared.bus import Listener
from shared.db import Database
from shared.errors import Refused
from shared.http import problem
from shared.web.dates import Lang
from shared.web.frame import SiteFrame, default_settings, environment, fragment

LARGEST_FORM = 16 * 1024
"""Bytes of a form; ours have a few short fields."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # `no-referrer` would make the Origin of our own forms `null`
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True)
class Notifier:
    """What `app.py` built."""

    settings: Settings
    db: Database
    links: Links
    postman: Postman
    courier: Courier
    listener: Listener


def notifier_of(request: Request) -> Notifier:
    """Return what `app.py` built."""
    built: Notifier = request.app.state.notifier
    return built


def now() -> datetime:
    """Read the clock: the edge does, nobody below it."""
    return datetime.now(UTC)


class FormTooLarge(Refused):
    """提交的内容太大。 / The form is too large."""

    status = 413


def from_here(request: Request) -> None:
    """Let a form in only from a page of this site: by `Sec-Fetch-Site`, else by `Origin` (every browser sends one).

    What brings neither is no browser that a foreign page could use. Our only credential, the token, stands in the
    address and is sent by no browser on its own.
    """
    if (
        int(request.headers.get("content-length") or 0) > LARGEST_FORM
        or "transfer-encoding" in request.headers
    ):
        raise FormTooLarge
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        raise NotFromHere
    origin = request.headers.get("origin")
    ours = (urlsplit(notifier_of(request).settings.site_url).netloc, request.headers.get("host"))
    if origin is not None and urlsplit(origin).netloc not in ours:
        raise NotFromHere


Here = Annotated[Notifier, Depends(notifier_of)]
Now = Annotated[datetime, Depends(now)]
FromHere = Depends(from_here)

# --- pages


@functools.cache
def _environment() -> Environment:
    env = environment(Path(__file__).parent.parent / "templates")
    env.globals["say"] = say
    env.globals["why"] = why
    env.globals["subject"] = subject
    return env


def page(
    notifier: Notifier,
    names: Directory,
    template: str,
    lang: Lang,
    *,
    status: int = 200,
    **view: Any,
) -> Response:
    """Render one of our pages in the site's frame; nobody may keep, index or frame it."""
    settings = notifier.settings
    site = SiteFrame(
        settings=names.settings or default_settings(),
        site_url=settings.site_url,
        prefix=settings.path_prefix,
        portal_header=fragment(settings.portal_header),
        portal_footer=fragment(settings.portal_footer),
    )
    html = (
        _environment()
        .get_template(template)
        .render(lang=lang, site=site, noindex=True, names_of=names, **view)
    )
    return HTMLResponse(html, status, headers=_HEADERS)


def redirect(notifier: Notifier, path: str) -> Response:
    """Send the browser on with GET, so that a reload posts nothing again."""
    return Response(
        status_code=303, headers={**_HEADERS, "Location": notifier.settings.path_prefix + path}
    )


def frame_of(request: Request) -> Lang:
    """Return the language of the frame by the path, `zh-Hans` without a prefix."""
    path = request.url.path
    if path.startswith("/en/"):
        return "en"
    return "zh-Hant" if path.startswith("/zh-tw/") else "zh-Hans"


def word_of(refusal: Refused) -> str:
    """Return the key of our words for *refusal*, empty when there are none."""
    key = refusal.kind().replace("-", "_")
    return key if key in WORDS else ""


def install_refusals(app: FastAPI) -> None:
    """Answer a dead link with a page for readers, and with a problem for programs."""

    async def dead_link(request: Request, error: Exception) -> Response:
        if not isinstance(error, LinkNotValid):
            raise error
        if "text/html" not in request.headers.get("accept", ""):
            return problem(request, error.status, error.kind(), error.title())
        notifier = notifier_of(request)
        async with notifier.db.sessions() as session:
            names = await directory_of(session)
        lang = _preferred(request)
        return page(
            notifier,
            names,
            "message.html",
            lang,
            status=404,
            title="not_valid_title",
            text="not_valid",
        )

    app.add_exception_handler(LinkNotValid, dead_link)


def _preferred(request: Request) -> Lang:
    accepted = request.headers.get("accept-language", "").lower()
    if accepted.startswith("en"):
        return "en"
    return "zh-Hant" if accepted.startswith(("zh-tw", "zh-hant", "zh-hk", "zh-mo")) else "zh-Hans"
