"""Read HTML of any kind, word-processor markup included, into blocks.

nh3 goes first: it repairs the nesting as a browser would and throws out what is dangerous; what the next steps
need to understand word processors (styles, classes, alignment) stays until then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import nh3
from lxml import etree
from lxml.etree import _Element as Element

from services.catalog.cleaning import lines, tables
from services.catalog.cleaning.blocks import (
    Align,
    Block,
    Heading,
    Item,
    Link,
    Listing,
    Marks,
    Notes,
    Para,
    Pre,
    Quote,
    Rule,
    Run,
)
from services.catalog.cleaning.entities import hidden, restored
from services.catalog.cleaning.plain import from_plain
from services.catalog.cleaning.references import alternative, footnote_name, link_target, picture
from services.catalog.cleaning.styles import aligned, heading_level, is_hidden, styled

UNREASONABLE = 2000
"""Levels from which the parser's own time grows with their square; such documents keep their text only."""
DEEPEST = 60
"""Levels of nesting; documents that nest deeper lose their structure, not their text."""

_INLINE = {
    "strong": Marks.STRONG, "b": Marks.STRONG, "em": Marks.EM, "i": Marks.EM, "cite": Marks.EM, "u": Marks.UNDERLINE,
    "ins": Marks.UNDERLINE, "s": Marks.STRIKE, "strike": Marks.STRIKE, "del": Marks.STRIKE, "sup": Marks.SUP,
    "sub": Marks.SUB, "code": Marks.CODE, "tt": Marks.CODE, "kbd": Marks.CODE, "samp": Marks.CODE, "span": Marks.NONE,
    "font": Marks.NONE, "a": Marks.NONE,
}  # fmt: skip
_BLOCKS = frozenset(
    "p div center article section main header footer aside nav figure figcaption address details summary dl dt dd".split()
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_TABLE_PARTS = frozenset("table caption thead tbody tfoot tr th td".split())
_STYLED = frozenset({"style", "class", "align"})

_ROUGH = nh3.Cleaner(
    tags={
        *_INLINE,
        *_BLOCKS,
        *_HEADINGS,
        *_TABLE_PARTS,
        "br",
        "hr",
        "img",
        "ul",
        "ol",
        "li",
        "blockquote",
        "pre",
    },
    clean_content_tags={
        "script",
        "style",
        "title",
        "iframe",
        "noscript",
        "template",
        "svg",
        "math",
        "xml",
        "textarea",
    },
    attributes={
        "*": set(_STYLED),
        "a": {"href", "name", "id"},
        "img": {"src", "alt"},
        "ol": {"start"},
        "li": {"id"},
        "table": {"border", "role"},
        "tr": {"bgcolor"},
        "td": {"colspan", "rowspan", "bgcolor"},
        "th": {"colspan", "rowspan"},
    },
    url_schemes={"http", "https", "mailto", "tel", "attachment"},
    link_rel=None,
)
_FLAT = nh3.Cleaner(tags={"p", "br"}, attributes={}, link_rel=None)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_ANY_TAG = re.compile(r"<[^>]*>")
_VOID = frozenset({"br", "hr", "img"})
_CLOSES_ITSELF = _VOID | frozenset(
    "p li td th tr dt dd thead tbody tfoot option meta link input col wbr area".split()
)
_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_WRAPPED = re.compile(rf"(?<=[{_CJK}])[ \t]*[\r\n]\s*(?=[{_CJK}])")
_NUMBERED = (
    (re.compile(r"第[一二三四五六七八九十百零〇\d]+编"), 1),
    (re.compile(r"第[一二三四五六七八九十百零〇\d]+章"), 2),
    (re.compile(r"第[一二三四五六七八九十百零〇\d]+节"), 3),
    (re.compile(r"[一二三四五六七八九十]{1,3}、"), 4),
    (re.compile(r"（[一二三四五六七八九十]{1,3}）"), 5),
)
LONGEST_HEADING = 60
"""Characters; a longer numbered line in bold is a sentence, not a heading."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What a piece of text inherits from the elements around it."""

    marks: Marks = Marks.NONE
    link: Link | None = None
    align: Align = ""


def read_blocks(html: str, attachments: Mapping[str, str] | None = None) -> list[Block]:
    """Return the blocks of *html*; whatever cannot be understood is text."""
    html = hidden(html)
    if _depth(html, _CLOSES_ITSELF) > UNREASONABLE:
        html = _bare(html)
    rough = restored(_ROUGH.clean(html))
    if _depth(rough) > DEEPEST:
        rough = _FLAT.clean(rough)
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True
    )
    root = etree.fromstring(f"<html><body><div>{rough}</div></body></html>".encode(), parser)
    flow = _Flow(attachments, is_top=True)
    for body in root.iter("body"):
        flow.inside(body, _Look())
        flow.flush("")
    return [_promoted(block) for block in flow.blocks]


def _bare(html: str) -> str:
    """Return the text of a document whose nesting no parser should have to follow."""
    return from_plain(
        restored(_ANY_TAG.sub(" ", html))
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
    )


def _depth(html: str, flat: frozenset[str] = _VOID) -> int:
    """Return how deep the tags of *html* nest, those in *flat* aside."""
    deepest = depth = 0
    for found in _TAG.finditer(html):
        if found[2].lower() in flat:
            continue
        if found[1]:
            depth = max(depth - 1, 0)
        else:
            depth += 1
            deepest = max(deepest, depth)
    return deepest


def _promoted(block: Block) -> Block:
    """Return the heading that a bold, numbered line of its own is: 一、总体要求."""
    if (
        not isinstance(block, Para)
        or block.align == "right"
        or not lines.is_all(block.runs, Marks.STRONG)
    ):
        return block
    text = lines.text_of(block.runs)
    level = next((level for pattern, level in _NUMBERED if pattern.match(text)), None)
    if level is None or len(text) > LONGEST_HEADING or text[-1] in "。；;：:，,":
        return block
    return Heading(lines.without(block.runs, Marks.STRONG), level)


class _Flow:
    """Collects the blocks of one container: the body, an item, a cell, a quotation."""

    def __init__(self, attachments: Mapping[str, str] | None, *, is_top: bool = False) -> None:
        self.attachments = attachments
        self.is_top = is_top
        self.blocks: list[Block] = []
        self.runs: list[Run] = []

    def flush(self, align: Align) -> None:
        """End the current paragraph, if there is one."""
        if not self.runs:
            return
        for part in lines.split(self.runs):
            if runs := lines.tidy(part):
                self.blocks.append(Para(runs, align))
        self.runs = []

    def inside(self, node: Element, look: _Look) -> None:
        """Read what is inside *node*."""
        self.text(node.text, look)
        for child in node:
            if not is_hidden(child):
                self.element(child, look)
            self.text(child.tail, look)

    def text(self, text: str | None, look: _Look) -> None:
        """Read one piece of text."""
        if text:
            if "\n" in text:
                text = _WRAPPED.sub("", text)
            self.runs.append(Run(text, look.marks, look.link))

    def element(self, node: Element, look: _Look) -> None:
        """Read one element."""
        tag = node.tag
        if tag in _INLINE:
            self.inside(node, self._inline(node, look))
        elif tag == "br":
            self.runs.append(Run("", kind="br"))
        elif tag == "img":
            self._image(node, look)
        else:
            self.flush(look.align)
            self._block(node, look)

    def _inline(self, node: Element, look: _Look) -> _Look:
        link = look.link
        if node.tag == "a" and link is None:
            link = self._link(node)
        return _Look(styled(node, look.marks | _INLINE[node.tag]), link, look.align)

    def _link(self, node: Element) -> Link | None:
        href = link_target(node.get("href"), self.attachments)
        name = footnote_name(node.get("id") or node.get("name"))
        return Link(href, name) if href else None

    def _image(self, node: Element, look: _Look) -> None:
        alt = alternative(node.get("alt"))
        source = picture(node.get("src"), self.attachments)
        if source:
            self.runs.append(Run(source, Marks.NONE, look.link, "img", alt))
        elif alt:
            self.runs.append(Run(alt, look.marks, look.link))

    def _block(self, node: Element, look: _Look) -> None:
        tag = node.tag
        if tag in _HEADINGS or heading_level(node):
            self._heading(node, look)
        elif tag == "section" and "footnotes" in (node.get("class") or "") and self.is_top:
            self._contained(node, Notes)
        elif tag in {"ul", "ol"}:
            self._listing(node)
        elif tag == "blockquote":
            self._contained(node, Quote)
        elif tag == "pre":
            self._pre(node)
        elif tag == "hr":
            if "footnotes-sep" not in (node.get("class") or ""):
                self.blocks.append(Rule())
        elif tag == "table":
            self._table(node)
        else:
            self._paragraph(node, look)

    def _paragraph(self, node: Element, look: _Look) -> None:
        marks = styled(node, look.marks | (Marks.STRONG if node.tag == "dt" else Marks.NONE))
        inner = _Look(marks, look.link, aligned(node, look.align))
        self.inside(node, inner)
        self.flush(inner.align)

    def _heading(self, node: Element, look: _Look) -> None:
        inner = _Flow(self.attachments)
        inner.inside(node, _Look(look.marks & ~Marks.STRONG, look.link))
        inner.flush("")
        runs = [
            run
            for block in inner.blocks
            if isinstance(block, Para)
            for run in (*block.runs, Run(" "))
        ]
        others = [block for block in inner.blocks if not isinstance(block, Para)]
        level = heading_level(node) or int(node.tag[1])
        if heading := lines.without(runs, Marks.STRONG):
            in_bold = Para(lines.with_mark(heading, Marks.STRONG))
            self.blocks.append(Heading(heading, level) if self.is_top else in_bold)
        self.blocks.extend(others)

    def _contained(self, node: Element, kind: type[Quote | Notes]) -> None:
        if blocks := self._nested(node):
            self.blocks.append(kind(blocks))

    def _nested(self, node: Element) -> list[Block]:
        inner = _Flow(self.attachments)
        inner.inside(node, _Look())
        inner.flush("")
        return inner.blocks

    def _listing(self, node: Element) -> None:
        items: list[Item] = []
        loose = _Flow(self.attachments)
        for child in node:
            if child.tag == "li" and not is_hidden(child):
                items.append(Item(self._nested(child), footnote_name(child.get("id"))))
            elif not is_hidden(child):
                loose.element(child, _Look())
                loose.flush("")
                _adopt(items, loose)
            loose.text(child.tail, _Look())
            loose.flush("")
            _adopt(items, loose)
        kept = [item for item in items if item.blocks]
        start = _start(node.get("start")) if node.tag == "ol" else None
        if kept:
            self.blocks.append(Listing(kept, start))

    def _pre(self, node: Element) -> None:
        for line_break in node.iter("br"):
            line_break.tail = "\n" + (line_break.tail or "")
        text = "".join(str(part) for part in node.itertext()).replace("\r", "").strip("\n")
        if text.strip():
            self.blocks.append(Pre(text))

    def _table(self, node: Element) -> None:
        table = tables.read_table(node, self._nested)
        self.blocks.extend(table)


def _adopt(items: list[Item], loose: _Flow) -> None:
    """Give what stands between the items of a list to the item before it."""
    if loose.blocks:
        if not items:
            items.append(Item([]))
        items[-1].blocks.extend(loose.blocks)
        loose.blocks = []


def _start(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else 1
