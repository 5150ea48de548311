"""What styles, classes and old attributes say about an element, as far as a reader sees it."""

from __future__ import annotations

import re

from lxml.etree import _Element as Element

from services.catalog.cleaning.blocks import Align, Marks

_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden")
_WEIGHT = re.compile(r"(?:^|[;\s])font-weight\s*:\s*(bold(?:er)?|[6-9]00|normal|lighter|[1-5]00)")
_SLANT = re.compile(r"(?:^|[;\s])font-style\s*:\s*(italic|oblique|normal)")
_DECORATION = re.compile(r"(?:^|[;\s])text-decoration(?:-line)?\s*:\s*([a-z -]+)")
_RAISED = re.compile(r"(?:^|[;\s])vertical-align\s*:\s*(super|sub)\b")
_ALIGN = re.compile(r"(?:^|[;\s])text-align\s*:\s*(left|center|right|justify|start|end)")
_OUTLINE = re.compile(r"mso-outline-level\s*:\s*([1-6])")
_HEADING_CLASS = re.compile(r"(?:^|\s)(?:Mso)?Heading ?([1-6])(?:\s|$)", re.IGNORECASE)
_BORDER = re.compile(
    r"border(?:-[a-z]+)*\s*:\s*[^;]*(?:solid|double|dashed|dotted|inset|outset|ridge|groove)"
)
_GRID_CLASS = re.compile(r"MsoTableGrid|MsoNormalTable|table-bordered", re.IGNORECASE)
_CLASS_ALIGN: dict[str, Align] = {"center": "center", "right": "right"}


def _style(node: Element) -> str:
    return (node.get("style") or "").lower()


def is_hidden(node: Element) -> bool:
    """Say whether a reader never saw this element."""
    style = node.get("style")
    return bool(style and _HIDDEN.search(style.lower()))


def styled(node: Element, marks: Marks) -> Marks:
    """Return *marks* with what the style of *node* adds or takes away."""
    style = _style(node)
    if not style:
        return marks
    if found := _WEIGHT.search(style):
        is_bold = found[1].startswith("bold") or found[1] in {"600", "700", "800", "900"}
        marks = marks | Marks.STRONG if is_bold else marks & ~Marks.STRONG
    if found := _SLANT.search(style):
        marks = marks & ~Marks.EM if found[1] == "normal" else marks | Marks.EM
    if found := _DECORATION.search(style):
        marks |= Marks.UNDERLINE if "underline" in found[1] else Marks.NONE
        marks |= Marks.STRIKE if "line-through" in found[1] else Marks.NONE
    if found := _RAISED.search(style):
        marks |= Marks.SUP if found[1] == "super" else Marks.SUB
    return marks


def aligned(node: Element, inherited: Align = "") -> Align:
    """Return where the text of *node* stands; left and justified are the page's own business."""
    if node.tag == "center":
        return "center"
    for name in (node.get("class") or "").split():
        if name in _CLASS_ALIGN:
            return _CLASS_ALIGN[name]
    found = _ALIGN.search(_style(node))
    word = found[1] if found else (node.get("align") or "").strip().lower()
    if not word:
        return inherited
    return _CLASS_ALIGN.get(word, "right" if word == "end" else "")


def heading_level(node: Element) -> int:
    """Return the level that a word processor's style gives this paragraph, or 0."""
    if node.tag not in {"p", "div"}:
        return 0
    found = _HEADING_CLASS.search(node.get("class") or "") or _OUTLINE.search(_style(node))
    return int(found[1]) if found else 0


def is_bordered(table: Element) -> bool:
    """Say whether a reader saw lines between the cells of this table."""
    border = (table.get("border") or "0").strip().lower().removesuffix("px")
    if border not in {"", "0"} or _GRID_CLASS.search(table.get("class") or ""):
        return True
    return any(_BORDER.search(_style(cell)) for cell in table.iter("table", "tr", "td", "th"))


def is_shaded(node: Element) -> bool:
    """Say whether this row or cell has a background of its own."""
    return bool(node.get("bgcolor")) or "background" in _style(node)
