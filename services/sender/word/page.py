"""The page of a Word file: HTML for the catalog to clean, and the pictures in it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import mammoth
from lxml.etree import _Element as Element

from services.sender.word.lines import blocks, is_empty, text_of
from services.sender.word.package import Package, damaged
from services.sender.word.pictures import extension_of
from services.sender.word.styles import Styles
from services.sender.word.xml import child, elements, get, local, made, remove

_MAP = """
p.og-h2 => h2:fresh
p.og-h3 => h3:fresh
p.og-center => p.center:fresh
p.og-right => p.right:fresh
p[style-name='Title'] => h2:fresh
table => table.data:fresh
u => u
strike => s
comment-reference => !
"""
_CONFUSED = (KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError)
"""What the converter raises for files whose parts contradict each other."""
_NOTE = re.compile(r'((?:id|href)="#?)(foot|end)note-(ref-)?(\d+)"')
_HEADINGS = (
    (
        "og-h2",
        re.compile(
            r"第[一二三四五六七八九十百]+[编編章][\s\u3000].{1,40}|[一二三四五六七八九十]{1,3}、.{1,40}"
        ),
    ),
    (
        "og-h3",
        re.compile(
            r"第[一二三四五六七八九十百]+[节節][\s\u3000].{1,40}|[（(][一二三四五六七八九十]{1,3}[）)].{1,40}"
        ),
    ),
)
_SENTENCE_END = "。；;：:，,、！!？?"
_DIGIT = re.compile(r"\d")
SHORT = 12
"""Characters of a cell that names a column."""
_SHADES = frozenset({None, "auto", "FFFFFF", "ffffff"})


@dataclass
class Page:
    """HTML, and the pictures it names."""

    html: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    alternatives: dict[str, str] = field(default_factory=dict)
    unshown: int = 0
    """Pictures in formats that no browser shows (EMF, WMF, TIFF)."""


def make_page(package: Package, styles: Styles, dropped: Sequence[Element]) -> Page:
    """Return the page of *package*, which is used up, without the elements in *dropped*."""
    body = child(package.tree(package.main), "body")
    if body is None:
        return Page("")
    for node in dropped:
        remove(node)
    for block in list(blocks(body)):
        if local(block) == "p":
            _mark(block, styles)
        else:
            _mark_table(block, styles)
    page = Page("")
    try:
        result = mammoth.convert_to_html(
            io.BytesIO(package.packed()),
            style_map=_MAP,
            include_embedded_style_map=False,
            convert_image=mammoth.images.img_element(lambda image: _picture(image, page)),
            external_file_access=False,
        )
    except _CONFUSED as error:
        raise damaged(package.path) from error
    page.html = _NOTE.sub(_note_name, result.value)
    return page


def _note_name(found: re.Match[str]) -> str:
    kind = "ftn" if found[2] == "foot" else "edn"
    return f'{found[1]}_{kind}{"ref" if found[3] else ""}{found[4]}"'


def _picture(image: Any, page: Page) -> dict[str, str]:
    with image.open() as stream:
        content = stream.read()
    extension = extension_of(content)
    if not extension:
        page.unshown += 1
        return {"src": ""}
    name = next((known for known, same in page.pictures.items() if same == content), "")
    if not name:
        name = f"图{len(page.pictures) + 1}{extension}"
        page.pictures[name] = content
        page.alternatives[name] = " ".join((image.alt_text or "").split())[:500]
    return {"src": name}


def _mark(paragraph: Element, styles: Styles) -> None:
    """Tell the converter what a reader sees: a heading by its number, a line in the middle or at the right."""
    text = text_of(paragraph).strip()
    if styles.paragraph(paragraph, "numPr") is not None and not _is_stopped(paragraph):
        return
    heading = next((name for name, form in _HEADINGS if form.fullmatch(text)), "")
    if heading and text[-1] not in _SENTENCE_END:
        _set_style(paragraph, heading)
        return
    if styles.name(paragraph).startswith(("heading", "标题", "title")):
        return
    _align(paragraph, styles)


def _is_stopped(paragraph: Element) -> bool:
    return get(child(paragraph, "pPr", "numPr", "numId"), "val") == "0"


def _align(paragraph: Element, styles: Styles) -> None:
    align = get(styles.paragraph(paragraph, "jc"), "val")
    if align in {"center", "right", "end"} and not is_empty(paragraph):
        _set_style(paragraph, "og-center" if align == "center" else "og-right")


def _set_style(paragraph: Element, name: str) -> None:
    properties = child(paragraph, "pPr")
    if properties is None:
        properties = made(paragraph, "pPr")
        paragraph.insert(0, properties)
    old = child(properties, "pStyle")
    if old is not None:
        remove(old)
    properties.insert(0, made(paragraph, "pStyle", name))


def _mark_table(table: Element, styles: Styles) -> None:
    """Say which row is the head where its look alone says so, and keep what stands in the middle."""
    for paragraph in elements(table, "p"):
        _align(paragraph, styles)
    rows = [row for row in table if local(row) == "tr"]
    if len(rows) < 2 or child(rows[0], "trPr", "tblHeader") is not None:
        return
    if (_is_shaded(rows[0]) and not _is_shaded(rows[1])) or _reads_as_head(rows):
        properties = child(rows[0], "trPr")
        if properties is None:
            properties = made(rows[0], "trPr")
            rows[0].insert(0, properties)
        properties.append(made(rows[0], "tblHeader"))


def _reads_as_head(rows: Sequence[Element]) -> bool:
    """Say whether the first row names what stands below: short words, over at least one column of figures."""
    texts = [
        ["".join(map(text_of, elements(cell, "p"))).strip() for cell in _cells(row)] for row in rows
    ]
    head, below = texts[0], texts[1:]
    if len(head) < 2 or len(rows) < 3 or not all(0 < len(cell) <= SHORT for cell in head):
        return False
    if any(_DIGIT.search(cell) for cell in head):
        return False
    columns = [
        [row[place] for row in below if len(row) > place and row[place]]
        for place in range(len(head))
    ]
    return any(len(column) > 1 and all(map(_DIGIT.search, column)) for column in columns)


def _cells(row: Element) -> list[Element]:
    return [cell for cell in row if local(cell) == "tc"]


def _is_shaded(row: Element) -> bool:
    fills = [get(child(cell, "tcPr", "shd"), "fill") for cell in _cells(row)]
    return bool(fills) and all(fill not in _SHADES for fill in fills)


def has_content(html: str) -> bool:
    """Say whether a reader would see anything of *html*."""
    return "<img" in html or bool(re.sub(r"<[^>]*>|&nbsp;|\s", "", html))
