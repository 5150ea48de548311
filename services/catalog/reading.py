"""Read what departments send: strict, fast, and with every problem told at once. Values in, values out."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from services.catalog.complaints import (
    RFC3339,
    JsonPath,
    Words,
    bad_instant,
    capped,
    complaint,
    control_character,
    from_validation,
    missing,
    shown,
)
from services.catalog.consistency import Sender, overtaken, unlawful_item, unlawful_withdrawal
from shared.errors import Problem
from shared.events.intake import (
    DEPARTMENT_CODE,
    MAX_SOURCE_ID,
    MAX_SOURCE_ID_BYTES,
    MAX_SOURCE_VERSION,
    PUBLISHED,
    SOURCE_PREFIX,
    UPDATED,
    WITHDRAWN,
    Instant,
    IntakeData,
    IntakeEvent,
    WithdrawalData,
)

__all__ = [
    "Sender",
    "Unreadable",
    "data_hash",
    "overtaken",
    "read_address",
    "read_data",
    "read_event",
]

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Bytes of one event: what the broker lets through."""
MAX_EXTENSION_BYTES = 16 * 1024
"""Bytes of all extension attributes of an event: they are kept with it."""
MAX_DEPTH = 32
"""Levels of nesting; the contract needs six."""

Kind = Literal["item", "withdrawal"]
Known = IntakeData | WithdrawalData
Named = TypeVar("Named", bound="_Address")

_MODELS: dict[Kind, type[Known]] = {"item": IntakeData, "withdrawal": WithdrawalData}
_KIND_OF: dict[str, Kind] = {PUBLISHED: "item", UPDATED: "item", WITHDRAWN: "withdrawal"}
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LINE_BREAK = re.compile("[\t\n\r\x85\u2028\u2029]")
_EXTENSION = re.compile(r"[a-z0-9]{1,20}")
_JSON_CONTENT = re.compile(r"application/([\w.-]+\+)?json(\s*;.*)?", re.IGNORECASE)
_INSTANTS: tuple[JsonPath, ...] = (
    ("publish_at",),
    ("remove_after",),
    ("period", "opens_at"),
    ("period", "closes_at"),
    ("review", "reviewed_at"),
    ("review", "confidentiality", "at"),
)
_PLACEHOLDERS: dict[str, object] = {
    "title": "…", "catalogue": "other", "formed_on": "2000-01-01", "body": {"format": "text", "content": "…"},
    "kind": "withdrawn", "reason": "…",
}  # fmt: skip
"""Stand in for refused fields, so that the rules about the other fields are still asked."""


_LEANS_ON = {"body": "disclosure", "redirect_to": "kind"}
"""Fields whose rule cannot be asked while the other one is broken."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that is refused, with all that is wrong and what could be recognised of it."""

    problems: list[Problem]
    id: str = ""
    source_id: str | None = None
    department: str | None = None
    type: str | None = None


@dataclass(slots=True)
class _Syntax(Exception):
    problem: Problem


class _Address(BaseModel):
    """What names an item and its revision, in an envelope as in the address of a request."""

    model_config = ConfigDict(extra="ignore")

    subject: str = Field(min_length=1, max_length=MAX_SOURCE_ID)
    sourceversion: int | None = Field(default=None, ge=1, le=MAX_SOURCE_VERSION)


class _Envelope(_Address):
    """What CloudEvents 1.0 asks of the attributes; `data` and extensions are looked at elsewhere."""

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=200)
    type: str = Field(min_length=1, max_length=200)
    time: Instant | None = None
    datacontenttype: str | None = Field(default=None, max_length=200)


def read_event(
    raw: bytes,
    *,
    department: str | None = None,
    sender: Sender | None = None,
    now: datetime | None = None,
) -> IntakeEvent | Unreadable:
    """Read one intake event, or say everything that is wrong with it; never raises.

    *department* is whom the connection belongs to: another `source` is refused. Without *now* no date lies in the
    future; without *sender* it is one that has every right.
    """
    try:
        document, clean = _parsed(raw)
    except _Syntax as error:
        return Unreadable([error.problem], department=department)
    if not isinstance(document, dict):
        return Unreadable([_not_an_object(())], department=department)
    seen = Unreadable(
        [],
        id=_text(document.get("id"), 200) or "",
        source_id=_text(document.get("subject"), MAX_SOURCE_ID),
        department=department or _speaker(document.get("source")),
        type=_text(document.get("type"), 200),
    )
    dirt = [] if clean else list(_unclean(document))
    if dirt:
        if dirt[-1].code == "too_deep":
            return _refused(seen, dirt)
        document = _scrubbed(document)
    envelope, problems = _envelope(document, department)
    data, wrong = _data(document, seen, sender, now)
    if dirt or problems or wrong or envelope is None or data is None:
        return _refused(seen, [*dirt, *problems, *wrong])
    extensions = {
        name: value
        for name, value in document.items()
        if name not in _ATTRIBUTES and value is not None
    }
    return IntakeEvent.model_construct(
        **(extensions | {name: getattr(envelope, name) for name in _Envelope.model_fields}),
        data=data,
    )


def read_data(
    raw: bytes | Mapping[str, Any],
    kind: Kind,
    *,
    sender: Sender | None = None,
    now: datetime | None = None,
    itself: str | None = None,
) -> Known | Unreadable:
    """Read the data of an item or a withdrawal that comes without an envelope (PUT, DELETE); never raises.

    *itself* is `<department>/<source_id>`. Paths in problems begin with `/data`, as in an event.
    """
    try:
        document = _parsed(raw)[0] if isinstance(raw, bytes) else dict(raw)
    except _Syntax as error:
        return Unreadable([error.problem])
    if not isinstance(document, dict):
        return Unreadable([_not_an_object(("data",))])
    dirt = list(_unclean(document, ("data",)))
    if dirt and dirt[-1].code == "too_deep":
        return Unreadable(capped(dirt))
    data, problems = _known(_scrubbed(document) if dirt else document, kind, sender, now, itself)
    return Unreadable(capped([*dirt, *problems])) if dirt or problems or data is None else data


def read_address(source_id: str, sourceversion: int | None = None) -> list[Problem]:
    """Return what is wrong with an item's name and revision in a request's address, by the rules of the envelope."""
    given = {"subject": source_id} | (
        {} if sourceversion is None else {"sourceversion": sourceversion}
    )
    dirt = list(_unclean(given))
    clean: dict[str, Any] = _scrubbed(given)
    _, problems = _typed(_Address, clean)
    return [*dirt, *problems, *([] if problems else _subject(clean["subject"]))]


def data_hash(data: Known) -> str:
    """Return the SHA-256 of an item's data alone: equal for equal content under any source version."""
    # fields are written in the model's order, and a default that is written out says nothing more
    said = data.model_dump_json(exclude_defaults=True)
    return hashlib.sha256(said.encode()).hexdigest()


_ATTRIBUTES = frozenset({*_Envelope.model_fields, "data"})


def _refused(seen: Unreadable, problems: list[Problem]) -> Unreadable:
    return Unreadable(capped(problems), seen.id, seen.source_id, seen.department, seen.type)


# --- JSON, stricter than json.loads


def _parsed(raw: bytes) -> tuple[Any, bool]:
    """Return the document, and whether `_unclean` need not look at it."""
    if len(raw) > MAX_EVENT_BYTES:
        raise _Syntax(_too_large(len(raw)))
    try:
        text = raw.decode()
        fractions: list[str] = []  # the contract has none; one may be infinite
        document = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=partial(_fraction, fractions),
        )
        return document, not fractions and _surely_clean(text)
    except UnicodeDecodeError as error:
        words = Words(
            f"第 {error.start} 字节处不是 UTF-8。",
            f"Byte {error.start} is not UTF-8.",
            "请用 UTF-8 编码发送。",
            "Send it in UTF-8.",
        )
        raise _Syntax(complaint((), "not_utf8", words)) from None
    except RecursionError:
        raise _Syntax(_too_deep(())) from None
    except ValueError as error:  # JSONDecodeError, and an integer of more digits than Python reads
        raise _Syntax(_not_json(error)) from None


def _fraction(seen: list[str], digits: str) -> float:
    seen.append(digits)
    return float(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        words = Words(
            f"字段「{shown(twice)}」出现了两次。",
            f'The field "{shown(twice)}" occurs twice.',
            "每个字段只写一次。",
            "Write each field once.",
        )
        raise _Syntax(complaint((), "duplicate_key", words))
    return members


def _no_constant(name: str) -> NoReturn:
    words = Words(
        f"{name} 不是 JSON 的值。",
        f"{name} is no JSON value.",
        "请改为数字或 null。",
        "Use a number or null.",
    )
    raise _Syntax(complaint((), "not_json", words))


def _not_json(error: ValueError) -> Problem:
    where = (
        (f"第 {error.lineno} 行第 {error.colno} 列", f"line {error.lineno}, column {error.colno}")
        if isinstance(error, json.JSONDecodeError)
        else ("某个数字过长", "a number is too long")
    )
    words = Words(
        f"不是 JSON（{where[0]}）。",
        f"This is not JSON ({where[1]}).",
        "请检查语法。",
        "Check the syntax.",
    )
    return complaint((), "not_json", words)


def _too_deep(path: JsonPath) -> Problem:
    words = Words(
        f"嵌套超过 {MAX_DEPTH} 层。",
        f"It is nested deeper than {MAX_DEPTH} levels.",
        "请按接口约定减少嵌套。",
        "Nest it as the contract says.",
    )
    return complaint(path, "too_deep", words)


def _too_large(size: int) -> Problem:
    words = Words(
        f"事件有 {size} 字节，超过 {MAX_EVENT_BYTES} 字节（8 MiB）的上限。",
        f"The event has {size} bytes; at most {MAX_EVENT_BYTES} (8 MiB) are allowed.",
        "请将长内容改为附件。",
        "Move long content to attachments.",
    )
    return complaint((), "event_too_large", words)


def _not_an_object(path: JsonPath) -> Problem:
    words = Words(
        "应为一个 JSON 对象。", "It must be one JSON object.", "请写成 {…}。", "Write it as {…}."
    )
    return complaint(path, "wrong_type", words)


_ESCAPES = ("\\u", "\\b", "\\f", "\x7f", "\ufffe", "\uffff")


def _surely_clean(text: str) -> bool:
    """Say whether nothing in the JSON *text* can be what `_unclean` tells of: the quick answer for most events."""
    return text.count("{") + text.count("[") <= MAX_DEPTH and not any(
        mark in text for mark in _ESCAPES
    )


def _unclean(document: object, at: JsonPath = ()) -> Iterator[Problem]:
    """Yield what no store or page could carry: depth, control characters, lone surrogates, infinite numbers.

    Walks without recursion, so that no depth can hurt.
    """
    waiting: list[tuple[JsonPath, object]] = [(at, document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            if _FORBIDDEN.search(value):
                yield control_character(path)
        elif isinstance(value, (dict, list)):
            if len(path) - len(at) >= MAX_DEPTH:
                yield _too_deep(path[:4])
                return
            members = value.items() if isinstance(value, dict) else enumerate(value)
            for name, member in members:
                if isinstance(name, str) and _FORBIDDEN.search(name):
                    yield control_character((*path, name))
                waiting.append(((*path, name), member))
        elif isinstance(value, float) and not math.isfinite(value):
            yield complaint(path, "not_json", _INFINITE)


def _scrubbed(value: Any) -> Any:
    """Return *value* without what `_unclean` told of, so that the other rules can be asked as well."""
    if isinstance(value, str):
        return _FORBIDDEN.sub("?", value)
    if isinstance(value, dict):
        return {_scrubbed(name): _scrubbed(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_scrubbed(member) for member in value]
    return 0 if isinstance(value, float) and not math.isfinite(value) else value


_INFINITE = Words(
    "数字过大。",
    "The number is too large.",
    "请改为可表示的数字。",
    "Use a number that can be held.",
)


# --- the envelope


def _envelope(
    document: dict[str, Any], department: str | None
) -> tuple[_Envelope | None, list[Problem]]:
    attributes = {
        name: value for name, value in document.items() if name != "data" and value is not None
    }
    envelope, problems = _typed(_Envelope, attributes)
    told = {problem.path for problem in problems}
    problems.extend(
        problem for problem in _attributes(attributes, department) if problem.path not in told
    )
    return envelope, problems


def _typed(model: type[Named], attributes: dict[str, Any]) -> tuple[Named | None, list[Problem]]:
    try:
        return model.model_validate_json(to_json(attributes), strict=True), []
    except ValidationError as error:
        return None, from_validation(error, model, attributes, ())


def _subject(subject: object) -> Iterator[Problem]:
    if not isinstance(subject, str):
        return
    if subject != subject.strip() or _LINE_BREAK.search(subject):
        yield complaint(("subject",), "bad_format", _SUBJECT)
    elif len(subject.encode()) > MAX_SOURCE_ID_BYTES:
        yield complaint(("subject",), "too_long", _SUBJECT_BYTES)


def _attributes(attributes: dict[str, Any], department: str | None) -> Iterator[Problem]:
    yield from _speaks(attributes.get("source"), department)
    yield from _subject(attributes.get("subject"))
    time = attributes.get("time")
    if isinstance(time, str) and not RFC3339.fullmatch(time):
        yield bad_instant(("time",), time)
    if attributes.get("type") not in _KIND_OF and isinstance(attributes.get("type"), str):
        yield complaint(("type",), "unknown_type", _type_words(attributes["type"]))
    content = attributes.get("datacontenttype")
    if isinstance(content, str) and not _JSON_CONTENT.fullmatch(content):
        yield complaint(("datacontenttype",), "not_allowed", _CONTENT)
    extensions = {n: value for n, value in attributes.items() if n not in _ATTRIBUTES}
    for name, value in extensions.items():
        if not (_EXTENSION.fullmatch(name) and isinstance(value, (str, int))):
            yield _bad_extension(name)
    if extensions and len(to_json(extensions)) > MAX_EXTENSION_BYTES:
        yield complaint((), "extensions_too_large", _EXTENSIONS)


def _speaks(source: object, department: str | None) -> Iterator[Problem]:
    if not isinstance(source, str):
        return
    code = _speaker(source)
    if code is None:
        yield complaint(("source",), "bad_format", _SOURCE)
    elif department is not None and code != department:
        words = Words(
            f"来源 {shown(code)} 不是本连接所属的部门 {department}。",
            f"The source {shown(code)} is not the department {department} that this connection belongs to.",
            f"请将 source 写成 {SOURCE_PREFIX}{department}。",
            f"Make source {SOURCE_PREFIX}{department}.",
        )
        yield complaint(("source",), "foreign_source", words)


def _speaker(source: object) -> str | None:
    if not isinstance(source, str) or not source.startswith(SOURCE_PREFIX):
        return None
    code = source.removeprefix(SOURCE_PREFIX)
    return code if DEPARTMENT_CODE.fullmatch(code) else None


_SUBJECT = Words(
    "源编号首尾不能有空白，也不能换行。",
    "The subject may not begin or end with white space, nor break the line.",
    "请填写部门自己的稳定编号。",
    "Give the department's own stable name of the item.",
)
_SUBJECT_BYTES = Words(
    f"源编号超过 {MAX_SOURCE_ID_BYTES} 字节（UTF-8）。",
    f"The subject has more than {MAX_SOURCE_ID_BYTES} bytes in UTF-8.",
    "请缩短源编号。",
    "Shorten it.",
)
_SOURCE = Words(
    "来源的写法不对。",
    "The source is not written as expected.",
    f"请写成 {SOURCE_PREFIX}<部门代码>。",
    f"Write it as {SOURCE_PREFIX}<department>.",
)
_EXTENSIONS = Words(
    f"扩展属性合计超过 {MAX_EXTENSION_BYTES} 字节。",
    f"The extension attributes have more than {MAX_EXTENSION_BYTES} bytes together.",
    "请缩短或减少扩展属性。",
    "Shorten them, or leave some out.",
)
_CONTENT = Words(
    "数据类型只能是 application/json。",
    "The content type of data can only be application/json.",
    "请改为 application/json 或删去。",
    "Make it application/json, or leave it out.",
)


def _type_words(kind: str) -> Words:
    known = ", ".join(_KIND_OF)
    return Words(
        f"没有事件类型 {shown(kind, 80)}。",
        f"There is no event type {shown(kind, 80)}.",
        f"可用的类型：{known}。",
        f"Known types: {known}.",
    )


def _bad_extension(name: str) -> Problem:
    if name == "data_base64":
        words = Words(
            "不接受 data_base64。", "data_base64 is not accepted.", "请用 data。", "Use data."
        )
        return complaint((name,), "not_allowed", words)
    words = Words(
        f"扩展属性「{shown(name)}」不合 CloudEvents 的规定。",
        f'The extension attribute "{shown(name)}" is none by CloudEvents.',
        "名称用 1–20 个小写字母或数字，值用字符串、整数或布尔值。",
        "Name it by 1 to 20 lower-case letters or digits; give a string, an integer or a boolean.",
    )
    return complaint((name,), "bad_extension", words)


# --- the data


def _data(
    document: dict[str, Any], seen: Unreadable, sender: Sender | None, now: datetime | None
) -> tuple[Known | None, list[Problem]]:
    if document.get("data") is None:
        return None, [missing(("data",))]
    if not isinstance(document["data"], dict):
        return None, [_not_an_object(("data",))]
    kind = _KIND_OF.get(seen.type or "", "withdrawal" if "kind" in document["data"] else "item")
    itself = f"{seen.department}/{seen.source_id}" if seen.department and seen.source_id else None
    return _known(document["data"], kind, sender, now, itself)


def _known(
    data: dict[str, Any],
    kind: Kind,
    sender: Sender | None,
    now: datetime | None,
    itself: str | None,
) -> tuple[Known | None, list[Problem]]:
    """Return the typed data and no problem, or what is wrong with each field and between them."""
    model = _MODELS[kind]
    problems: list[Problem] = []
    try:
        known = _validated(model, data)
    except ValidationError as error:
        problems = from_validation(error, model, data, ("data",))
        known = _validated(model, _mended(model, data, _fields(problems)))
    broken = _fields(problems)
    problems.extend(_unwritten(data, {problem.path for problem in problems}))
    today = now.astimezone(UTC).date() if now else date.max.replace(year=date.max.year - 1)
    found = _unlawful(known, sender or Sender(history=True), today, itself)
    problems.extend(
        problem
        for name, problem in found
        if name not in broken and _LEANS_ON.get(name) not in broken
    )
    return known, problems


def _validated(model: type[Known], data: dict[str, Any]) -> Known:
    # through JSON, because only there a strict model reads dates from strings and nothing else
    return model.model_validate_json(to_json(data), strict=True)


def _fields(problems: list[Problem]) -> set[str]:
    return {problem.path.split("/")[2] for problem in problems if problem.path.count("/") > 1}


def _mended(model: type[Known], data: dict[str, Any], broken: set[str]) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in data.items()
        if name not in broken and name in model.model_fields
    }
    stand_ins = {
        name: value
        for name, value in _PLACEHOLDERS.items()
        if name in model.model_fields and name in broken
    }
    return stand_ins | kept


def _unlawful(
    known: Known, sender: Sender, today: date, itself: str | None
) -> Iterator[tuple[str, Problem]]:
    if isinstance(known, WithdrawalData):
        return unlawful_withdrawal(known)
    return unlawful_item(known, sender, today, itself)


def _unwritten(data: dict[str, Any], told: set[str]) -> Iterator[Problem]:
    """Yield times that the type would read, but that are not written by RFC 3339 (a number in a string, say)."""
    for path in _INSTANTS:
        value: object = data
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, str) or RFC3339.fullmatch(value):
            continue
        is_date = path == ("remove_after",) and "T" not in value.upper() and "-" in value
        problem = None if is_date else bad_instant(("data", *path), value)
        if problem and problem.path not in told:
            yield problem


def _text(value: object, limit: int) -> str | None:
    return (
        value
        if isinstance(value, str) and len(value) <= limit and not _FORBIDDEN.search(value)
        else None
    )
