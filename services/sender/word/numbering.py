"""Automatic numbers of Word, written out where HTML has no such number: 第三条, （二）, ①.

A list that HTML can show (dots, or 1. 2. 3. on one level) stays a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml.etree import _Element as Element

from services.sender.word.package import Package
from services.sender.word.styles import Styles
from services.sender.word.xml import child, elements, get, made, number_in, remove

_DIGITS = "〇一二三四五六七八九"
_LEVELS = 9
MOST = 4000
"""Numbers from which no document counts: they are written in digits."""
_PLAIN = re.compile(r"%(\d)[.．、]?")


@dataclass(frozen=True)
class _Level:
    format: str
    text: str
    start: int


def write_out(package: Package, styles: Styles, root: Element) -> None:
    """Give every automatically numbered paragraph below *root* its number as text, unless HTML can show it."""
    levels = _levels(package)
    counters: dict[str, list[int | None]] = {}
    for paragraph in elements(root, "p"):
        number = styles.paragraph(paragraph, "numPr")
        identity = get(child(number, "numId"), "val")
        if number is None or not identity or identity not in levels:
            continue
        depth = min(number_in(get(child(number, "ilvl"), "val")), _LEVELS - 1)
        kinds = levels[identity]
        if depth not in kinds:
            continue
        values = _counted(counters.setdefault(identity, [None] * _LEVELS), depth, kinds)
        if not _is_list(kinds[depth], depth):
            _prefix(paragraph, label(kinds, depth, values))


def _levels(package: Package) -> dict[str, dict[int, _Level]]:
    name = package.main.rpartition("/")[0] + "/numbering.xml"
    if not package.has(name):
        return {}
    root = package.tree(name)
    abstract = {
        get(one, "abstractNumId"): {
            number_in(get(level, "ilvl")): _level(level) for level in one if _is(level, "lvl")
        }
        for one in elements(root, "abstractNum")
    }
    found: dict[str, dict[int, _Level]] = {}
    for one in elements(root, "num"):
        kinds = dict(abstract.get(get(child(one, "abstractNumId"), "val"), {}))
        for override in (node for node in one if _is(node, "lvlOverride")):
            depth = number_in(get(override, "ilvl"))
            start = get(child(override, "startOverride"), "val")
            own = child(override, "lvl")
            if own is not None:
                kinds[depth] = _level(own)
            elif start and depth in kinds:
                kinds[depth] = _Level(kinds[depth].format, kinds[depth].text, number_in(start, 1))
        found[get(one, "numId") or ""] = kinds
    return found


def _is(node: Element, name: str) -> bool:
    return str(node.tag).endswith("}" + name)


def _level(node: Element) -> _Level:
    return _Level(
        get(child(node, "numFmt"), "val") or "decimal",
        get(child(node, "lvlText"), "val") or "",
        number_in(get(child(node, "start"), "val"), 1),
    )


def _counted(values: list[int | None], depth: int, kinds: dict[int, _Level]) -> list[int]:
    """Count one on at *depth* and begin again below it; return the numbers of all levels."""
    before = values[depth]
    values[depth] = kinds[depth].start if before is None else before + 1
    values[depth + 1 :] = [None] * (_LEVELS - depth - 1)
    return [
        (kinds[place].start if place in kinds else 1) if value is None else value
        for place, value in enumerate(values)
    ]


def _is_list(level: _Level, depth: int) -> bool:
    if level.format in {"bullet", "none"}:
        return True
    found = _PLAIN.fullmatch(level.text.strip())
    return (
        level.format == "decimal"
        and level.start == 1
        and bool(found and int(found[1]) == depth + 1)
    )


def label(kinds: dict[int, _Level], depth: int, values: list[int]) -> str:
    """Return the number as Word prints it, e.g. `第三条`."""

    def one(found: re.Match[str]) -> str:
        place = int(found[1]) - 1
        return numeral(values[place], kinds[place].format if place in kinds else "decimal")

    return re.sub(r"%([1-9])", one, kinds[depth].text)


def numeral(value: int, format: str) -> str:  # noqa: A002 -- Word's own word for it
    """Return *value* in Word's number format; unknown formats are written in digits."""
    lowered = format.lower()
    if not 0 < value < MOST:
        return str(value)
    if lowered.startswith(("chinesecounting", "ideographdigital", "taiwanesecounting")) or (
        lowered in {"japanesecounting", "chineselegalsimplified", "ideographtraditional"}
    ):
        return _chinese(value) if lowered != "ideographdigital" else _by_digits(value)
    if lowered in {"upperroman", "lowerroman"}:
        roman = _roman(value)
        return roman if lowered == "upperroman" else roman.lower()
    if lowered in {"upperletter", "lowerletter"}:
        letter = chr(ord("A") + (value - 1) % 26) * ((value - 1) // 26 + 1)
        return letter if lowered == "upperletter" else letter.lower()
    if lowered.startswith("decimalenclosedcircle") and 1 <= value <= 20:
        return chr(ord("①") + value - 1)
    if lowered == "decimalzero":
        return f"{value:02d}"
    return str(value)


def _by_digits(value: int) -> str:
    return "".join(_DIGITS[int(digit)] for digit in str(value))


def _chinese(value: int) -> str:
    """Return *value* in Chinese numerals, 一十 shortened to 十."""
    out, pending_zero = "", False
    for unit, weight in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit = value // weight % 10
        if digit:
            out += ("零" if pending_zero and out else "") + _DIGITS[digit] + unit
            pending_zero = False
        else:
            pending_zero = True
    return out.removeprefix("一") if out.startswith("一十") else out


def _roman(value: int) -> str:
    out = ""
    for weight, sign in (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
        (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ):  # fmt: skip
        while value >= weight:
            out, value = out + sign, value - weight
    return out


def _prefix(paragraph: Element, text: str) -> None:
    """Write *text* before the paragraph's own, and stop the automatic number (`numId` 0)."""
    properties = child(paragraph, "pPr")
    if properties is None:
        properties = made(paragraph, "pPr")
        paragraph.insert(0, properties)
    own = child(properties, "numPr")
    if own is not None:
        remove(own)
    stop = made(paragraph, "numPr")
    stop.append(made(paragraph, "numId", "0"))
    properties.append(stop)
    run, content = made(paragraph, "r"), made(paragraph, "t")
    content.text = text
    run.append(content)
    paragraph.insert(1, run)
