"""Index numbers 索引号: issued once by a rule the operator sets, never reused. Pure; the catalog keeps the counter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from string import Formatter

DEFAULT_RULE = "{department}-{class}-{yyyy}-{serial:05d}"
"""Like `JTJ-NOTICE-2026-00012`: department, class, year, running number, as Chinese practice composes it."""

_FIELDS = frozenset({"department", "class", "yyyy", "yyyymm", "yyyymmdd", "serial"})
_SERIAL = re.compile(r"(0?[1-9]d?)?")
_LITERAL = re.compile(r"[\w./()〔〕（）\-]*")


class BadRule(ValueError):
    """The rule for index numbers cannot be used."""


@dataclass(frozen=True, slots=True)
class IndexNumbers:
    """A rule for index numbers that has been checked."""

    template: str

    def scope(self, *, department: str, catalogue: str, day: date) -> str:
        """Return the number with the serial left open, as `str.format` fills it: what the serials run in."""
        return _scope(self.template, department, catalogue, day)

    def number(self, *, department: str, catalogue: str, day: date, serial: int) -> str:
        """Return the index number of *serial*, counted from 1 within its scope."""
        return _scope(self.template, department, catalogue, day).format(serial=serial)


@lru_cache(maxsize=4096)
def _scope(template: str, department: str, catalogue: str, day: date) -> str:
    parts = []
    for literal, name, form, _ in Formatter().parse(template):
        parts.append(literal)
        if name == "serial":
            parts.append(f"{{serial:{form}}}")
        elif name:
            parts.append(_part(name, department, catalogue, day))
    return "".join(parts)


def index_numbers(template: str = DEFAULT_RULE) -> IndexNumbers:
    """Return the rule *template* stands for.

    Fields: `{department}`, `{class}` (first part of the catalogue code), `{yyyy}`, `{yyyymm}`, `{yyyymmdd}` (day of the first
    publication), `{serial}` or `{serial:05d}`. Raises `BadRule` with what is wrong, in Chinese and English.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise BadRule(
            f"索引号规则的括号不成对：{template} / Unbalanced braces in the rule: {template}"
        ) from error
    for text, name, form, conversion in parts:
        _judge(template, text, name, form, conversion)
    _judge_serial(template, [(text, name) for text, name, _, _ in parts])
    names = [name for _, name, _, _ in parts if name]
    if names.count("serial") != 1:
        raise BadRule(
            f"索引号规则必须恰有一个 {{serial}}：{template} / The rule needs {{serial}} exactly once: {template}"
        )
    if "department" not in names:
        raise BadRule(
            f"索引号规则必须含 {{department}}，否则两个部门会得到同一个号：{template} / "
            f"The rule needs {{department}}, or two departments get one number: {template}"
        )
    return IndexNumbers(template)


def _judge(
    template: str, text: str, name: str | None, form: str | None, conversion: str | None
) -> None:
    if not _LITERAL.fullmatch(text):
        raise BadRule(
            f"索引号规则只能用字母、数字、汉字和 - . / ( ) 〔 〕：{text!r} / "
            f"Only letters, digits and - . / ( ) 〔 〕 may stand in the rule: {text!r}"
        )
    if name is None:
        return
    if name not in _FIELDS or conversion:
        known = ", ".join(sorted(_FIELDS))
        raise BadRule(
            f"索引号规则没有字段 {{{name}}}，可用：{known} / No field {{{name}}}; known: {known} ({template})"
        )
    if form and (name != "serial" or not _SERIAL.fullmatch(form)):
        raise BadRule(
            f"{{{name}:{form}}} 的格式不可用，只有 {{serial:05d}} 这样的 / Only formats like {{serial:05d}} work"
        )


def _judge_serial(template: str, parts: list[tuple[str, str | None]]) -> None:
    """Refuse a serial that touches another field: department A1 with 1 and department A with 11 would be one number."""
    before = ""
    for place, (text, name) in enumerate(parts):
        before = text or (before if not place else "x")
        after = parts[place + 1][0] or "x" if place + 1 < len(parts) else ""
        if name == "serial" and (_joins(before[-1:]) or _joins(after[:1])):
            raise BadRule(
                f"{{serial}} 前后须有分隔符，如 - 或 /：{template} / Part {{serial}} from its neighbours by - or /: {template}"
            )


def _joins(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _part(name: str, department: str, catalogue: str, day: date) -> str:
    match name:
        case "department":
            return department.upper()
        case "class":
            return catalogue.partition(".")[0].upper()
        case "yyyy":
            return f"{day:%Y}"
        case "yyyymm":
            return f"{day:%Y%m}"
        case _:
            return f"{day:%Y%m%d}"
