"""What changed between two versions of a text: block by block, and inside a block sentence by sentence.

Tables are shown whole, before and after, when anything in them changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from markupsafe import Markup, escape

from services.publisher.pages.body import text_of

_BLOCK = re.compile(
    r"<(?P<whole>table|figure|pre)\b.*?</(?P=whole)>"
    r"|<(?P<tag>p|h[1-6]|li|dt|dd|blockquote|summary|figcaption|caption)\b[^>]*>(?P<inner>.*?)"
    r"(?=</(?P=tag)>|<(?:p|h[1-6]|li|dt|dd|blockquote|ul|ol|table)\b)",
    re.DOTALL,
)
_SENTENCE = re.compile(r"[^。！？；!?;\n]*[。！？；!?;\n]+[”’」』）)]*|[^。！？；!?;\n]+")
_WORD = re.compile(r"(?:\d+年)?\d{1,2}月\d{1,2}日|[A-Za-z]+|\d+(?:[.,:]\d+)*%?|\s+|.", re.DOTALL)
"""What is never torn apart: dates, figures, Latin words."""
_ALIKE = 0.4
_LONG = 400
"""Sentences longer than this are compared whole: the matcher's time grows with the square."""


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, list entry, or a whole table, figure or pre-formatted text."""

    kind: str
    text: str
    html: str


@dataclass(frozen=True)
class Words:
    """How to say, to those who cannot see the marks, where an insertion or deletion begins and ends."""

    inserted: str
    inserted_end: str
    deleted: str
    deleted_end: str


@dataclass(frozen=True)
class Comparison:
    """A text with its changes marked."""

    html: Markup
    count: int = 0
    """改动 n 处; the n-th has the id `change-n`."""


def blocks(fragment: str) -> list[Block]:
    """Return the blocks of a cleaned fragment in order; loose text outside of them is a paragraph of its own."""
    found: list[Block] = []
    at = 0
    for match in _BLOCK.finditer(fragment):
        found += _loose(fragment[at : match.start()])
        at = match.end()
        if match["whole"]:
            found.append(Block(match["whole"], text_of(match.group()), match.group()))
        elif text_of(match["inner"]):
            found.append(Block(match["tag"], text_of(match["inner"]), match["inner"]))
    return found + _loose(fragment[at:])


def _loose(fragment: str) -> list[Block]:
    words = text_of(fragment)
    return [Block("p", words, str(escape(words)))] if words else []


def compare(old: str, new: str, words: Words) -> Comparison:
    """Return the new text with what was inserted and what was deleted since *old*."""
    before, after = blocks(old), blocks(new)
    marker = _Marker(words)
    matcher = SequenceMatcher(
        None, [(b.kind, b.text) for b in before], [(b.kind, b.text) for b in after]
    )
    parts: list[Markup] = []
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            parts += [_plain(block) for block in after[c:d]]
        else:
            parts += _changed(before[a:b], after[c:d], marker)
    return Comparison(Markup("\n").join(parts), marker.count)


def compare_text(old: str, new: str, words: Words) -> Markup:
    """Return a plain text with its changes marked, for the data beside the body."""
    return _sentences(old, new, _Marker(words, jumps=False))


class _Marker:
    """Numbers the changes and writes their marks."""

    def __init__(self, words: Words, *, jumps: bool = True) -> None:
        self.count = 0
        self._words = words
        self._jumps = jumps

    def begin(self) -> Markup:
        """Return the target of the jumps for the next change."""
        self.count += 1
        if not self._jumps:
            return Markup()
        return Markup('<span class="change" id="change-{}"></span>').format(self.count)

    def inserted(self, text: str | Markup) -> Markup:
        """Mark *text* as inserted."""
        w = self._words
        return Markup(
            '<ins><span class="hidden">{}</span>{}<span class="hidden">{}</span></ins>'
        ).format(w.inserted, text, w.inserted_end)

    def deleted(self, text: str | Markup) -> Markup:
        """Mark *text* as deleted."""
        w = self._words
        return Markup(
            '<del><span class="hidden">{}</span>{}<span class="hidden">{}</span></del>'
        ).format(w.deleted, text, w.deleted_end)


def _changed(before: Sequence[Block], after: Sequence[Block], marker: _Marker) -> list[Markup]:
    """Show a stretch of changed blocks: pairs that are alike sentence by sentence, the others whole."""
    parts: list[Markup] = []
    left = list(before)
    for block in after:
        partner = _partner(block, left)
        if partner is None:
            parts.append(_whole(block, marker, inserted=True))
            continue
        while left[0] is not partner:
            parts.append(_whole(left.pop(0), marker, inserted=False))
        left.pop(0)
        parts.append(_wrap(block.kind, _sentences(partner.text, block.text, marker)))
    return parts + [_whole(block, marker, inserted=False) for block in left]


def _partner(block: Block, candidates: Sequence[Block]) -> Block | None:
    """Return the first old block that *block* grew out of."""
    for other in candidates:
        if other.kind == block.kind and not _is_whole(block) and _alike(other.text, block.text):
            return other
    return None


def _alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one[:_LONG], other[:_LONG])
    return (
        matcher.real_quick_ratio() >= _ALIKE
        and matcher.quick_ratio() >= _ALIKE
        and matcher.ratio() >= _ALIKE
    )


def _sentences(old: str, new: str, marker: _Marker) -> Markup:
    """Mark the changes inside a block."""
    before, after = _SENTENCE.findall(old), _SENTENCE.findall(new)
    out = Markup()
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            out += escape("".join(after[c:d]))
        else:
            out += _stretch("".join(before[a:b]), "".join(after[c:d]), marker)
    return out


def _stretch(old: str, new: str, marker: _Marker) -> Markup:
    """Mark a changed stretch of sentences: inside it by words when the two are alike, whole otherwise."""
    out = marker.begin()
    if not old or not new or max(len(old), len(new)) > _LONG or not _alike(old, new):
        return out + (marker.deleted(old) if old else "") + (marker.inserted(new) if new else "")
    before, after = _WORD.findall(old), _WORD.findall(new)
    for same, was, now in _runs(before, after):
        if same:
            out += escape(now)
            continue
        out += marker.deleted(was) if was else ""
        out += marker.inserted(now) if now else ""
    return out


def _runs(before: Sequence[str], after: Sequence[str]) -> list[tuple[bool, str, str]]:
    """Return (same, old, new) runs; a single character that happens to be the same parts no two changes."""
    runs: list[tuple[bool, str, str]] = []
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for number, (what, a, b, c, d) in enumerate(codes):
        was, now = "".join(before[a:b]), "".join(after[c:d])
        same = what == "equal" and (len(now) > 1 or number in {0, len(codes) - 1})
        if runs and not same and not runs[-1][0]:
            runs[-1] = (False, runs[-1][1] + was, runs[-1][2] + now)
        else:
            runs.append((same, was, now))
    return runs


def _is_whole(block: Block) -> bool:
    return block.kind in {"table", "figure", "pre"}


def _plain(block: Block) -> Markup:
    return Markup(block.html) if _is_whole(block) else _wrap(block.kind, Markup(block.html))


def _whole(block: Block, marker: _Marker, *, inserted: bool) -> Markup:
    mark = marker.inserted if inserted else marker.deleted
    begin = marker.begin()
    if _is_whole(block):
        return begin + mark(Markup(block.html))
    return _wrap(block.kind, begin + mark(block.text))


def _wrap(kind: str, inner: Markup) -> Markup:
    """Put a block's text back; list entries stand alone here, so they become paragraphs with a mark."""
    if kind == "li":
        return Markup('<p class="li">{}</p>').format(inner)
    if kind[0] == "h" and kind[1:].isdigit():
        return Markup('<p class="h">{}</p>').format(inner)
    return Markup("<p>{}</p>").format(inner)
