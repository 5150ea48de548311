"""`/demo`: a page for a phone, without login, on which one tries what the platform does."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup, escape

from services.demo.trials import TRIALS, Laboratory
from services.instance.compose import Composition
from services.notifier.channels.folder import newest_mails
from shared.errors import Refused
from shared.events.record import Names, SiteSettings
from shared.http import install
from shared.web.frame import SiteFrame, environment

_SETTINGS = SiteSettings(
    names=Names.model_validate(
        {"zh-Hans": "青禾县政府信息公开", "zh-Hant": "青禾縣政府資訊公開", "en": "Qinghe County"}
    )
)
EXPLAINED = {
    "publish": "交通运输局的系统推送一条通告：看它多久上网、能搜到、邮件发出。",
    "correct": "把恢复通行的时间改掉，并说明改了什么：页面留有版本，订阅者收到更正。",
    "withdraw": "撤回通告并说明理由：页面变成撤回说明，检索里标明已撤回。",
    "five": "网络重试常把一条信息推送多次：只会有一个版本、一封邮件。",
    "without-search": "检索停十秒，网页照常更新；检索恢复后自己补上。",
    "id-number": "正文里有身份证号码：自动拦下，等人审核。",
}


_ADDRESS = re.compile(r"https?://[^\s<>\"]+")
_SECOND = 1000


def elapsed(milliseconds: float) -> str:
    """Return 480 毫秒 or 10.2 秒."""
    if milliseconds < _SECOND:
        return f"{milliseconds:.0f}\u00a0毫秒"
    return f"{milliseconds / _SECOND:.1f}\u00a0秒"


def linked(text: str) -> Markup:
    """Return a mail's text with its addresses as links, as mail programs show it."""
    parts: list[Markup] = []
    at = 0
    for found in _ADDRESS.finditer(text):
        link = Markup('<a href="{0}">{0}</a>').format(found.group())
        parts += [escape(text[at : found.start()]), link]
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


class NoSuchTrial(Refused):
    """没有这个演示。 / There is no such trial."""

    status = 404


class NotFromHere(Refused):
    """请从本页提交。 / Send the form from this page."""

    status = 403


def create_app(composition: Composition) -> FastAPI:
    """Return the demo's app on a running instance."""
    laboratory = Laboratory(composition)
    pages = environment(Path(__file__).parent / "templates")
    pages.filters.update(elapsed=elapsed, linked=linked)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    install(app)

    def page(name: str, **values: Any) -> HTMLResponse:
        site = SiteFrame(_SETTINGS, composition.instance.site_url)
        content = pages.get_template(name).render(lang="zh-Hans", site=site, noindex=True, **values)
        return HTMLResponse(content, headers={"Cache-Control": "no-store"})

    @app.get("/demo")
    async def show() -> Response:
        trials = [(kind, name, EXPLAINED[kind]) for kind, (name, _) in TRIALS.items()]
        runs = list(reversed(laboratory.trials))[:10]
        running = any(not run.done for run in runs)
        return page("demo.html", trials=trials, runs=runs, running=running)

    @app.post("/demo/{kind}")
    async def begin(kind: str, request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise NotFromHere
        if kind not in TRIALS:
            raise NoSuchTrial
        laboratory.begin(kind)
        return RedirectResponse("/demo", 303)

    @app.get("/demo/mail")
    async def mail() -> Response:
        mails = await asyncio.to_thread(newest_mails, laboratory.mails)
        return page("mail.html", mails=mails)

    return app
