"""Markdown bodies: CommonMark without raw HTML, with tables, strike-through, footnotes and Chinese emphasis."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from services.catalog.cleaning.emphasis import chinese_emphasis, is_cjk

_BR = re.compile(r"<br\s*/?>", re.IGNORECASE)
WRAPPED = 60
"""Columns from which a line looks wrapped by an editor; shorter lines were broken on purpose (addresses, headings)."""


def from_markdown(text: str) -> str:
    """Return *text* as HTML, still to be cleaned."""
    rendered: str = _MD.render(text, {})
    return rendered


def _html_break(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- the library's signature
    """Read `<br>`, the one tag that people need in Markdown: a cell of a table has no other line break."""
    if state.src[state.pos] != "<":
        return False
    found = _BR.match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _breaks(state: StateCore) -> None:
    """Decide what a single line break means: kept where lines are short, joined where an editor wrapped them."""
    for token in state.tokens:
        if token.type != "inline" or "\n" not in token.content:
            continue
        kept = all(_columns(line) < WRAPPED for line in token.content.split("\n")[:-1])
        children = token.children or []
        for place, child in enumerate(children):
            if child.type == "softbreak":
                if kept:
                    child.type, child.tag = "hardbreak", "br"
                elif _between_chinese(children, place):
                    child.type = "text"


def _columns(line: str) -> int:
    return sum(2 if ord(char) > 0x2E7F else 1 for char in line)


def _between_chinese(children: list[Token], place: int) -> bool:
    before = next((c for t in reversed(children[:place]) if (c := t.content)), "")
    after = next((c for t in children[place + 1 :] if (c := t.content)), "")
    return bool(before and after and is_cjk(before[-1]) and is_cjk(after[0]))


def _reader() -> MarkdownIt:
    md = MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False})
    # four spaces in front of a Chinese paragraph are an indent, never a program
    md.disable("code")
    md.inline.ruler.before("autolink", "html_break", _html_break)
    chinese_emphasis(md)
    md.use(footnote_plugin, inline=False)
    md.core.ruler.push("breaks", _breaks)
    return md


_MD = _reader()
