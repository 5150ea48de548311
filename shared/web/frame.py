"""The page frame: one Jinja environment for static pages, the search page, forms and the demo.

Every template is rendered with at least `lang` (`zh-Hans`, `zh-Hant`, `en`) and `site` (a `SiteFrame`, or anything
with its fields). `base.html` says which blocks a page fills. All links go through the `url` filter (path prefix)
or `listing` (prefix of prefix and language).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from shared.events.record import Names, SiteSettings
from shared.web import dates
from shared.web.dates import LANGS, Lang
from shared.web.words import WORDS

HERE = Path(__file__).parent
LANGUAGE_PREFIX: dict[Lang, str] = {"zh-Hans": "", "zh-Hant": "/zh-tw", "en": "/en"}
HTML_LANG: dict[Lang, str] = {"zh-Hans": "zh-CN", "zh-Hant": "zh-TW", "en": "en"}

_PHONE = re.compile(r"\+?\d[\d\-－—() （）]{1,18}\d")
_NOT_DIGIT = re.compile(r"[^\d+]")
_SAFE_SCHEME = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
_KILO = 1024


@dataclass(frozen=True)
class SiteFrame:
    """What the frame of every page says about the site."""

    settings: SiteSettings
    site_url: str
    """Absolute address without path prefix and trailing slash, e.g. `https://www.qinghe.gov.cn`."""
    prefix: str = ""
    """Path prefix without trailing slash, e.g. `/zwgk`; empty at the root."""
    portal_header: str = ""
    portal_footer: str = ""
    """HTML fragments of the portal that this site is a column of, put in as they are."""


@cache
def fragment(file: Path | None) -> str:
    """Return a fragment of the portal as it stands in its file; nothing where none is given."""
    return file.read_text(encoding="utf-8") if file else ""


def default_settings() -> SiteSettings:
    """Return what the frame says until the record holds the site's settings."""
    return SiteSettings(
        names=Names.model_validate(
            {"zh-Hans": "政府信息公开", "zh-Hant": "政府資訊公開", "en": "Government information"}
        )
    )


def frame_language(tag: str) -> Lang:
    """Return the frame for a text in the language *tag* (BCP 47); anything unknown gets the Simplified one."""
    low = tag.lower()
    if low == "en" or low.startswith("en-"):
        return "en"
    if low.startswith(("zh-hant", "zh-tw", "zh-hk", "zh-mo")):
        return "zh-Hant"
    return "zh-Hans"


def say(key: str, lang: Lang, **values: object) -> str:
    """Return the frame's words for *key*, with *values* put in."""
    text = WORDS[key][lang]
    return text.format(**values) if values else text


def link(path: str, prefix: str) -> str:
    """Return *path* (from the site's root) under the path prefix; an address of http, mail or phone stays as it is."""
    if path.startswith("/") and not path.startswith("//"):
        return prefix + path
    if path.startswith("#") or _SAFE_SCHEME.match(path):
        return path
    return "#"


def file_size(number: int) -> str:
    """Return bytes as 512 B, 38 KB or 1.2 MB."""
    if number < _KILO:
        return f"{number} B"
    if number < _KILO * _KILO:
        return f"{round(number / _KILO)} KB"
    return f"{number / _KILO / _KILO:.1f} MB"


def phone_links(text: str) -> Markup:
    """Return *text* with every phone number in it as a `tel:` link."""
    parts: list[Markup] = []
    at = 0
    for found in _PHONE.finditer(text):
        number = found.group()
        parts += [
            escape(text[at : found.start()]),
            Markup('<a class="tel" href="tel:{}">{}</a>').format(
                _NOT_DIGIT.sub("", number), number
            ),
        ]
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


@cache
def asset_files() -> dict[str, bytes]:
    """Return the frame's own files by path: `/assets/site.<hash>.css`, `/assets/modes.<hash>.js`."""
    return {
        f"/assets/{_hashed(name)}": (HERE / name).read_bytes() for name in ("site.css", "modes.js")
    }


@cache
def _hashed(name: str) -> str:
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256((HERE / name).read_bytes()).hexdigest()[:12]
    return f"{stem}.{digest}.{ending}"


class _Templates(Environment):
    """Jinja's environment, whose templates hold their globals in one plain map: each page copies it."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals of a template: ours are all set before one is read."""
        return {**self.globals, **(d or {})}


def environment(*template_dirs: str | Path) -> Environment:
    """Return the environment that finds *template_dirs* first and the frame's templates after them."""
    env = _Templates(
        loader=FileSystemLoader([*template_dirs, HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals.update(
        t=_t, asset=_asset, LANGS=LANGS, HTML_LANG=HTML_LANG, LANGUAGE_PREFIX=LANGUAGE_PREFIX
    )
    env.filters.update(
        url=_url,
        listing=_listing,
        absolute=_absolute,
        names=_names,
        size=file_size,
        phones=phone_links,
        day=_dated(dates.day),
        weekday=_dated(dates.weekday),
        full=_dated(dates.full),
        moment=_moment,
        clock=_clock,
        second=_second,
        iso=_iso,
    )
    return env


@pass_context
def _t(context: Context, key: str, **values: object) -> str:
    return say(key, context["lang"], **values)


@pass_context
def _asset(context: Context, name: str) -> str:
    return f"{context['site'].prefix}/assets/{_hashed(name)}"


@pass_context
def _url(context: Context, path: str) -> str:
    return link(path, context["site"].prefix)


@pass_context
def _listing(context: Context, path: str) -> str:
    """Add the path prefix and the frame's language to a list's path."""
    return link(LANGUAGE_PREFIX[context["lang"]] + path, context["site"].prefix)


@pass_context
def _absolute(context: Context, path: str) -> str:
    return str(context["site"].site_url) + link(path, context["site"].prefix)


@pass_context
def _names(context: Context, value: Names) -> str:
    return value.of(context["lang"])


def _dated(say_day: Callable[[date, Lang], str]) -> Callable[..., str]:
    @pass_context
    def dated(context: Context, value: date) -> str:
        return say_day(_here(context, value), context["lang"])

    return dated


def _here(context: Context, value: Any) -> Any:
    """Bring an instant into the site's time zone; a day stays a day."""
    if isinstance(value, datetime):
        return dates.local(value, context["site"].settings.timezone)
    return value


@pass_context
def _moment(context: Context, value: datetime) -> str:
    return dates.moment(_here(context, value), context["lang"])


@pass_context
def _clock(context: Context, value: datetime) -> str:
    return dates.clock(_here(context, value))


@pass_context
def _second(context: Context, value: datetime) -> str:
    return f"{_here(context, value):%H:%M:%S}"


@pass_context
def _iso(context: Context, value: date) -> str:
    if isinstance(value, datetime):
        return str(_here(context, value).isoformat(timespec="seconds"))
    return value.isoformat()
