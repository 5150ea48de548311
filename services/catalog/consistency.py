"""Rules of the contract that look at more than one field, or at what a type cannot say. Values in, problems out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from services.catalog import standard
from services.catalog.complaints import Words, complaint, named, nearest, shown
from services.catalog.rules import day_end
from shared.errors import Problem
from shared.events.intake import MAX_BODY_BYTES, MAX_SOURCE_ID_BYTES, IntakeData, WithdrawalData

SLACK = timedelta(days=1)
"""How far a date may lie ahead of us: clocks and time zones differ, papers are dated the day they go out."""

MAX_NAME_BYTES = 240
"""Bytes of an attachment's name in UTF-8: what every file system and archive can hold."""

_RELATIVE_TARGET = re.compile(
    r"[a-z][a-z0-9-]{1,39}/(?!\s)[^\x00-\x1f\x7f\x85\u2028\u2029]{1,400}(?<!\s)"
)
_HTTPS = re.compile(r"https://[^\s/?#@\\]+(:[0-9]{1,5})?([/?#][^\s\\\x00-\x1f\x7f]*)?")
_OLD_URL = re.compile(r"(https?:/)?/[^\s\\\x00-\x1f\x7f]*")
_UNSAFE_NAME = re.compile(r'[/\\\x00-\x1f\x7f"<>|:*?\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_FORBIDDEN_SUFFIXES = frozenset(
    ".svg .svgz .html .htm .xhtml .xht .mht .mhtml .shtml .js .mjs .css .wasm .php .jsp .asp .aspx .exe .dll .com .bat "
    ".cmd .scr .pif .msi .ps1 .vbs .vbe .wsf .hta .jar .apk .app .dmg .sh .so .lnk .url .reg .swf .xll .docm .xlsm "
    ".pptm .dotm .xltm .potm".split()
)


@dataclass(frozen=True, slots=True)
class Sender:
    """What the catalog knows about the department whose event it reads."""

    codes: Collection[str] = frozenset()
    """Catalogue codes it may use beside the standard ones."""
    history: bool = False
    """It holds the right `history`: first dates, index numbers and addresses of its own."""


def unlawful_item(
    data: IntakeData, sender: Sender, today: date, itself: str | None
) -> Iterator[tuple[str, Problem]]:
    """Yield what is wrong with an item, each with the top-level field that it is about.

    *itself* is `<department>/<source_id>` where known; *today* is the catalog's day.
    """
    for rule in _ITEM_RULES:
        yield from rule(data)
    yield from _catalogue(data, sender)
    yield from _ahead(data, today)
    if not sender.history:
        yield from _without_right(data)
    yield from _self_relation(data, itself)


def unlawful_withdrawal(data: WithdrawalData) -> Iterator[tuple[str, Problem]]:
    """Yield what is wrong with a withdrawal, each with the top-level field that it is about."""
    target = data.redirect_to
    if data.kind == "redirect" and not target:
        yield _problem(
            "redirect_to", "missing", "跳转必须写明目标。", "A redirect needs its target.", *_TARGET
        )
    elif data.kind != "redirect" and target is not None:
        yield _problem(
            "redirect_to",
            "not_applicable",
            f"类型为 {data.kind} 时不能有跳转目标。",
            f"There is no target when the kind is {data.kind}.",
            "请删去 redirect_to，或将 kind 改为 redirect。",
            "Leave redirect_to out, or make the kind redirect.",
        )
    elif target and not (_RELATIVE_TARGET.fullmatch(target) or _HTTPS.fullmatch(target)):
        yield _problem(
            "redirect_to",
            "bad_format",
            f"跳转目标的写法不对：{shown(target)}。",
            f"The target is not written as expected: {shown(target)}.",
            *_TARGET,
        )


def overtaken(data: IntakeData, now: datetime, zone: ZoneInfo) -> list[Problem]:
    """Return what time has made wrong, or will before the item is shown; a day lasts until its end in *zone*.

    Judge a new event by it only after looking for a repeat: a repeat keeps its first result for ever.
    """
    if data.remove_after is None:
        return []
    said, ends = data.remove_after.isoformat(), day_end(data.remove_after, zone)
    if ends <= now:
        problem = _problem(
            "remove_after",
            "in_the_past",
            f"到期撤下时间已过：{said}。",
            f"remove_after has passed: {said}.",
            "请改为将来的时间，或不再推送这条信息。",
            "Give a time to come, or do not send the item.",
        )
    elif data.publish_at and ends <= data.publish_at:
        problem = _problem(
            "remove_after",
            "before_publication",
            f"到期撤下时间 {said} 不晚于定时发布时间 {data.publish_at.isoformat()}。",
            f"remove_after {said} is not after publish_at {data.publish_at.isoformat()}.",
            "请核对两个时间。",
            "Check both times.",
        )
    else:
        return []
    return [problem[1]]


_TARGET = (
    "请写 <部门代码>/<源编号>，或 https 网址。",
    "Write <department>/<source_id>, or an https URL.",
)


def _problem(
    field: str, code: str, *words: str, below: tuple[str | int, ...] = ()
) -> tuple[str, Problem]:
    return field, complaint(("data", field, *below), code, Words(*words))


def _body(data: IntakeData) -> Iterator[tuple[str, Problem]]:
    if data.disclosure == "on_application":
        if data.body is not None:
            yield _problem(
                "body",
                "not_applicable",
                "依申请公开的信息只公开条目，不能带正文。",
                "An item disclosed on application shows its entry only and carries no text.",
                "请删去 body，或将 disclosure 改为 proactive。",
                "Leave body out, or make disclosure proactive.",
            )
        return
    if data.body is None:
        yield _problem(
            "body",
            "missing",
            "缺少必填字段「body」（正文）。",
            'The required field "body" is missing.',
            '请填写正文，例如 {"format": "markdown", "content": "…"}；依申请公开的信息请将 disclosure 设为 on_application。',
            'Give the text, e.g. {"format": "markdown", "content": "…"}, or make disclosure on_application.',
        )
        return
    yield from _body_size(data.body.content)


def _body_size(content: str) -> Iterator[tuple[str, Problem]]:
    if not content.strip():
        yield _problem(
            "body",
            "blank",
            "正文是空的。",
            "The text is blank.",
            "请填写正文。",
            "Fill it in.",
            below=("content",),
        )
    # no encoding where the count of characters already answers
    size = len(content.encode()) if len(content) * 4 > MAX_BODY_BYTES else 0
    if size > MAX_BODY_BYTES:
        yield _problem(
            "body",
            "body_too_large",
            f"正文有 {size} 字节，超过 {MAX_BODY_BYTES} 字节（2 MiB）的上限。",
            f"The text has {size} bytes; at most {MAX_BODY_BYTES} (2 MiB) are allowed.",
            "请将长表格和图片改为附件，或分成几条信息。",
            "Move long tables and pictures to attachments, or split the item.",
            below=("content",),
        )


def _dates(data: IntakeData) -> Iterator[tuple[str, Problem]]:
    if data.effective_on and data.expires_on and data.expires_on < data.effective_on:
        yield _problem(
            "expires_on",
            "before_effective",
            f"失效日期 {data.expires_on} 早于施行日期 {data.effective_on}。",
            f"expires_on {data.expires_on} lies before effective_on {data.effective_on}.",
            "请核对两个日期。",
            "Check both dates.",
        )
    period = data.period
    if period and period.opens_at and period.closes_at and period.closes_at <= period.opens_at:
        yield _problem(
            "period",
            "closes_before_opening",
            f"截止时间 {period.closes_at.isoformat()} 不晚于开始时间 {period.opens_at.isoformat()}。",
            f"closes_at {period.closes_at.isoformat()} is not after opens_at {period.opens_at.isoformat()}.",
            "请核对两个时间。",
            "Check both times.",
            below=("closes_at",),
        )


def _addresses(data: IntakeData) -> Iterator[tuple[str, Problem]]:
    for place, url in enumerate(data.old_urls):
        if not _OLD_URL.fullmatch(url):
            yield _problem(
                "old_urls",
                "bad_format",
                f"旧网址的写法不对：{shown(url)}。",
                f"The old address is not written as expected: {shown(url)}.",
                "请写以 http:// 或 https:// 开头的网址，或以 / 开头的路径。",
                "Write a URL that begins with http:// or https://, or a path that begins with /.",
                below=(place,),
            )


def _attachments(data: IntakeData) -> Iterator[tuple[str, Problem]]:
    for place, attachment in enumerate(data.attachments):
        name = attachment.name
        suffix = PurePosixPath(name).suffix.lower()
        if (
            _UNSAFE_NAME.search(name)
            or name.strip(". ") != name
            or len(name.encode()) > MAX_NAME_BYTES
        ):
            yield _problem(
                "attachments",
                "unsafe_name",
                f"附件名称不能用作文件名：{shown(name)}。",
                f"The attachment's name cannot be a file's name: {shown(name)}.",
                f'请不用 / \\ : * ? " < > | 和方向控制符，首尾不用点和空格，不超过 {MAX_NAME_BYTES} 字节。',
                f'Avoid / \\ : * ? " < > | and direction marks, dots and spaces at either end, '
                f"and more than {MAX_NAME_BYTES} bytes.",
                below=(place, "name"),
            )
        elif (
            suffix in _FORBIDDEN_SUFFIXES
            or data.attachments[place].media_type.lower() in _FORBIDDEN_TYPES
        ):
            yield _problem(
                "attachments",
                "type_not_allowed",
                f"不接受这种类型的附件：{shown(name)}（{attachment.media_type}）。",
                f"Attachments of this type are not accepted: {shown(name)} ({attachment.media_type}).",
                "请改用 pdf、ofd、docx、xlsx、pptx、csv、txt、png、jpg、zip、mp3 或 mp4。",
                "Use pdf, ofd, docx, xlsx, pptx, csv, txt, png, jpg, zip, mp3 or mp4.",
                below=(place,),
            )


_FORBIDDEN_TYPES = frozenset(
    "image/svg+xml text/html application/xhtml+xml text/javascript application/javascript text/css application/wasm "
    "application/x-msdownload application/x-executable application/x-sh application/java-archive".split()
)


def _targets(data: IntakeData) -> Iterator[tuple[str, Problem]]:
    for place, relation in enumerate(data.relations):
        if len(relation.target.partition("/")[2].encode()) > MAX_SOURCE_ID_BYTES:
            yield _problem(
                "relations",
                "too_long",
                f"关联对象的源编号超过 {MAX_SOURCE_ID_BYTES} 字节。",
                f"The target's source id has more than {MAX_SOURCE_ID_BYTES} bytes.",
                "请核对源编号。",
                "Check the source id.",
                below=(place, "target"),
            )


_ITEM_RULES: tuple[Callable[[IntakeData], Iterator[tuple[str, Problem]]], ...] = (
    _body,
    _dates,
    _addresses,
    _attachments,
    _targets,
)


def _catalogue(data: IntakeData, sender: Sender) -> Iterator[tuple[str, Problem]]:
    code = data.catalogue
    if code in standard.codes() or code in sender.codes:
        return
    known = sorted({*standard.codes(), *sender.codes})
    meant = nearest(code, known)
    guess = (f"是否应为 {meant}？", f"Did you mean {meant}? ") if meant else ("", "")
    yield _problem(
        "catalogue",
        "unknown_code",
        f"没有目录事项代码 {shown(code)}。",
        f"There is no catalogue code {shown(code)}.",
        f"{guess[0]}可用的代码：{'、'.join(known)}。",
        f"{guess[1]}Known codes: {', '.join(known)}.",
    )


def _ahead(data: IntakeData, today: date) -> Iterator[tuple[str, Problem]]:
    for field in ("formed_on", "first_published_on"):
        day: date | None = getattr(data, field)
        if day and day > today + SLACK:
            zh, en = named(field)
            yield _problem(
                field,
                "in_the_future",
                f"{zh}在将来：{day}，今天是 {today}。",
                f"{en} lies in the future: {day}; today is {today}.",
                "请核对日期；要定时发布请用 publish_at。",
                "Check the date; to publish later use publish_at.",
            )


def _without_right(data: IntakeData) -> Iterator[tuple[str, Problem]]:
    used = [
        field
        for field in ("first_published_on", "index_number", "old_urls")
        if getattr(data, field)
    ]
    if data.change == "republish":
        used.append("change")
    for field in used:
        zh, en = (
            ("「change」为 republish", '"change": "republish"')
            if field == "change"
            else named(field)
        )
        yield _problem(
            field,
            "needs_history_right",
            f"{zh}只用于迁入历史信息，本部门没有 history 权限。",
            f"{en} is for bringing in history; this department does not hold the right history.",
            "请删去，或请平台管理员授予 history 权限。",
            "Leave it out, or ask the operator for the right history.",
        )


def _self_relation(data: IntakeData, itself: str | None) -> Iterator[tuple[str, Problem]]:
    for place, relation in enumerate(data.relations):
        if relation.target == itself:
            yield _problem(
                "relations",
                "relates_to_itself",
                "信息不能关联到自身。",
                "An item cannot be related to itself.",
                "请删去这一项，或改为另一条信息。",
                "Remove it, or name another item.",
                below=(place, "target"),
            )
