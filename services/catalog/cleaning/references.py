"""Where links and pictures of a body may lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from urllib.parse import unquote

from shared.html import FOOTNOTE, scrub

_INVISIBLE = re.compile("[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_WORD_NOTE = re.compile(r"_(ftn|edn)(ref)?([0-9]{1,6})")
_ATTACHMENT = "attachment:"
LONGEST = 2000
"""Characters of an address."""


def footnote_name(name: str | None) -> str:
    """Return the name of a footnote or of the place that refers to it, in our spelling; else nothing."""
    if not name:
        return ""
    if word := _WORD_NOTE.fullmatch(name):
        return f"fn{word[2] or ''}{word[3]}"
    return name if FOOTNOTE.fullmatch(name) else ""


def link_target(href: str | None, attachments: Mapping[str, str] | None) -> str:
    """Return where a link leads, or nothing when it may not lead there."""
    if not href:
        return ""
    href = href.strip()
    if href.lower().startswith(_ATTACHMENT):
        return _attached(href, attachments)
    if href.startswith("#"):
        name = footnote_name(href[1:])
        return f"#{name}" if name else ""
    href = _INVISIBLE.sub(lambda found: "%20" if found[0] == " " else "", href)
    if href.startswith("//"):
        href = f"https:{href}"
    scheme = _SCHEME.match(href)
    if len(href) > LONGEST or "\\" in href or (scheme and scheme[1].lower() not in _SCHEMES):
        return ""
    return href if _survives(href) else ""


def picture(source: str | None, attachments: Mapping[str, str] | None) -> str:
    """Return the address of a picture, which can only be an attachment."""
    if not source:
        return ""
    source = source.strip()
    if source.lower().startswith(_ATTACHMENT):
        return _attached(source, attachments)
    if attachments is not None:
        name = unquote(source.rsplit("/", 1)[-1])
        if name in attachments:
            return attachments[name]
    is_file = source.startswith("/files/") and not _INVISIBLE.search(source) and _survives(source)
    return source if is_file and ".." not in source and "\\" not in source else ""


def alternative(alt: str | None) -> str:
    """Return the alternative text of a picture in one line."""
    return " ".join((alt or "").split())[:500]


def _attached(reference: str, attachments: Mapping[str, str] | None) -> str:
    name = unquote(reference[len(_ATTACHMENT) :]).strip()
    if attachments is not None:
        return attachments.get(name, "")
    kept = _ATTACHMENT + _INVISIBLE.sub("%20", name)
    return kept if _survives(kept) else ""


@lru_cache(maxsize=4096)
def _survives(href: str) -> bool:
    """Say whether the last filter lets this address through: asked of the filter itself, so that they never differ."""
    return "href=" in scrub(f'<a href="{escape(href)}">x</a>')
