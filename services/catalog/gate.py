"""The gate before publication: resident ID numbers and secrecy marks hold an item, whatever its policy says."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Literal

from stdnum.cn import ric

from services.catalog.filetext import Unscannable, attachment_text

__all__ = ["Finding", "Unscannable", "attachment_text", "findings", "unscannable"]

MOST_FOUND = 100
"""Findings of one kind in one text that are told: a list of a million people is held by its first."""
Code = Literal["resident_id", "secrecy_mark", "unscannable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to hold an item."""

    code: Code
    where: str
    """`title`, `summary`, `body`, or `attachment:` and the name of the file."""
    line: int
    """Line of the text, from 1; 0 for the whole."""
    excerpt: str
    """What was found, masked so that it may be shown and logged."""


def findings(
    title: str,
    summary: str | None,
    body: str | None,
    attachment_texts: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return every reason to hold an item for review; *body* is HTML or text, attachments come as their text."""
    texts = {"title": title, "summary": summary or "", "body": body or ""}
    texts |= {f"attachment:{name}": text for name, text in (attachment_texts or {}).items()}
    found = [
        finding
        for where, text in texts.items()
        # the first look reads tags, which in a long text without any could take hours
        if where.startswith("attachment:") or _suspect(text)
        for finding in _in_text(where, readable(text) if where == "body" else text)
    ]
    return list(dict.fromkeys(found))


def unscannable(name: str) -> Finding:
    """Return the reason to hold an item whose attachment could not be looked into."""
    return Finding("unscannable", f"attachment:{name}", 0, "")


def _in_text(where: str, text: str) -> Iterator[Finding]:
    text = _WIDE.sub(_narrow, text)
    line, counted = 1, 0
    for start, number in islice(_resident_ids(text), MOST_FOUND):
        line, counted = line + text.count("\n", counted, start), start
        yield Finding("resident_id", where, line, _masked(number))
    for start, mark in islice(_secrecy_marks(text), MOST_FOUND):
        yield Finding("secrecy_mark", where, text.count("\n", 0, start) + 1, mark)


# --- a first look, a tenth of the time; it may suspect too much, never too little

_PERHAPS_ID = re.compile(
    "[1-9１-９](?:(?:[\\s\\-－‐‑‒–—−﹣\u200b\u200c\u200d\u2060\ufeff\u00ad]|</?[a-zA-Z][^>]*>)*+[0-9０-９]){16}"
)


def _suspect(text: str) -> bool:
    """Say whether *text*, HTML or not, may hold anything that the gate looks for: most texts do not."""
    return "密" in text or "&" in text or _PERHAPS_ID.search(text) is not None


# --- text as a reader sees it

_BLOCK_TAG = re.compile(
    r"</?(?:p|br|h[1-6]|li|ul|ol|tr|table|div|section|blockquote|pre|caption|hr)\b[^>]*>",
    re.IGNORECASE,
)
_CELL_TAG = re.compile(r"</?t[dh]\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")
_ATTRIBUTE = re.compile(r'\b(?:alt|href|src|title)="([^"]*)"')


def readable(body: str) -> str:
    """Return what a reader of *body* can see or follow, a line for each block; words parted by tags stay whole."""
    if "<" not in body:
        return html.unescape(body)
    hidden = "\n".join(_ATTRIBUTE.findall(body))
    text = _TAG.sub("", _CELL_TAG.sub(" ", _BLOCK_TAG.sub("\n", body)))
    lines = [line for line in html.unescape(text).split("\n") if line.strip()]
    return "\n".join([*lines, html.unescape(hidden)])


# --- resident ID numbers

_NARROW = str.maketrans(
    "０１２３４５６７８９Ｘｘ－‐‑‒–—−﹣\u00a0\u3000\u2002\u2003\u2009\u202f",
    "0123456789Xx--------      ",
) | dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_WIDE = re.compile(f"[{''.join(map(chr, _NARROW))}]")


def _narrow(found: re.Match[str]) -> str:
    """Return what a wide character counts as; `str.translate` would take each of a long text by itself."""
    return found[0].translate(_NARROW)


_GAP = r"[ \t\-]{0,2}"
_CANDIDATE = re.compile(
    rf"([1-9])(?<![0-9].)(?=((?:{_GAP}[0-9]){{16}}{_GAP}[0-9Xx])(?![0-9]))", re.DOTALL
)
_PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91".split()
)
FIRST_BIRTH, LAST_BIRTH = 1850, 2100


def _resident_ids(text: str) -> Iterator[tuple[int, str]]:
    for found in _CANDIDATE.finditer(text):
        if _is_resident_id(
            number := re.sub(r"[ \t\-]", "", found[1] + found[2]).upper()
        ) and _stands_alone(text, found.start(), found.end(2)):
            yield found.start(), number


def _is_resident_id(number: str) -> bool:
    """Say whether *number* passes GB 11643: province, date of birth, check digit (ISO 7064, MOD 11-2)."""
    if number[:2] not in _PROVINCES or ric.calc_check_digit(number) != number[-1]:
        return False
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return FIRST_BIRTH <= born.year <= LAST_BIRTH


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Say whether no longer code (credit code, digest, account) runs through this number; a word may touch it."""
    before = re.search(r"[0-9A-Za-z]*\Z", text[max(0, start - 40) : start])
    after = re.match(r"[0-9A-Za-z]*", text[end : end + 40])
    return not any(char.isdigit() for part in (before, after) if part for char in part[0])


def _masked(number: str) -> str:
    return f"{number[:3]}{'*' * 13}{number[-2:]}"


# --- secrecy marks

_LEVEL = r"(?:[绝絕机機秘][ \t]*密)"
_STARRED = re.compile(rf"{_LEVEL}[ \t]*★")
_ALONE = re.compile(rf"[【\[(（〔]?[ \t]*({_LEVEL})[ \t]*[】\])）〕]?")
FIRST_LINES = 5
_FILLED_LINE = re.compile(r"\S[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*")
"""A line with something on it, as `str.splitlines` parts them; one at a time, a long text has millions."""


def _secrecy_marks(text: str) -> Iterator[tuple[int, str]]:
    for found in _STARRED.finditer(text):
        yield found.start(), re.sub(r"[ \t]", "", found[0])
    for line in islice(_FILLED_LINE.finditer(text), FIRST_LINES):
        if alone := _ALONE.fullmatch(line[0].strip()):
            yield line.start(), re.sub(r"[ \t]", "", alone[1])
