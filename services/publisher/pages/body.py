"""The text of an item, made ready for the page: cleaned once more, headings in order, tables in their own box."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from shared.html import scrub
from shared.text import plain

_OWN_PATH = re.compile(r'(<(?:a|img)\b[^>]*? (?:href|src)=")(?=/[^/])')
_HEADING = re.compile(r"<h([1-6])([^>]*)>(.*?)</h\1>", re.DOTALL)
_TABLE_EDGE = re.compile(r"<table\b[^>]*>|</table>")
_NUMBER_CELL = re.compile(
    r"<td((?: (?!class)[^>]*)?)>(\s*(?:<p>)?\s*[-－−+]?[\d][\d,，. ]*[%％]?\s*(?:</p>)?\s*)</td>"
)
_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_NUMERAL = "[\\d〇○零一二三四五六七八九十]"
_DATE = rf"\s*{_NUMERAL}{{4}}\s*年\s*{_NUMERAL}{{1,3}}\s*月\s*{_NUMERAL}{{1,3}}\s*日\s*"
_SIGNED = re.compile(rf"<p>((?:(?!</?p>).)*)</p>(\s*)<p>({_DATE})</p>", re.DOTALL)
_DATED = re.compile(rf"<p>{_DATE}</p>")
_SENTENCE_END = re.compile("[。；：！？]")
_MIN_HEADINGS = 3
_SIGNATURE = 60
_ADDRESSEE = 80


@dataclass(frozen=True)
class Heading:
    """A heading of the text, for its contents."""

    level: int
    text: str
    id: str


@dataclass(frozen=True)
class Text:
    """A text as the page shows it."""

    html: str
    headings: tuple[Heading, ...]
    """Empty where contents would not help: fewer than three."""


def text_of(fragment: str) -> str:
    """Return the plain text of an HTML fragment, white space folded."""
    return " ".join(plain(fragment).split())


def clean(content: str, prefix: str) -> str:
    """Return *content* through the allow-list once more; paths of this site get the path prefix."""
    cleaned = scrub(content)
    return _OWN_PATH.sub(rf"\1{prefix}", cleaned) if prefix else cleaned


@lru_cache(maxsize=8)  # the page of an item and that of its newest version show the same text
def present(content: str, prefix: str, *, table_label: str) -> Text:
    """Return the text of an item for its page; `table_label` names the n-th table for screen readers (`表 {n}`)."""
    html, headings = _in_order(clean(content, prefix))
    html = _NUMBER_CELL.sub(r'<td class="num"\1>\2</td>', html) if "<td" in html else html
    html = box_tables(html, table_label)
    html = _addressee(_signature(html))
    return Text(html, headings if len(headings) >= _MIN_HEADINGS else ())


def _in_order(html: str) -> tuple[str, tuple[Heading, ...]]:
    """Let headings start below the page's own and never skip a level; give each an id."""
    found: list[Heading] = []
    open_levels: list[int] = []

    def place(match: re.Match[str]) -> str:
        level, inner = int(match[1]), match[3]
        while open_levels and open_levels[-1] >= level:
            open_levels.pop()
        words = text_of(inner)
        if not words:
            return inner
        open_levels.append(level)
        shown = min(len(open_levels) + 1, 6)
        found.append(Heading(shown, words, f"s{len(found) + 1}"))
        return f'<h{shown} id="{found[-1].id}">{inner}</h{shown}>'

    return _HEADING.sub(place, html), tuple(found)


def box_tables(html: str, label: str) -> str:
    """Put each outermost table into a box of its own that scrolls and can be reached by keyboard."""
    parts: list[str] = []
    at = depth = number = start = 0
    for edge in _TABLE_EDGE.finditer(html):
        if edge.group() != "</table>":
            if depth == 0:
                start = edge.start()
            depth += 1
            continue
        depth -= 1
        if depth == 0:
            number += 1
            table = html[start : edge.end()]
            held = "" if "rowspan" in table else " held"
            name = label.format(n=number)
            parts += [
                html[at:start],
                f'<div class="scroll{held}" role="group" tabindex="0" aria-label="{name}">{table}</div>',
            ]
            at = edge.end()
    return "".join([*parts, html[at:]])


def _signature(html: str) -> str:
    """Set the issuing body and the date under an official document to the right."""
    return _SIGNED.sub(_to_the_right, html) if _DATED.search(html) else html


def _to_the_right(match: re.Match[str]) -> str:
    body, between, day = match.groups()
    words = text_of(body)
    signs = words and len(words) <= _SIGNATURE and not _SENTENCE_END.search(words)
    kind = ' class="signed"' if signs else ""
    return f'<p{kind}>{body}</p>{between}<p class="signed">{day}</p>'


def _addressee(html: str) -> str:
    """Leave the line that says to whom a document goes without indent."""
    first = _PARAGRAPH.match(html.lstrip())
    if not first:
        return html
    words = text_of(first[1])
    if len(words) <= _ADDRESSEE and words.endswith(("：", ":")):
        return html.replace("<p>", '<p class="to">', 1)
    return html
