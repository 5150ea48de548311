"""The lines of a Word file as a reader sees them: text, place, size and colour. Feeds `layout.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.etree import _Element as Element

from services.sender.word.layout import Printed
from services.sender.word.styles import Styles
from services.sender.word.xml import child, elements, get, local, number_in, remove, unwrap

_CONTAINERS = frozenset({"sdt", "sdtContent", "customXml", "smartTag"})
_RED = re.compile(r"(?:[C-F][0-9A-F])(?:[0-4][0-9A-F]){2}", re.IGNORECASE)
BODY_SIZE = 21
"""Half points of text that says nothing about its size (小四 is 24, 五号 21)."""


def flatten(root: Element) -> None:
    """Keep one of the alternatives of each drawing: text boxes would be read twice."""
    for node in elements(root, "AlternateContent"):
        kept = next((one for one in node if local(one) == "Fallback"), None)
        kept = kept if kept is not None else next(iter(node), None)
        for one in list(node):
            if one is not kept:
                remove(one)
        if kept is not None:
            unwrap(kept)
        unwrap(node)


def blocks(root: Element) -> Iterator[Element]:
    """Yield the paragraphs and tables that stand in the body itself."""
    for node in root:
        if local(node) in {"p", "tbl"}:
            yield node
        elif local(node) in _CONTAINERS:
            yield from blocks(node)


def printed(body: Element, styles: Styles) -> list[tuple[Printed, Element]]:
    """Return the lines of *body* with the element that each stands in.

    The cells of a table give a line each, and so do the paragraphs of a text box, before the paragraph that holds it:
    red heads are made of both.
    """
    found: list[tuple[Printed, Element]] = []
    for block in blocks(body):
        if local(block) == "tbl":
            found += [(_line(p, styles, in_table=True), block) for p in elements(block, "p")]
            continue
        inner = [p for box in elements(block, "txbxContent") for p in elements(box, "p")]
        found += [(_line(p, styles), p) for p in inner]
        found.append((_line(block, styles), block))
    return found


def text_of(paragraph: Element) -> str:
    """Return the text of a paragraph without that of its text boxes; breaks and tabs are kept."""
    parts: list[str] = []
    for node in _own(paragraph):
        name = local(node)
        if name == "t":
            parts.append(node.text or "")
        elif name == "tab":
            parts.append("\t")
        elif name in {"br", "cr"}:
            parts.append("\n")
        elif name == "noBreakHyphen":
            parts.append("-")
    return "".join(parts)


def _own(node: Element) -> Iterator[Element]:
    for one in node:
        if local(one) not in {"txbxContent", "pPr", "rPr"}:
            yield one
            yield from _own(one)


def _line(paragraph: Element, styles: Styles, *, in_table: bool = False) -> Printed:
    runs = [node for node in _own(paragraph) if local(node) == "r"]
    runs = [run for run in runs if any((t.text or "").strip() for t in run if local(t) == "t")]
    sizes = [number_in(get(styles.run(paragraph, run, "sz"), "val"), BODY_SIZE) for run in runs]
    colours = [get(styles.run(paragraph, run, "color"), "val") or "" for run in runs]
    align = get(styles.paragraph(paragraph, "jc"), "val") or ""
    return Printed(
        text=text_of(paragraph),
        align={"center": "center", "right": "right", "end": "right"}.get(align, ""),
        size=max(sizes, default=BODY_SIZE),
        is_red=bool(runs) and all(_RED.fullmatch(colour) for colour in colours),
        is_bold=bool(runs) and all(styles.is_bold(paragraph, run) for run in runs),
        indent=_indent(styles.paragraph(paragraph, "ind")),
        style=styles.name(paragraph),
        in_table=in_table,
    )


def _indent(node: Element | None) -> float:
    """Return the indent of the whole paragraph in characters of size 三号."""
    characters = get(node, "leftChars") or get(node, "startChars")
    if characters:
        return _as_number(characters) / 100
    return _as_number(get(node, "left") or get(node, "start") or "0") / 320


def _as_number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0


def is_empty(paragraph: Element) -> bool:
    """Say whether a paragraph shows neither text nor a picture."""
    return not text_of(paragraph).strip() and child(paragraph, "r", "drawing") is None
