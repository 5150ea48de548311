"""What a body consists of, whatever it was written in: blocks that hold runs of text. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Literal, NamedTuple

Align = Literal["", "center", "right"]


class Marks(IntFlag):
    """How a run of text is set off."""

    NONE = 0
    STRONG = 1
    EM = 2
    UNDERLINE = 4
    STRIKE = 8
    SUP = 16
    SUB = 32
    CODE = 64


class Link(NamedTuple):
    """Where a run leads, and the footnote name that it carries."""

    href: str
    name: str = ""


class Run(NamedTuple):
    """A piece of a line: text, a line break (`br`), or a picture (`img`, its address in `text`)."""

    text: str
    marks: Marks = Marks.NONE
    link: Link | None = None
    kind: Literal["text", "br", "img"] = "text"
    alt: str = ""


@dataclass(slots=True)
class Para:
    """A paragraph."""

    runs: list[Run]
    align: Align = ""


@dataclass(slots=True)
class Heading:
    """A heading; its level counts only in relation to the other headings."""

    runs: list[Run]
    level: int


@dataclass(slots=True)
class Item:
    """An item of a list."""

    blocks: list[Block]
    name: str = ""


@dataclass(slots=True)
class Listing:
    """A list, numbered from *start* or with dots."""

    items: list[Item]
    start: int | None = None


@dataclass(slots=True)
class Quote:
    """A quotation."""

    blocks: list[Block]


@dataclass(slots=True)
class Notes:
    """The footnotes at the end."""

    blocks: list[Block]


@dataclass(slots=True)
class Pre:
    """Text whose line breaks and spaces count."""

    text: str


@dataclass(slots=True)
class Rule:
    """A line across."""


@dataclass(slots=True)
class Cell:
    """A cell of a table."""

    blocks: list[Block]
    is_header: bool = False
    columns: int = 1
    rows: int = 1
    align: Align = ""


@dataclass(slots=True)
class Table:
    """A table of data; its first *header* rows are its head."""

    rows: list[list[Cell]]
    header: int = 0
    caption: list[Run] = field(default_factory=list)


Block = Para | Heading | Listing | Quote | Notes | Pre | Rule | Table
