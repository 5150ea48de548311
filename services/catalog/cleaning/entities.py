"""Character references, kept away from the HTML parser.

Its time grows with the square of the references in one piece of text (200,000 `&amp;` take seconds, two million
minutes). So references to harmless characters are resolved before it, and the few that must stay references wait
as noncharacters of Unicode, which nobody may send.
"""

from __future__ import annotations

import re
from html import unescape

_WAITING = {"&amp;": "\ufdd0", "&lt;": "\ufdd1", "&gt;": "\ufdd2", "&nbsp;": "\ufdd3"}
_BACK = str.maketrans({waiting: reference for reference, waiting in _WAITING.items()})
_NONCHARACTERS = dict.fromkeys(range(0xFDD0, 0xFDF0))
_REFERENCE = re.compile(
    r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});|&(?![a-zA-Z#])"
)


def hidden(html: str) -> str:
    """Return *html* with its references resolved or waiting; only odd ones stay for the parser."""
    html = html.translate(_NONCHARACTERS) if _has_noncharacters(html) else html
    return _REFERENCE.sub(_resolved, html) if "&" in html else html


def restored(html: str) -> str:
    """Return *html* with the waiting references in their places: always as references, so never as markup."""
    return html.translate(_BACK)


def _resolved(found: re.Match[str]) -> str:
    reference = found[0]
    if reference == "&":
        return _WAITING["&amp;"]
    char = unescape(reference)
    if char in "&<>":
        return _WAITING[{"&": "&amp;", "<": "&lt;", ">": "&gt;"}[char]]
    is_plain = len(char) == 1 and ord(char) > 0xA0 and not 0xFDD0 <= ord(char) <= 0xFDEF
    return char if is_plain else _WAITING.get(reference, reference)


def _has_noncharacters(html: str) -> bool:
    return any(char in html for char in map(chr, range(0xFDD0, 0xFDF0)))
