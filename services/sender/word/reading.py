"""Read one .docx as a line to push: fields from its layout, a page, the cleaned original."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from services.sender.word.layout import Layout, read_layout
from services.sender.word.lines import flatten, printed
from services.sender.word.numbering import write_out
from services.sender.word.package import Package, read_package
from services.sender.word.page import Page, make_page
from services.sender.word.scrub import Scrubbed, scrub
from services.sender.word.styles import Styles
from services.sender.word.xml import child

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}
_GENRES = (
    ("draft", "征求意见稿|徵求意見稿|草案"), ("interpretation", "解读|解讀|政策說明"), ("publicity", "公示"),
    ("proclamation", "公告"), ("announcement", "通告"), ("decision", "决定|決定"), ("circular", "通报|通報"),
    ("notice", "通知"), ("opinion", "意见|意見"), ("reply", "批复|批復|核復"), ("letter", "函"), ("minutes", "纪要|紀要|會議紀錄"),
    ("rules", "细则|細則"), ("measures", "办法|辦法"), ("regulation", "条例|條例|规定|規定"),
    ("plan", "规划|規劃|方案|计划|計畫|計劃"), ("guide", "指南"), ("budget", "预算|預算|决算|決算"), ("report", "报告|報告"),
)  # fmt: skip
_AT_END = tuple(
    (genre, re.compile(rf"(?:{words})(?:[（(][^（()）]*[）)])?")) for genre, words in _GENRES
)
_CATALOGUE = {
    "publicity": "notice",
    "proclamation": "notice",
    "announcement": "notice",
    "interpretation": "interpretation",
    "draft": "consultation",
}
# pairs of characters that differ between the scripts and that nearly every document has
_TRADITIONAL = frozenset("關於為國實機會辦員單號來個縣鎮開發體發業務與應當請這項責據將對過還進")
_SIMPLIFIED = frozenset("关于为国实机会办员单号来个县镇开发体业务与应当请这项责据将对过还进")


@dataclass(frozen=True)
class Fact:
    """One field that was read: its value and where it stands in the document."""

    name: str
    value: str | None
    where: str


@dataclass
class WordReading:
    """What a .docx says, before anything is sent."""

    path: Path
    data: dict[str, Any]
    """Intake data; `catalogue`, `review` and the like are the caller's to add."""
    files: dict[str, bytes]
    """SHA-256 → bytes of the cleaned original and of the pictures."""
    facts: list[Fact]
    hold: tuple[str, ...] = ()
    """`tracked_changes`, `comments`: reasons why a person must look first."""
    scrubbed: Scrubbed = field(default_factory=Scrubbed)
    left_out: list[str] = field(default_factory=list)
    unshown_pictures: int = 0


def read_word(path: Path, name: str) -> WordReading:
    """Return what the .docx at *path* says; *name* is what the original is called in public.

    Raises `WordRefused` with reason and remedy.
    """
    package = read_package(path)
    scrubbed = scrub(package)
    original = package.packed()
    layout, page = _converted(package)
    data, files = _attached(name, original, page)
    data |= _fields(layout, page)
    hold = [code for code, count in _reasons(scrubbed) if count]
    return WordReading(
        path=path,
        data=data,
        files=files,
        facts=_facts(layout),
        hold=tuple(hold),
        scrubbed=scrubbed,
        left_out=layout.left_out,
        unshown_pictures=page.unshown,
    )


def _reasons(scrubbed: Scrubbed) -> tuple[tuple[str, int], ...]:
    return (("tracked_changes", scrubbed.changes), ("comments", scrubbed.comments))


def _converted(package: Package) -> tuple[Layout, Page]:
    work = package.copy()
    root = work.tree(work.main)
    styles = Styles(work)
    flatten(root)
    write_out(work, styles, root)
    body = child(root, "body")
    lines = printed(body, styles) if body is not None else []
    layout = read_layout([line for line, _ in lines])
    return layout, make_page(work, styles, _whole_blocks(lines, layout.dropped))


def _whole_blocks(lines: list[tuple[Any, Any]], dropped: set[int]) -> list[Any]:
    """Return the elements that may go: a table goes only when each of its filled cells does."""
    gone = {id(node) for place, (_, node) in enumerate(lines) if place in dropped}
    kept = {
        id(node)
        for place, (line, node) in enumerate(lines)
        if place not in dropped and line.text.strip()
    }
    nodes = {id(node): node for _, node in lines}
    return [nodes[key] for key in nodes if key in gone and key not in kept]


def _attached(name: str, original: bytes, page: Page) -> tuple[dict[str, Any], dict[str, bytes]]:
    attachments = [_described(name, original, DOCX, "original")]
    files = {attachments[0]["sha256"]: original}
    for picture, content in page.pictures.items():
        kind = _PICTURES[Path(picture).suffix]
        described = _described(picture, content, kind, "image")
        alt = page.alternatives.get(picture)
        attachments.append(described | ({"alt": alt} if alt else {}))
        files[described["sha256"]] = content
    return {"attachments": attachments}, files


def _described(name: str, content: bytes, kind: str, role: str) -> dict[str, Any]:
    return {
        "name": name,
        "media_type": kind,
        "sha256": sha256(content).hexdigest(),
        "size": len(content),
        "role": role,
    }


def _fields(layout: Layout, page: Page) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: found.value for name, found in _found(layout).items() if found is not None
    }
    if layout.co_issuers:
        fields["co_issuers"] = layout.co_issuers
    fields["body"] = {"format": "html", "content": page.html}
    fields["language"] = language_of(page.html)
    return fields


def _found(layout: Layout) -> Mapping[str, Any]:
    return {
        "title": layout.title,
        "issuing_body": layout.issuing_body,
        "document_number": layout.document_number,
        "formed_on": layout.formed_on,
    }


def _facts(layout: Layout) -> list[Fact]:
    facts = [
        Fact(name, found.value if found else None, found.where if found else "")
        for name, found in _found(layout).items()
    ]
    if layout.co_issuers:
        facts.insert(2, Fact("co_issuers", "、".join(layout.co_issuers), facts[1].where))
    return facts


def language_of(text: str) -> str:
    """Return `zh-Hans` or `zh-Hant` by the characters that only one of them has, `en` for a text without Chinese."""
    if not re.search("[\u3400-\u9fff]", text):
        return "en" if re.search("[A-Za-z]{3}", text) else "zh-Hans"
    only_hant, only_hans = _TRADITIONAL - _SIMPLIFIED, _SIMPLIFIED - _TRADITIONAL
    traditional = sum(character in only_hant for character in text)
    return (
        "zh-Hant" if traditional > sum(character in only_hans for character in text) else "zh-Hans"
    )


def genre_of(title: str) -> str | None:
    """Return the genre that the end of *title* names, e.g. `notice` for …的通知; None when it names none."""
    best = max(
        (
            (found.start(), genre)
            for genre, words in _AT_END
            for found in words.finditer(title.strip("》"))
            if found.end() == len(title.strip("》"))
        ),
        default=None,
    )
    return best[1] if best else None


def catalogue_of(title: str, genre: str | None) -> str:
    """Return the entry under which a document goes when nobody said which: never one with legal weight."""
    if "政府信息公开工作年度报告" in title:
        return "annual-report"
    if re.search("决算|決算", title):
        return "budget.final"
    if re.search("预算|預算", title):
        return "budget"
    return _CATALOGUE.get(genre or "", "other")
