"""送达: when each version of an item was received, on the site, found by search, and told, as a page for readers."""

from __future__ import annotations

import functools
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment

from shared.events.record import SiteSettings
from shared.web.frame import SiteFrame, default_settings, environment, frame_language

WORDS = {
    "title": {"zh-Hans": "送达", "zh-Hant": "送達", "en": "Delivery"},
    "intro": {
        "zh-Hans": "每一版从收到到公众能看到、能搜到、收到通知的时间。",
        "zh-Hant": "每一版從收到到公眾能看到、能搜尋到、收到通知的時間。",
        "en": "When each version was received, could be read, could be found, and was told to subscribers.",
    },
    "version": {"zh-Hans": "版本", "zh-Hant": "版本", "en": "Version"},
    "received": {"zh-Hans": "收到", "zh-Hant": "收到", "en": "Received"},
    "publisher": {"zh-Hans": "上网", "zh-Hant": "上網", "en": "On the site"},
    "search": {"zh-Hans": "可搜到", "zh-Hant": "可搜尋", "en": "Found by search"},
    "notifier": {"zh-Hans": "已通知", "zh-Hant": "已通知", "en": "Told"},
    "after": {"zh-Hans": "{} 秒后", "zh-Hant": "{} 秒後", "en": "{} s later"},
    "not-yet": {"zh-Hans": "—", "zh-Hant": "—", "en": "—"},
    "back": {"zh-Hans": "回到这条信息", "zh-Hant": "回到這則資訊", "en": "Back to the item"},
}
SERVICES = ("publisher", "search", "notifier")


@functools.cache
def _pages() -> Environment:
    return environment(Path(__file__).parents[1] / "templates")


def page(found: dict[str, Any], settings: dict[str, Any] | None, site_url: str) -> HTMLResponse:
    """Return the delivery page of an item, in the frame of its language."""
    lang = frame_language(found["public"].get("language", "zh-Hans"))
    known = SiteSettings.model_validate(settings) if settings else default_settings()
    rows = [_row(entry, found["delivery"]) for entry in reversed(found["versions"])]
    content = (
        _pages()
        .get_template("delivery.html")
        .render(
            lang=lang,
            site=SiteFrame(known, site_url),
            noindex=True,
            words={key: texts[lang] for key, texts in WORDS.items()},
            services=SERVICES,
            rows=rows,
            name=found["public"].get("title"),
            url=found["url"],
        )
    )
    return HTMLResponse(content, headers={"Cache-Control": "no-cache"})


def _row(entry: dict[str, Any], delivery: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    at = datetime.fromisoformat(entry["at"])
    shown = {}
    for service in SERVICES:
        seen = [d["since"] for d in delivery.get(service, []) if d["version"] == entry["version"]]
        if seen:
            shown[service] = f"{max((datetime.fromisoformat(seen[0]) - at).total_seconds(), 0):.2f}"
    return {"version": entry["version"], "at": at, "shown": shown}
