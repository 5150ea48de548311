"""Whole sentences around what was asked, as escaped HTML with `<mark>`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from shared.text import fold_in_place

LONG = 160
"""Characters that a snippet has at most, if its sentences allow; a longer sentence is cut at a comma."""
_ENOUGH = 60
_MOST_PLACES = 20
"""Places looked at for each word."""
_FOLDED = 20_000
"""Characters looked at where a text is not written as folded: in Traditional script or full width."""
_SAMPLE = 300
"""Characters that tell whether it is."""
_END = re.compile(r"[。！？!?；;\n]|\.(?=\s)")
_PAUSE = re.compile(r"[，,、：:\s]")


class Mark(NamedTuple):
    """A folded text that is marked, and how much a sentence is worth that holds it."""

    text: str
    weight: int


class _Place(NamedTuple):
    start: int
    end: int
    word: int


def snippet(text: str, marked: Sequence[Mark]) -> str:
    """Return the sentences of *text* that hold most of *marked* (folded words, long ones first); the first if none do."""
    places = _places(text, marked)
    if not places:
        return escape(_cut_end(text.strip(), LONG))
    spans = _best(text, places, marked)
    return " … ".join(_marked(text, span, places) for span in spans)


def _places(text: str, marked: Sequence[Mark]) -> list[_Place]:
    """Return where the words stand, without overlaps, in the order of the text."""
    lowered = text.lower()
    plainly = lowered if len(lowered) == len(text) else text
    if fold_in_place(text[:_SAMPLE]) == plainly[:_SAMPLE]:
        found = _find(plainly, marked)
        if found:
            return found
    return _find(fold_in_place(text[:_FOLDED]), marked)


def _find(text: str, marked: Sequence[Mark]) -> list[_Place]:
    taken: list[_Place] = []
    for n, (word, _) in enumerate(marked):
        at = text.find(word)
        for _ in range(_MOST_PLACES):
            if at < 0:
                break
            if _whole(text, at, word):
                taken.append(_Place(at, at + len(word), n))
            at = text.find(word, at + len(word))
    return _apart(sorted(taken, key=lambda place: (place.start, -place.end)))


def _whole(text: str, at: int, word: str) -> bool:
    """Say whether a Latin word or number stands alone there (a plural ending may follow); Chinese always does."""
    if not word[0].isascii():
        return True
    before = text[at - 1] if at else " "
    after = text[at + len(word) : at + len(word) + 3]
    return (
        not (before.isascii() and before.isalnum())
        and re.match(r"(?:e?s)?(?![a-z0-9])", after) is not None
    )


def _apart(places: list[_Place]) -> list[_Place]:
    kept: list[_Place] = []
    for place in places:
        if not kept or place.start >= kept[-1].end:
            kept.append(place)
    return kept


def _best(text: str, places: list[_Place], marked: Sequence[Mark]) -> list[tuple[int, int]]:
    """Return the spans of the one or two sentences that hold the most, in the order of the text."""
    sentences: dict[tuple[int, int], dict[int, int]] = {}
    span = (0, 0)
    for place in places:
        if place.end > span[1]:
            span = _sentence(text, place)
        words = sentences.setdefault(span, {})
        words[place.word] = words.get(place.word, 0) + 1
    order = sorted(sentences, key=lambda span: (-_worth(text, span, sentences[span], marked), span))
    first = order[0]
    if first[1] - first[0] >= _ENOUGH:
        return [_shortened(text, first, places)]
    others = order[1:]
    second = [span for span in others if set(sentences[span]) - set(sentences[first])] or others
    fitting = [span for span in second if span[1] - span[0] + first[1] - first[0] <= LONG]
    return sorted([first, *fitting[:1]])


def _worth(text: str, span: tuple[int, int], words: Iterable[int], marked: Sequence[Mark]) -> float:
    """Return what a sentence is worth: the marks in it; the row of a table is worth half a sentence."""
    ended = text[span[1] - 1] in "。！？!?；;."
    return sum(marked[word].weight for word in words) * (1.0 if ended else 0.5)


def _sentence(text: str, place: _Place) -> tuple[int, int]:
    window = max(0, place.start - 4 * LONG)
    start = window
    for end in _END.finditer(text, window, place.start):
        start = end.end()
    after = _END.search(text, place.end, place.end + 4 * LONG)
    stop = after.end() if after else min(len(text), place.end + 4 * LONG)
    return start, stop


def _shortened(text: str, span: tuple[int, int], places: list[_Place]) -> tuple[int, int]:
    """Return a stretch of an overlong sentence with the most places in it, cut at commas."""
    start, stop = span
    if stop - start <= LONG:
        return span
    inside = [place for place in places if start <= place.start and place.end <= stop]
    ends = [place.end for place in inside]
    richest = max(range(len(inside)), key=lambda n: bisect_right(ends, inside[n].start + LONG) - n)
    begin = inside[richest].start
    for pause in _PAUSE.finditer(text, max(start, begin - LONG // 3), begin):
        start = pause.end()
    start = start if begin - start < LONG // 2 else begin
    pauses = [
        pause.start()
        for pause in _PAUSE.finditer(text, inside[richest].end, min(stop, start + LONG))
    ]
    return start, (pauses[-1] if pauses and stop > start + LONG else min(stop, start + LONG))


def _marked(text: str, span: tuple[int, int], places: list[_Place]) -> str:
    start, stop = span
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    parts, at = [], start
    for place in places:
        if place.start >= at and place.end <= stop:
            parts += [
                escape(text[at : place.start]),
                f"<mark>{escape(text[place.start : place.end])}</mark>",
            ]
            at = place.end
    return "".join([*parts, escape(text[at:stop])]).replace("\n", " ")


def _cut_end(text: str, longest: int) -> str:
    """Return the beginning of *text*: whole sentences up to about *longest* characters."""
    stop = 0
    for end in _END.finditer(text, 0, longest * 2):
        if stop and end.end() > longest:
            break
        stop = end.end()
        if stop >= _ENOUGH:
            break
    return text[: stop or longest].replace("\n", " ").strip()
