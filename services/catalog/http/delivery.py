"""送达: when each version of an item was received, on the site, found by search, and told, as a page for readers."""

from __future__ import annotations

import functools
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

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
    "version": {"zh-Hans": "第 {} 版", "zh-Hant": "第 {} 版", "en": "Version {}"},
    "received": {"zh-Hans": "收到", "zh-Hant": "收到", "en": "Received"},
    "publisher": {"zh-Hans": "上网", "zh-Hant": "上網", "en": "On the site"},
    "search": {"zh-Hans": "可搜到", "zh-Hant": "可搜尋", "en": "Found by search"},
    "notifier": {"zh-Hans": "已通知", "zh-Hant": "已通知", "en": "Told"},
    "seconds": {"zh-Hans": "{} 秒后", "zh-Hant": "{} 秒後", "en": "{} s later"},
    "minutes": {"zh-Hans": "{} 分钟后", "zh-Hant": "{} 分鐘後", "en": "{} min later"},
    "hours": {"zh-Hans": "{} 小时后", "zh-Hant": "{} 小時後", "en": "{} h later"},
    "replaced": {
        "zh-Hans": "由后一版代替",
        "zh-Hant": "由後一版取代",
        "en": "Replaced by the next version",
    },
    "nothing": {"zh-Hans": "没有记录", "zh-Hant": "沒有紀錄", "en": "Nothing recorded"},
    "back": {"zh-Hans": "回到这条信息", "zh-Hant": "回到這則資訊", "en": "Back to the item"},
}
SERVICES = ("publisher", "search", "notifier")
MINUTE, HOUR = 60, 3600


@functools.cache
def _pages() -> Environment:
    return environment(Path(__file__).parents[1] / "templates")


def page(
    found: dict[str, Any], settings: dict[str, Any] | None, site_url: str, prefix: str = ""
) -> HTMLResponse:
    """Return the delivery page of an item, in the frame of its language."""
    lang = frame_language(found["public"].get("language", "zh-Hans"))
    known = SiteSettings.model_validate(settings) if settings else default_settings()
    rows = [_row(entry, found["delivery"]) for entry in reversed(found["versions"])]
    content = (
        _pages()
        .get_template("delivery.html")
        .render(
            lang=lang,
            site=SiteFrame(known, site_url, prefix),
            noindex=True,
            words={key: texts[lang] for key, texts in WORDS.items()},
            services=SERVICES,
            rows=rows,
            name=found["public"].get("title"),
            url=found["url"],
        )
    )
    return HTMLResponse(content, headers={"Cache-Control": "no-cache"})


class Shown(NamedTuple):
    """When a service first had a version, and how long after its receipt."""

    at: datetime
    after: str
    unit: str


def _row(entry: dict[str, Any], delivery: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    version, at = entry["version"], datetime.fromisoformat(entry["at"])
    shown, replaced = {}, set()
    for service in SERVICES:
        seen = {d["version"]: datetime.fromisoformat(d["since"]) for d in delivery.get(service, [])}
        if version in seen:
            shown[service] = _shown(seen[version], (seen[version] - at).total_seconds())
        elif seen and max(seen) > version:
            replaced.add(service)
    return {"version": version, "at": at, "shown": shown, "replaced": replaced}


def _shown(at: datetime, seconds: float) -> Shown:
    if seconds < 2 * MINUTE:
        return Shown(at, f"{max(seconds, 0):.1f}", "seconds")
    if seconds < 2 * HOUR:
        return Shown(at, f"{seconds / MINUTE:.0f}", "minutes")
    return Shown(at, f"{seconds / HOUR:.0f}", "hours")
