"""Write blocks as HTML in one canonical way: equal blocks give equal bytes, and reading them back gives the blocks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from services.catalog.cleaning.blocks import (
    Block,
    Cell,
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
    Table,
)
from services.catalog.cleaning.lines import with_mark

_TAGS = (
    (Marks.STRONG, "strong"),
    (Marks.EM, "em"),
    (Marks.UNDERLINE, "u"),
    (Marks.STRIKE, "s"),
    (Marks.SUP, "sup"),
    (Marks.SUB, "sub"),
    (Marks.CODE, "code"),
)
_DEEPEST = 6


def write_blocks(blocks: Iterable[Block]) -> str:
    """Return *blocks* as an HTML fragment whose headings begin at `h2` and skip no level."""
    open_levels: list[int] = []
    parts: list[str] = []
    for block in blocks:
        if isinstance(block, Heading):
            while open_levels and open_levels[-1] >= block.level:
                open_levels.pop()
            level = min(2 + len(open_levels), _DEEPEST)
            open_levels.append(block.level)
            parts.append(f"<h{level}>{_line(block.runs)}</h{level}>")
        else:
            parts.append(_block(block))
    return "\n".join(parts)


def _block(block: Block) -> str:
    match block:
        case Para():
            return f"<p{_aligned(block.align)}>{_line(block.runs)}</p>"
        case Heading():
            return f"<p>{_line(with_mark(block.runs, Marks.STRONG))}</p>"
        case Listing():
            return _listing(block)
        case Quote():
            return f"<blockquote>\n{_blocks(block.blocks)}\n</blockquote>"
        case Notes():
            return f'<section class="footnotes">\n{_blocks(block.blocks)}\n</section>'
        case Pre():
            return f"<pre>{escape(block.text, quote=False)}</pre>"
        case Rule():
            return "<hr>"
        case Table():
            return _table(block)


def _blocks(blocks: Iterable[Block]) -> str:
    return "\n".join(map(_block, blocks))


def _listing(block: Listing) -> str:
    items = "\n".join(map(_item, block.items))
    if block.start is None:
        return f"<ul>\n{items}\n</ul>"
    start = f' start="{block.start}"' if block.start != 1 else ""
    return f"<ol{start}>\n{items}\n</ol>"


def _item(item: Item) -> str:
    name = f' id="{item.name}"' if item.name else ""
    return f"<li{name}>{_content(item.blocks)}</li>"


def _content(blocks: list[Block]) -> str:
    """Return what an item or a cell holds: a first line stands bare when only lists follow it."""
    first = blocks[0] if blocks else None
    if (
        isinstance(first, Para)
        and not first.align
        and all(isinstance(block, Listing) for block in blocks[1:])
    ):
        return "\n".join([_line(first.runs), *map(_block, blocks[1:])])
    return _blocks(blocks)


def _table(table: Table) -> str:
    caption = f"<caption>{_line(table.caption)}</caption>\n" if table.caption else ""
    head, body = table.rows[: table.header], table.rows[table.header :]
    thead = f"<thead>\n{_rows(head, is_head=True)}\n</thead>\n" if head else ""
    return f'<table class="data">\n{caption}{thead}<tbody>\n{_rows(body, is_head=False)}\n</tbody>\n</table>'


def _rows(rows: Iterable[list[Cell]], *, is_head: bool) -> str:
    return "\n".join(
        "<tr>"
        + "".join(
            _cell(cell, is_head=is_head, is_first=not place) for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )


def _cell(cell: Cell, *, is_head: bool, is_first: bool) -> str:
    tag = "th" if is_head or cell.is_header else "td"
    scope = f' scope="{"row" if is_first and not is_head else "col"}"' if tag == "th" else ""
    columns = f' colspan="{cell.columns}"' if cell.columns > 1 else ""
    rows = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    return f"<{tag}{columns}{rows}{scope}{_aligned(cell.align)}>{_content(cell.blocks)}</{tag}>"


def _aligned(align: str) -> str:
    return f' class="{align}"' if align else ""


def _line(runs: Iterable[Run]) -> str:
    """Return *runs* with links outermost and marks in one order, opened and closed as seldom as possible."""
    out: list[str] = []
    is_open: list[str | Link] = []
    for run in runs:
        wanted = _wrapping(run)
        shared = 0
        while shared < min(len(is_open), len(wanted)) and is_open[shared] == wanted[shared]:
            shared += 1
        out.extend(_end(tag) for tag in reversed(is_open[shared:]))
        out.extend(_start(tag) for tag in wanted[shared:])
        is_open = wanted
        out.append(_piece(run))
    out.extend(_end(tag) for tag in reversed(is_open))
    return "".join(out)


def _wrapping(run: Run) -> list[str | Link]:
    link: list[str | Link] = [run.link] if run.link else []
    if not run.marks:
        return link
    return link + [tag for mark, tag in _TAGS if mark in run.marks]


def _start(tag: str | Link) -> str:
    if isinstance(tag, str):
        return f"<{tag}>"
    name = f' id="{tag.name}"' if tag.name else ""
    href = f' href="{escape(tag.href)}"' if tag.href else ""
    return f"<a{href}{name}>"


def _end(tag: str | Link) -> str:
    return f"</{tag}>" if isinstance(tag, str) else "</a>"


def _piece(run: Run) -> str:
    if run.kind == "br":
        return "<br>"
    if run.kind == "img":
        return f'<img src="{escape(run.text)}" alt="{escape(run.alt)}">'
    return escape(run.text, quote=False)
