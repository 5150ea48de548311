"""Tables: of data or of layout, with or without a head."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lxml.etree import _Element as Element

from services.catalog.cleaning import lines
from services.catalog.cleaning.blocks import (
    Block,
    Cell,
    Heading,
    Listing,
    Marks,
    Para,
    Pre,
    Quote,
    Run,
    Table,
)
from services.catalog.cleaning.styles import aligned, is_bordered, is_hidden, is_shaded

Nested = Callable[[Element], list[Block]]

MOST_COLUMNS, MOST_ROWS = 100, 1000
"""Cells may span this many."""
LONG_CELL = 200
"""Characters; a table of few rows with a cell longer than this was laid out, not tabled."""
FEW_ROWS = 3
SHORT_HEAD = 20
"""Characters of a cell that can be a heading."""

_HEAD_WORDS = re.compile(
    r"序号|编号|編號|序號|項次|项目|項目|名称|名稱|类别|類別|指标|指標|年度|年份|月份|日期|No\.?|Item",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-+]?[\d.,，%％\s]+(?:元|万元|亿元|人|个|%)?")


def read_table(node: Element, nested: Nested) -> list[Block]:
    """Return *node* as a table of data, or as the blocks that a layout table held."""
    rows, in_head, shaded = _rows(node, nested)
    if not any(cell.blocks for row in rows for cell in row):
        return []
    if _is_layout(node, rows):
        return [block for row in rows for cell in row for block in _loose(cell)]
    _clip(rows)
    if not any(cell.rows > 1 for row in rows for cell in row):
        kept = [place for place, row in enumerate(rows) if any(cell.blocks for cell in row)]
        in_head = sum(place < in_head for place in kept)
        shaded = [shaded[place] for place in kept]
        rows = [rows[place] for place in kept]
    header = _whole(rows, in_head or _guessed_head(rows, shaded))
    for row in rows[:header]:
        for cell in row:
            cell.blocks = [_plain_head(block) for block in cell.blocks]
    return [Table(rows, header, _caption(node, nested))]


def _rows(table: Element, nested: Nested) -> tuple[list[list[Cell]], int, list[bool]]:
    """Return the rows of *table*, how many lead it inside `thead`, and which have a background."""
    rows: list[list[Cell]] = []
    shaded: list[bool] = []
    in_head, is_leading = 0, True
    for row in _row_nodes(table):
        nodes = [cell for cell in row if cell.tag in {"td", "th"} and not is_hidden(cell)]
        if not nodes:
            continue
        rows.append([_cell(cell, nested) for cell in nodes])
        shaded.append(is_shaded(row) or all(is_shaded(cell) for cell in nodes))
        parent = row.getparent()
        is_leading = is_leading and parent is not None and parent.tag == "thead"
        in_head += is_leading
    return rows, in_head, shaded


def _row_nodes(table: Element) -> Iterator[Element]:
    for child in table:
        if child.tag == "tr" and not is_hidden(child):
            yield child
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from (row for row in child if row.tag == "tr" and not is_hidden(row))


def _cell(node: Element, nested: Nested) -> Cell:
    blocks = nested(node)
    align = aligned(node)
    only = blocks[0] if len(blocks) == 1 else None
    if isinstance(only, Para):
        align, only.align = only.align or align, ""
    columns, rows = _span(node.get("colspan"), MOST_COLUMNS), _span(node.get("rowspan"), MOST_ROWS)
    return Cell(blocks, node.tag == "th", columns, rows, align)


def _span(value: str | None, most: int) -> int:
    text = (value or "").strip()
    return (
        min(int(text), most)
        if text.isascii() and text.isdigit() and 0 < len(text) < 6 and int(text)
        else 1
    )


def _is_layout(node: Element, rows: list[list[Cell]]) -> bool:
    if sum(map(len, rows)) == 1 or node.get("role") in {"presentation", "none"}:
        return True
    if any(isinstance(block, Table) for row in rows for cell in row for block in cell.blocks):
        return True
    if _is_marked(node, rows):
        return False
    if all(len(row) == 1 for row in rows):
        return True
    is_long = any(
        _length(cell.blocks) > LONG_CELL or len(cell.blocks) > FEW_ROWS
        for row in rows
        for cell in row
    )
    is_uneven = any(len(row) == 1 for row in rows)
    return (is_long or is_uneven) and len(rows) <= FEW_ROWS and not is_bordered(node)


def _is_marked(node: Element, rows: list[list[Cell]]) -> bool:
    """Say whether the sender called this a table of data, or we did when we cleaned it before."""
    if "data" in (node.get("class") or "").split() or any(
        cell.is_header for row in rows for cell in row
    ):
        return True
    return any(child.tag in {"thead", "caption"} for child in node)


def _loose(cell: Cell) -> list[Block]:
    for block in cell.blocks:
        if isinstance(block, Para) and not block.align and cell.align:
            block.align = cell.align
    return cell.blocks


def _clip(rows: list[list[Cell]]) -> None:
    """Let no cell reach below the table."""
    for place, row in enumerate(rows):
        for cell in row:
            cell.rows = min(cell.rows, len(rows) - place)


def _whole(rows: list[list[Cell]], header: int) -> int:
    """Return *header*, grown until no cell of the head reaches out of it; 0 when nothing would be left below."""
    reached = 0
    while reached < header:
        reached = header
        header = max(place + cell.rows for place, row in enumerate(rows[:reached]) for cell in row)
    return header if header < len(rows) else 0


def _guessed_head(rows: list[list[Cell]], shaded: list[bool]) -> int:
    """Return 1 if the first row is clearly a head."""
    if len(rows) < 2:
        return 0
    first, second = rows[0], rows[1]
    filled = [cell for cell in first if cell.blocks]
    if all(cell.is_header for cell in first):
        return 1
    if len(filled) < 2 or any(_length(cell.blocks) > SHORT_HEAD * 2 for cell in filled):
        return 0
    if all(_is_bold(cell) for cell in filled) and not all(
        _is_bold(cell) for cell in second if cell.blocks
    ):
        return 1
    if shaded[0] and not shaded[1]:
        return 1
    texts = [_text(cell.blocks) for cell in first]
    is_named = bool(_HEAD_WORDS.fullmatch(texts[0].replace(" ", "")))
    return int(
        is_named
        and all(text and len(text) <= SHORT_HEAD and not _NUMBER.fullmatch(text) for text in texts)
    )


def _is_bold(cell: Cell) -> bool:
    paragraphs = [block for block in cell.blocks if isinstance(block, Para)]
    return len(paragraphs) == len(cell.blocks) > 0 and all(
        lines.is_all(p.runs, Marks.STRONG) for p in paragraphs
    )


def _plain_head(block: Block) -> Block:
    return (
        Para(lines.without(block.runs, Marks.STRONG), block.align)
        if isinstance(block, Para)
        else block
    )


def _caption(node: Element, nested: Nested) -> list[Run]:
    for child in node:
        if child.tag == "caption":
            parts = [block.runs for block in nested(child) if isinstance(block, Para)]
            return lines.tidy(run for runs in parts for run in (*runs, Run(" ")))
    return []


def _length(blocks: list[Block]) -> int:
    return len(_text(blocks))


def _text(blocks: list[Block]) -> str:
    return " ".join(filter(None, map(_block_text, blocks)))


def _block_text(block: Block) -> str:
    match block:
        case Para() | Heading():
            return lines.text_of(block.runs)
        case Listing():
            return " ".join(_text(item.blocks) for item in block.items)
        case Quote():
            return _text(block.blocks)
        case Pre():
            return block.text
        case _:
            return ""
