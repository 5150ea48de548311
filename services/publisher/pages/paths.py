"""Where every page of the public site lies: pure functions from codes to paths.

Paths start with `/`, are ASCII and percent-encoded, and know neither the path prefix (the templates'
`url` filter adds it) nor the site's address. Item paths come from the record and are never built here.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote, urlencode

from shared.web.dates import Lang
from shared.web.frame import LANGUAGE_PREFIX

Entrance = Literal["guide", "system", "content", "annual-reports", "on-application"]
FeedKind = Literal["atom", "rss", "json"]

ENTRANCES: tuple[Entrance, ...] = ("guide", "system", "content", "annual-reports", "on-application")
"""The five fixed entrances 五个固定入口, in their fixed order."""

_ENTRANCE_PATH: dict[Entrance, str] = {
    "guide": "/guide/",
    "system": "/guide/system/",
    "content": "/catalogue/",
    "annual-reports": "/guide/annual-reports/",
    "on-application": "/guide/apply/",
}


def in_language(path: str, lang: Lang) -> str:
    """Return the path of the same list page in another frame."""
    return LANGUAGE_PREFIX[lang] + path


def home() -> str:
    """Return the path of the home page."""
    return "/"


def department(code: str) -> str:
    """Return the path of a body's page."""
    return f"/{code}/"


def departments() -> str:
    """Return the path of the list of all bodies."""
    return "/departments/"


def _scope(department_code: str | None) -> str:
    return f"/{department_code}" if department_code else ""


def entrance(kind: Entrance, department_code: str | None = None) -> str:
    """Return the path of one of the five entrances, of the site or of a body."""
    return _scope(department_code) + _ENTRANCE_PATH[kind]


def entry(code: str, department_code: str | None = None) -> str:
    """Return the path of a catalogue entry 目录事项, of the site or of a body."""
    return f"{_scope(department_code)}/catalogue/{quote(code)}/"


def calendar(
    department_code: str | None = None,
    entry_code: str | None = None,
    *,
    year: int | None = None,
    month: int | None = None,
    day: int | None = None,
    part: int | None = None,
) -> str:
    """Return the path of a calendar list: all years, a year, a month, a day or a part of a day of a scope."""
    base = entry(entry_code, department_code) if entry_code else _scope(department_code) + "/"
    parts = [
        f"{year:04}" if year else "",
        f"{month:02}" if month else "",
        f"{day:02}" if day else "",
        str(part) if part else "",
    ]
    return base + "calendar/" + "".join(f"{part}/" for part in parts if part)


def corrections(year: int | None = None) -> str:
    """Return the path of the list of corrections and withdrawals 更正与撤回: the newest, or a year's."""
    return f"/corrections/{year:04}/" if year else "/corrections/"


def about() -> str:
    """Return the path of the page that says who runs the site."""
    return "/about/"


def accessibility() -> str:
    """Return the path of the accessibility statement 无障碍声明."""
    return "/help/"


def data() -> str:
    """Return the path of the page on data and interfaces 数据与接口."""
    return "/data/"


def site_map() -> str:
    """Return the path of the site map for readers 站点地图."""
    return "/site/"


def not_found() -> str:
    """Return the path of the file that web servers send with status 404."""
    return "/404.html"


def version(item_url: str, number: int) -> str:
    """Return the path of one version of an item."""
    return f"{item_url}v{number}/"


def item_json(item_url: str) -> str:
    """Return the path of the JSON beside an item's page."""
    return f"{item_url}index.json"


def attachment(sha256: str, name: str) -> str:
    """Return the path of an attachment's bytes."""
    return f"/files/{sha256}/{quote(name, safe='')}"


def delivery(department_code: str, source_id: str) -> str:
    """Return the dynamic address that tells an item's times of delivery 送达."""
    return f"/api/items/{department_code}/{quote(source_id, safe='/')}"


def feed(kind: FeedKind, department_code: str | None = None, entry_code: str | None = None) -> str:
    """Return the path of a feed: of the site, of a body, of an entry of either."""
    suffix = "feed.json" if kind == "json" else f"feed.{kind}"
    parts = ["/feeds", department_code or "all"]
    if entry_code:
        parts.append(quote(entry_code))
    return "/".join([*parts, suffix])


def subscribe(lang: Lang, department_code: str | None = None, entry_code: str | None = None) -> str:
    """Return the address of the subscription form, filled in for a body or an entry."""
    return _asking(
        LANGUAGE_PREFIX[lang] + "/subscribe", department=department_code, catalogue=entry_code
    )


def search(lang: Lang, department_code: str | None = None, entry_code: str | None = None) -> str:
    """Return the address of the search page, filtered to a body or an entry."""
    return _asking(
        LANGUAGE_PREFIX[lang] + "/search", department=department_code, catalogue=entry_code
    )


def _asking(path: str, **terms: str | None) -> str:
    asked = {name: value for name, value in terms.items() if value}
    return f"{path}?{urlencode(asked)}" if asked else path
