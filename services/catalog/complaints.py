"""What a sender is told about a refused event: one hand-written pair of sentences for each kind of mistake.

Every text is Chinese and English, parted by ` / `; codes are stable, texts may be bettered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from shared.errors import Problem
from shared.events import intake

JsonPath = tuple[str | int, ...]

MAX_PROBLEMS = 100
"""Problems told about one event; a last one says how many more there are."""


class Words(NamedTuple):
    """A sentence about a mistake and one about its remedy, each in Chinese and English."""

    zh: str
    en: str
    fix_zh: str
    fix_en: str


LABELS = {
    "title": "标题", "summary": "摘要", "body": "正文", "content": "正文内容", "format": "正文格式",
    "language": "语种", "catalogue": "目录事项", "genre": "体裁", "topics": "主题分类", "keywords": "关键词",
    "audiences": "公开对象", "issuing_body": "发文机关", "co_issuers": "联合发文机关", "document_number": "发文字号",
    "source": "来源", "formed_on": "成文日期", "effective_on": "施行日期", "expires_on": "失效日期",
    "validity": "有效性", "disclosure": "公开方式", "responsible_office": "责任科室", "contact": "联系方式",
    "places": "地点", "period": "期限", "opens_at": "开始时间", "closes_at": "截止时间", "remove_after": "到期撤下时间",
    "important": "重要信息", "publish_at": "定时发布时间", "first_published_on": "首次发布日期", "index_number": "索引号",
    "old_urls": "旧网址", "change": "变更类型", "change_note": "更正说明", "relations": "关联", "target": "关联对象",
    "attachments": "附件", "name": "名称", "media_type": "媒体类型", "sha256": "文件摘要", "size": "大小", "role": "附件用途",
    "alt": "替代文字", "review": "审核记录", "reviewed_by": "审核人", "reviewed_at": "审核时间", "confidentiality": "保密审查",
    "verdict": "保密审查结论", "by": "保密审查人", "at": "保密审查时间", "basis": "保密审查依据",
    "change_reason": "更换原因", "kind": "类型", "reason": "公开的理由", "redirect_to": "跳转目标", "office": "科室",
    "phone": "电话", "address": "地址", "hours": "办公时间", "division": "行政区划代码",
    "specversion": "规范版本", "id": "事件编号", "subject": "信息的源编号", "type": "事件类型", "time": "时间", "data": "数据",
    "sourceversion": "源版本号", "datacontenttype": "数据类型",
}  # fmt: skip
"""Chinese names of the fields, as the field itself calls them."""

HINTS = {
    "title": ("请填写标题（1–500 字，一行）。", "Give the title (1 to 500 characters, one line)."),
    "body": (
        '请填写正文，例如 {"format": "markdown", "content": "…"}。',
        'Give the text, e.g. {"format": "markdown", "content": "…"}.',
    ),
    "catalogue": (
        "请填写目录事项代码，例如 regulation.normative。",
        "Give a catalogue code, e.g. regulation.normative.",
    ),
    "language": (
        "请填写 BCP 47 语种标记，例如 zh-Hans、zh-Hant、en。",
        "Give a BCP 47 tag, e.g. zh-Hans, zh-Hant, en.",
    ),
    "sha256": (
        "请填写 64 位小写十六进制的 SHA-256。",
        "Give the SHA-256 as 64 lower-case hexadecimal digits.",
    ),
    "media_type": (
        "请填写媒体类型，例如 application/pdf。",
        "Give a media type, e.g. application/pdf.",
    ),
    "target": ("请写成 <部门代码>/<源编号>。", "Write it as <department>/<source_id>."),
    "division": ("请填写 2–12 位数字的行政区划代码。", "Give the division code, 2 to 12 digits."),
    "reason": (
        "请填写可以公开的理由（1–2000 字）。",
        "Give a reason that may be shown in public (1 to 2000 characters).",
    ),
    "kind": ("请按约定填写类型。", "Give one of the kinds of the contract."),
}
"""What to fill in, for fields where "add it" would not be enough."""

DATE = ("请写成 YYYY-MM-DD，例如 2025-03-01。", "Write it as YYYY-MM-DD, e.g. 2025-03-01.")
INSTANT = (
    "请按 RFC 3339 填写并带时区，例如 2025-03-01T09:00:00+08:00。",
    "Write it by RFC 3339 with its time zone, e.g. 2025-03-01T09:00:00+08:00.",
)

SYNONYMS = {
    "date": "formed_on", "publish_date": "formed_on", "published_on": "first_published_on", "issued_on": "formed_on",
    "category": "catalogue", "column": "catalogue", "text": "body", "html": "body", "markdown": "body",
    "lang": "language", "doc_number": "document_number", "number": "document_number", "wenhao": "document_number",
    "issuer": "issuing_body", "files": "attachments", "tags": "keywords", "topic": "topics", "filename": "name",
    "标题": "title", "正文": "body", "成文日期": "formed_on", "发文字号": "document_number", "文号": "document_number",
    "发文机关": "issuing_body", "索引号": "index_number", "目录": "catalogue", "关键词": "keywords", "附件": "attachments",
}  # fmt: skip
"""What people call our fields elsewhere; spelling alone would not find them."""

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def pointer(path: Iterable[str | int]) -> str:
    """Return the JSON Pointer of *path* (RFC 6901)."""
    return "".join(
        "/" + _shown(str(part), 80).replace("~", "~0").replace("/", "~1") for part in path
    )


def complaint(path: Iterable[str | int], code: str, words: Words) -> Problem:
    """Return one problem at *path*."""
    return Problem(
        path=pointer(path),
        code=code,
        message=f"{_half(words.zh)} / {_half(words.en)}",
        fix=f"{_half(words.fix_zh)} / {_half(words.fix_en)}",
    )


def capped(problems: Sequence[Problem]) -> list[Problem]:
    """Return *problems* without repetition and not more of them than a person reads."""
    unique = list({(problem.path, problem.code): problem for problem in problems}.values())
    rest = len(unique) - MAX_PROBLEMS
    if rest <= 0:
        return unique
    more = Words(
        f"另有 {rest} 个问题未列出。",
        f"{rest} more problems are not listed.",
        "请先改正以上问题后重新提交。",
        "Mend those above and send it again.",
    )
    return [*unique[:MAX_PROBLEMS], complaint((), "more_problems", more)]


def named(field: str | int) -> tuple[str, str]:
    """Return how a field is called in a Chinese and in an English sentence."""
    shown = _shown(str(field), 60)
    label = LABELS.get(str(field))
    return (f"「{shown}」（{label}）" if label else f"「{shown}」", f'"{shown}"')


def nearest(word: str, known: Collection[str]) -> str | None:
    """Return the member of *known* that was probably meant by *word*."""
    synonym = SYNONYMS.get(word.strip().lower())
    if synonym in known:
        return synonym
    close = get_close_matches(word[:80].lower().replace("-", "_"), list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def unknown_field(path: JsonPath, known: Collection[str]) -> Problem:
    """Return the refusal of a field that the contract does not know, naming the one that was probably meant."""
    zh, en = named(path[-1])
    meant = nearest(str(path[-1]), known)
    listed = "、".join(sorted(known)), ", ".join(sorted(known))
    fix = (
        (f"是否应为 {meant}？否则请删去。", f"Did you mean {meant}? Otherwise leave it out.")
        if meant
        else (
            f"请删去；此处可用的字段：{listed[0]}。",
            f"Leave it out; fields known here: {listed[1]}.",
        )
    )
    return complaint(
        path, "unknown_field", Words(f"没有字段{zh}。", f"There is no field {en}.", *fix)
    )


def missing(path: JsonPath) -> Problem:
    """Return the refusal of a required field that is not there."""
    field = path[-1]
    zh, en = named(field)
    hint = _hint(str(field)) or (f"请补上{zh}。", f"Add {en}.")
    return complaint(
        path, "missing", Words(f"缺少必填字段{zh}。", f"The required field {en} is missing.", *hint)
    )


def from_validation(
    error: ValidationError, model: type[BaseModel], document: object, at: JsonPath
) -> list[Problem]:
    """Return each finding of pydantic as a problem of ours; *document* is what was read, found at *at*."""
    best: dict[str, tuple[int, Problem]] = {}
    for found in error.errors(include_url=False, include_context=True):
        path = at + _real_path(found["loc"], document, is_missing=found["type"] == "missing")
        problem = _translated(found, path, model, at)
        rank = _RANK.get(problem.code, 0)
        if problem.path not in best or rank > best[problem.path][0]:
            best[problem.path] = (rank, problem)
    return [problem for _, problem in best.values()]


def _real_path(loc: tuple[str | int, ...], document: object, *, is_missing: bool) -> JsonPath:
    """Return *loc* without the names that pydantic adds for the members of a union."""
    path: list[str | int] = []
    for place, part in enumerate(loc):
        if _holds(document, part):
            document = document[part]  # type: ignore[index]  # just asked
        elif is_missing and place == len(loc) - 1:
            document = None
        else:
            break
        path.append(part)
    return tuple(path)


def _holds(document: object, part: str | int) -> bool:
    if isinstance(document, list):
        return isinstance(part, int) and part < len(document)
    return isinstance(document, dict) and part in document


_RANK = {
    "wrong_type": 1,
    "bad_format": 2,
    "impossible_date": 3,
    "implausible_date": 4,
    "no_time_zone": 5,
}
"""Where a union gives several findings for one place, the one that helps most is told."""


def _translated(
    found: Mapping[str, Any], path: JsonPath, model: type[BaseModel], at: JsonPath
) -> Problem:
    kind: str = found["type"]
    if kind == "missing":
        return missing(path)
    if kind == "extra_forbidden":
        return unknown_field(path, _fields_at(model, path[len(at) : -1]))
    code, words = _KINDS.get(kind, _other)(path, found.get("input"), found.get("ctx") or {})
    return complaint(path, code, words)


def _fields_at(model: type[BaseModel], path: JsonPath) -> Collection[str]:
    """Return the names of the fields that *model* knows at *path* below it."""
    current: type[BaseModel] | None = model
    for part in path:
        if current is None or isinstance(part, int):
            continue
        field = current.model_fields.get(part)
        current = _model_in(field.annotation) if field else None
    return list(current.model_fields) if current else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model that a field's type mentions, through optional, list and annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(
        (inner for part in getattr(annotation, "__args__", ()) if (inner := _model_in(part))), None
    )


# One function for each kind of finding: (path, input, context) -> code, words


def _wrong_type(
    zh_type: str, en_type: str
) -> Callable[[JsonPath, object, Mapping[str, Any]], tuple[str, Words]]:
    def words(path: JsonPath, value: object, _: Mapping[str, Any]) -> tuple[str, Words]:
        zh, en = named(path[-1]) if path else ("事件", "the event")
        return "wrong_type", Words(
            f"{zh}应为{zh_type}，收到的是{_json_type(value)[0]}。",
            f"{en} must be {en_type}, not {_json_type(value)[1]}.",
            f"请改为{zh_type}。",
            f"Make it {en_type}.",
        )

    return words


def _bad_date(path: JsonPath, value: object, _: Mapping[str, Any]) -> tuple[str, Words]:
    if not isinstance(value, str):
        return _wrong_type("日期字符串", "a date in a string")(path, value, {})
    return _bad_when(path, value, possible=bool(_ISO_DATE.fullmatch(value)), hint=DATE)


def _bad_instant(path: JsonPath, value: object, _: Mapping[str, Any]) -> tuple[str, Words]:
    if not isinstance(value, str):
        return _wrong_type("时间字符串", "an instant in a string")(path, value, {})
    return _bad_when(path, value, possible=bool(RFC3339.fullmatch(value)), hint=INSTANT)


def _bad_when(
    path: JsonPath, value: str, *, possible: bool, hint: tuple[str, str]
) -> tuple[str, Words]:
    zh, en = named(path[-1])
    shown = _shown(value)
    if possible:
        return "impossible_date", Words(
            f"{zh}不是存在的日期或时间：{shown}。",
            f"{en} is no existing date or time: {shown}.",
            *hint,
        )
    return "bad_format", Words(
        f"{zh}的写法不对：{shown}。", f"{en} is not written as expected: {shown}.", *hint
    )


def _implausible(path: JsonPath, value: object, _: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    span = f"{intake.FIRST_YEAR}–{intake.LAST_YEAR}"
    return "implausible_date", Words(
        f"{zh}的年份不在 {span} 之间：{_shown(value)}。",
        f"The year of {en} is not within {span}: {_shown(value)}.",
        "请核对年份。",
        "Check the year.",
    )


def _no_zone(path: JsonPath, value: object, _: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    return "no_time_zone", Words(
        f"{zh}没有时区：{_shown(value)}。", f"{en} has no time zone: {_shown(value)}.", *INSTANT
    )


def _choice(path: JsonPath, value: object, context: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    allowed = re.findall(r"'([^']+)'", str(context.get("expected", "")))
    meant = nearest(value, allowed) if isinstance(value, str) else None
    listed = "、".join(allowed), ", ".join(allowed)
    guess = (f"是否应为 {meant}？", f"Did you mean {meant}? ") if meant else ("", "")
    return "not_allowed", Words(
        f"{zh}的值 {_shown(value)} 不在允许之列。",
        f"The value {_shown(value)} of {en} is not allowed.",
        f"{guess[0]}可用的值：{listed[0]}。",
        f"{guess[1]}Allowed: {listed[1]}.",
    )


def _too_long(path: JsonPath, value: object, context: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    limit, size = context.get("max_length"), len(value) if isinstance(value, str) else 0
    return "too_long", Words(
        f"{zh}有 {size} 字，超过 {limit} 字的上限。",
        f"{en} has {size} characters; at most {limit} are allowed.",
        f"请缩短到 {limit} 字以内。",
        f"Shorten it to {limit} characters.",
    )


def _too_many(path: JsonPath, value: object, context: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    limit, size = context.get("max_length"), len(value) if isinstance(value, list) else 0
    return "too_many", Words(
        f"{zh}有 {size} 项，最多 {limit} 项。",
        f"{en} has {size} entries; at most {limit} are allowed.",
        f"请减到 {limit} 项以内。",
        f"Leave at most {limit}.",
    )


def _blank(path: JsonPath, _: object, __: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    hint = _hint(str(path[-1])) or (
        "请填写内容，或删去这一项。",
        "Fill it in, or leave it out.",
    )
    return "blank", Words(f"{zh}是空的。", f"{en} is blank.", *hint)


def _line_break(path: JsonPath, _: object, __: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    return "line_break", Words(
        f"{zh}只能写一行。",
        f"{en} must be one line.",
        "请删去其中的换行。",
        "Remove the line breaks.",
    )


def _control(path: JsonPath, _: object, __: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1]) if path else ("事件", "the event")
    return "control_character", Words(
        f"{zh}含有控制字符或不成对的代理码位。",
        f"{en} has a control character or a lone surrogate.",
        "请删去 U+0000–U+001F（制表和换行除外）、U+007F、U+D800–U+DFFF、U+FFFE、U+FFFF。",
        "Remove U+0000 to U+001F (except tab and line breaks), U+007F, U+D800 to U+DFFF, U+FFFE and U+FFFF.",
    )


def _pattern(path: JsonPath, value: object, _: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    hint = _hint(str(path[-1])) or ("请按约定的格式填写。", "Write it as the contract says.")
    return "bad_format", Words(
        f"{zh}的写法不对：{_shown(value)}。",
        f"{en} is not written as expected: {_shown(value)}.",
        *hint,
    )


def _too_small(path: JsonPath, value: object, context: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    least = context.get("ge", 0)
    return "too_small", Words(
        f"{zh}不能小于 {least}，收到 {_shown(value)}。",
        f"{en} must be at least {least}, not {_shown(value)}.",
        f"请填写不小于 {least} 的整数。",
        f"Give an integer of at least {least}.",
    )


def _too_big(path: JsonPath, value: object, context: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1])
    most = context.get("le", context.get("lt", ""))
    return "too_big", Words(
        f"{zh}不能大于 {most}，收到 {_shown(value)}。",
        f"{en} must be at most {most}, not {_shown(value)}.",
        f"请填写不大于 {most} 的整数。",
        f"Give an integer of at most {most}.",
    )


def _other(path: JsonPath, value: object, _: Mapping[str, Any]) -> tuple[str, Words]:
    zh, en = named(path[-1]) if path else ("事件", "the event")
    return "invalid", Words(
        f"{zh}的值无效：{_shown(value)}。",
        f"The value of {en} is not valid: {_shown(value)}.",
        "请按接口约定填写。",
        "Write it as the contract says.",
    )


_OBJECT = _wrong_type("对象 {…}", "an object {…}")
_INTEGER = _wrong_type("整数", "an integer")
_KINDS: dict[str, Callable[[JsonPath, object, Mapping[str, Any]], tuple[str, Words]]] = {
    "string_type": _wrong_type("字符串", "a string"),
    "string_unicode": _control,
    "int_type": _INTEGER,
    "int_from_float": _INTEGER,
    "int_parsing_size": _other,
    "bool_type": _wrong_type("true 或 false", "true or false"),
    "list_type": _wrong_type("数组 […]", "an array […]"),
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "literal_error": _choice,
    "string_too_long": _too_long,
    "string_too_short": _blank,
    "string_pattern_mismatch": _pattern,
    "too_long": _too_many,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_big,
    "date_type": _bad_date,
    "date_parsing": _bad_date,
    "date_from_datetime_parsing": _bad_date,
    "datetime_type": _bad_instant,
    "datetime_parsing": _bad_instant,
    "datetime_from_date_parsing": _bad_instant,
    "timezone_aware": _no_zone,
    "control_character": _control,
    "blank": _blank,
    "line_break": _line_break,
    "implausible_date": _implausible,
}


def control_character(path: JsonPath) -> Problem:
    """Return the refusal of a character that no page, feed or mail can carry."""
    code, words = _control(path, None, {})
    return complaint(path, code, words)


def bad_instant(path: JsonPath, value: str) -> Problem:
    """Return the refusal of a time that is not written by RFC 3339."""
    code, words = _bad_instant(path, value, {})
    return complaint(path, code, words)


def _hint(field: str) -> tuple[str, str] | None:
    if field in HINTS:
        return HINTS[field]
    if field.endswith("_on"):
        return DATE
    return INSTANT if field.endswith("_at") else None


def _json_type(value: object) -> tuple[str, str]:
    for kind, words in _JSON_TYPES:
        if isinstance(value, kind):
            return words
    return ("null", "null")


_JSON_TYPES: tuple[tuple[type, tuple[str, str]], ...] = (
    (bool, ("true/false", "true/false")),
    (str, ("字符串", "a string")),
    (int, ("数字", "a number")),
    (float, ("数字", "a number")),
    (list, ("数组", "an array")),
    (dict, ("对象", "an object")),
)


def _shown(value: object, limit: int = 40) -> str:
    """Return *value* short and without anything that a terminal or page would act on."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(char if char.isprintable() else "\ufffd" for char in text[: limit + 1])
    return text if len(text) <= limit else text[:limit] + "…"


shown = _shown


def _half(text: str) -> str:
    """Return *text* as one half of a pair: the parting ` / ` must occur once only."""
    return text.replace(" / ", "/")
