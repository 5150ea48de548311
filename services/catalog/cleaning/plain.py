"""Plain-text bodies: paragraphs and line breaks, nothing else is markup."""

from __future__ import annotations

import re
from html import escape

_BLANK = re.compile(r"\n[ \t\u3000]*\n[\s\u3000]*")
_INDENTED = re.compile(r"\n(?=(?:\u3000{1,4}|[ \t]{2,8}|\u00a0{2,8})\S)")
LONG = 40
"""Characters from which an unbroken line is a paragraph of its own, when no blank line parts them."""


def from_plain(text: str) -> str:
    """Return *text* as HTML, still to be cleaned."""
    text = re.sub(r"\r\n?|\x85|\u2028|\u2029", "\n", text).strip("\n")
    if "\n\n" not in text and _mostly_long(text.split("\n")):
        text = text.replace("\n", "\n\n")
    paragraphs = [part for chunk in _BLANK.split(text) for part in _INDENTED.split(chunk)]
    return "".join(
        f"<p>{'<br>'.join(escape(line, quote=False) for line in part.split(chr(10)))}</p>"
        for part in paragraphs
    )


def _mostly_long(lines: list[str]) -> bool:
    return sum(len(line) >= LONG for line in lines) * 2 >= len(lines)
