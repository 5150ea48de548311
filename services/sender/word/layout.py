"""The layout of official documents (GB/T 9704—2012), read as a clerk reads it. Pure: lines in, fields out.

Head: copy number, secrecy mark, urgency · red head 发文机关标志 · document number, signer · title · addressee.
Foot: notes on annexes · signature, date · (remark) · annexes · 版记 (copies to, printed by).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Align = Literal["", "center", "right"]
HEAD_LINES = 30
"""Lines with text in which the head of a document lies."""
SIGNERS = 8
"""Lines above the date that joint signatures may take."""
LONGEST_TITLE = 200
COPY_LINES = 4
"""Lines that 抄送 may take."""


@dataclass(frozen=True)
class Printed:
    """One line as it is printed."""

    text: str
    align: str = ""
    size: int = 32
    """Half points of its largest letters."""
    is_red: bool = False
    is_bold: bool = False
    indent: float = 0.0
    """Characters that the whole paragraph is moved to the right."""
    style: str = ""
    in_table: bool = False


@dataclass(frozen=True)
class Found:
    """A value and where it stood."""

    value: str
    where: str


@dataclass
class Layout:
    """What a document says of itself; what is not there is None."""

    title: Found | None = None
    document_number: Found | None = None
    issuing_body: Found | None = None
    co_issuers: list[str] = field(default_factory=list)
    formed_on: Found | None = None
    dropped: set[int] = field(default_factory=set)
    """Lines that do not belong on the page: they are in the table of facts, or are the office's own."""
    left_out: list[str] = field(default_factory=list)
    """Those of them that no field shows."""


HEAD = "红头 / red head"
BELOW_HEAD = "红头之下 / below the red head"
SIGNATURE = "落款 / signature"
TITLE_PLACE = "文号之下 / below the number"
FIRST_LINES = "文首 / first lines"
REMARK = "标题下的题注 / remark below the title"
LABEL = "标明的一行 / a labelled line"

_SPACES = " \t\n\u00a0\u2002\u2003\u3000"
_WIDE = str.maketrans("０１２３４５６７８９：（）　", "0123456789:() ")
_OPEN, _CLOSE = r"[〔\[［【(（﹝「]", r"[〕\]］】)）﹞」]"
_NUMBER = re.compile(
    rf"(?P<mark>[\u3400-\u9fff]{{1,20}}){_OPEN}\s*(?P<year>(?:19|20)\d\d)\s*{_CLOSE}\s*第?\s*(?P<number>\d{{1,6}})\s*[号號]?"
)
_SERIAL = re.compile(
    r"(?P<year>(?:19|20)\d\d年)?\s*第\s*(?P<number>\d{1,5}|[一二三四五六七八九十百〇零]{1,6})\s*[号號]"
)
_TAIL_SIGNER = re.compile(r"\s+签发人|\s+簽發人")
_SIGNER = re.compile(r"[签簽][发發]人\s*:?.*")
_COPY_NUMBER = re.compile(r"(?:№|No\.?)?\s*\d{6}")
_URGENCY = re.compile(r"特急|加急|急件|平急|[特加]\s+急")
_YEAR = r"(?:\d{4}|[〇○零OＯ一二三四五六七八九]{4}|中[华華]民[国國]\s*\d{2,3})"
_SHORT = r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})"
_DAY = rf"{_YEAR}\s*年\s*{_SHORT}\s*月\s*{_SHORT}\s*日"
_DATE = re.compile(rf"(?P<year>{_YEAR})\s*年\s*(?P<month>{_SHORT})\s*月\s*(?P<day>{_SHORT})\s*日")
_DASHED = re.compile(r"(?P<year>\d{4})[-./](?P<month>\d{1,2})[-./](?P<day>\d{1,2})")
_SIGNED_AND_DATED = re.compile(rf"(?P<body>\S.{{1,60}}?)\s+(?P<date>{_DAY})")
_ANNEX = re.compile(r"附[件錄录表]\s*[0-9一二三四五六七八九十]{0,3}\s*:?")
_COPIES = re.compile(r"(?:抄\s*送|抄\s*[报報]|分\s*送|[主]\s*[题題]\s*[词詞])\s*:")
_PRINTED_BY = re.compile(rf".*{_DAY}\s*印[发發]")
_HEAD_END = re.compile(r"(?:文件|令|[纪紀]要|公告|通告|公[报報]|函)$")
_ORGAN = re.compile(
    r"(?:人民政府|政府|委[员員][会會]|[办辦]公室|[办辦]公[厅廳]|[局厅廳部院校站所处處科队隊会會社馆馆館署行办辦]|中心|公司|法院|街道|[县縣市区區镇鎮乡鄉]委)$"
)
_SECTION = re.compile(
    r"第[一二三四五六七八九十百]+[编編章节節条條]|[一二三四五六七八九十]{1,3}、|[（(][一二三四五六七八九十]{1,3}[）)]"
)
_LABELS = {
    "document_number": re.compile(r"(?:[发發]文字[号號]|文\s*[号號])\s*:\s*(?P<value>\S.*)"),
    "formed_on": re.compile(r"(?:[发發]文日期|成文日期)\s*:\s*(?P<value>\S.*)"),
    "title": re.compile(r"(?:主旨|[标標][题題])\s*:\s*(?P<value>\S.*)"),
    "issuing_body": re.compile(r"[发發]文[机機][关關]\s*:\s*(?P<value>\S.*)"),
}


def read_layout(lines: Sequence[Printed]) -> Layout:
    """Return what the layout of *lines* says; never raises."""
    layout = Layout()
    texts = [_plain(line.text) for line in lines]
    _read_labels(texts, layout)
    head = [n for n, text in enumerate(texts) if text][:HEAD_LINES]
    start = _read_number(head, texts, lines, layout)
    _read_title(head, texts, lines, start, layout)
    _read_red_head(head, texts, lines, layout)
    _read_foot(texts, lines, layout)
    _leave_out_imprint(texts, layout)
    return layout


def _plain(text: str) -> str:
    """Return *text* in one line, digits and brackets narrow, no space at its ends."""
    return re.sub(r"[\n\t]", " ", text).translate(_WIDE).strip(_SPACES)


def _solid(text: str) -> str:
    """Return a name without the spaces that spread its letters over the line."""
    return re.sub(r"(?<=[^\x00-\x7f])[ \u00a0\u2002\u2003\u3000]+(?=[^\x00-\x7f])", "", text)


# --- labelled forms (Taiwan's 函, forms of some offices)


def _read_labels(texts: Sequence[str], layout: Layout) -> None:
    for place, text in enumerate(texts[:HEAD_LINES]):
        for name, pattern in _LABELS.items():
            found = pattern.match(text)
            if found is None or getattr(layout, name) is not None:
                continue
            value = _solid(found["value"])
            day = day_of(value) if name == "formed_on" else None
            if name != "formed_on" or day:
                setattr(layout, name, Found(day.isoformat() if day else value, LABEL))
                if name != "title":
                    layout.dropped.add(place)


# --- head


def _read_number(
    head: Sequence[int], texts: Sequence[str], lines: Sequence[Printed], layout: Layout
) -> int:
    """Read the document number; return the position in *head* after it, or 0."""
    for position, place in enumerate(head):
        text = _TAIL_SIGNER.split(texts[place])[0].strip()
        if found := _NUMBER.fullmatch(_solid(text)):
            sign = "號" if "號" in text else "号"
            number = f"{found['mark']}〔{found['year']}〕{found['number']}{sign}"
            layout.document_number = layout.document_number or Found(number, BELOW_HEAD)
            layout.dropped.add(place)
            return position + 1
        if (found := _SERIAL.fullmatch(text)) and position:
            above = _solid(texts[head[position - 1]])
            if _HEAD_END.search(above) and lines[place].align == "center":
                sign = "號" if "號" in text else "号"
                number = f"{above}{found['year'] or ''}第{found['number']}{sign}"
                layout.document_number = layout.document_number or Found(number, BELOW_HEAD)
                layout.dropped.add(place)
                return position + 1
    return 0


def _read_title(
    head: Sequence[int],
    texts: Sequence[str],
    lines: Sequence[Printed],
    start: int,
    layout: Layout,
) -> None:
    """Read the title: the centred lines after the number, else the first that can be one."""
    if layout.title is not None:
        return
    places = [n for n in head[start:] if not _is_office_matter(texts[n])]
    if not start:
        places = [n for n in places if not _is_red_head(texts[n], lines[n])]
    first = next((n for n in places[:6] if _is_title_line(texts[n], lines[n])), None)
    if first is None:
        first = next((n for n in places[:1] if _may_be_title(texts[n], lines[n])), None)
        if first is None:
            return
        block = [first]
    else:
        block = _title_block(first, texts, lines)
    title = _joined([texts[n] for n in block])
    if 0 < len(title) <= LONGEST_TITLE * 2:
        where = TITLE_PLACE if start else FIRST_LINES
        layout.title = Found(title, where)
        layout.dropped.update(block)


def _title_block(first: int, texts: Sequence[str], lines: Sequence[Printed]) -> list[int]:
    """Return the lines of a title that begins at *first*: centred, of one size, without a gap."""
    block = [first]
    for place in range(first + 1, len(lines)):
        line, text = lines[place], texts[place]
        smaller = line.size < 0.85 * lines[first].size
        if not text or smaller or text.startswith(("(", "（")) or not _is_title_line(text, line):
            break
        if line.is_bold != lines[first].is_bold or _SECTION.match(text) or day_of(text):
            break
        block.append(place)
    return block


def _is_title_line(text: str, line: Printed) -> bool:
    if _ends_as_addressee(text) or len(text) > LONGEST_TITLE or _NUMBER.fullmatch(text):
        return False
    return (
        line.align == "center"
        or line.style in {"title", "标题", "文件标题", "公文标题"}
        or _is_centred_by_spaces(line.text)
    )


def _may_be_title(text: str, line: Printed) -> bool:
    return (
        len(text) <= 80
        and not _ends_as_addressee(text)
        and text[-1] not in "。；;，,"
        and line.align != "right"
        and not line.in_table
    )


def _ends_as_addressee(text: str) -> bool:
    return text.endswith((":", "："))


def _is_centred_by_spaces(text: str) -> bool:
    lead = text[: len(text) - len(text.lstrip(_SPACES))]
    return sum(2 if ord(c) > 255 else 4 if c == "\t" else 1 for c in lead) >= 8


def _is_office_matter(text: str) -> bool:
    return bool(
        _COPY_NUMBER.fullmatch(text)
        or _URGENCY.fullmatch(_solid(text))
        or _SIGNER.fullmatch(_solid(text))
        or re.match(r"[绝絕机機秘]\s*密", text)
    )


def _is_red_head(text: str, line: Printed) -> bool:
    name = _solid(text)
    return len(name) <= 40 and (line.is_red or name.endswith("文件"))


def _joined(parts: Sequence[str]) -> str:
    """Join the lines of a title: Chinese without, other words with a space."""
    out = ""
    for part in map(_solid, parts):
        needs_space = bool(out) and out[-1].isascii() and part[:1].isascii()
        out += (" " if needs_space else "") + part
    return re.sub(r"\s+", " ", out).strip()


def _read_red_head(
    head: Sequence[int], texts: Sequence[str], lines: Sequence[Printed], layout: Layout
) -> None:
    """Read who issues it from the lines above number and title; those lines leave the page."""
    if not layout.dropped:
        return
    above = [n for n in head if n < min(layout.dropped)]
    names: list[str] = []
    for place in above:
        text, line = texts[place], lines[place]
        if _is_office_matter(text):
            if not re.match(r"[绝絕机機秘]\s*密", text):
                layout.dropped.add(place)
                layout.left_out.append(text)
        elif _is_red_head(text, line) or (line.align == "center" and layout.document_number):
            layout.dropped.add(place)
            names += [_organ(name) for name in _split(text)]
    between = [n for n in head if n not in layout.dropped and n < max(layout.dropped)]
    for place in between:
        if _SIGNER.fullmatch(_solid(texts[place])):
            layout.dropped.add(place)
            layout.left_out.append(_solid(texts[place]))
    _sign(layout, [name for name in names if name], HEAD)


def _split(text: str) -> list[str]:
    """Return the names in a line, parted by wide gaps; a name whose letters are spread stays one."""
    parts = [_solid(part) for part in re.split(r"\s{2,}", text)]
    return parts if all(_ORGAN.search(_organ(part)) for part in parts) else [_solid(text)]


def _organ(name: str) -> str:
    """Return the body whose red head *name* is."""
    short = re.sub(r"(?:文件|令|公告|通告|公[报報]|函)$", "", name)
    return "" if re.search(r"[纪紀]要$", short) else short


def _sign(layout: Layout, names: Sequence[str], where: str) -> None:
    if names and layout.issuing_body is None:
        layout.issuing_body = Found(names[0], where)
        layout.co_issuers = list(dict.fromkeys(names[1:]))


# --- foot


def day_of(text: str) -> date | None:
    """Return the day that *text* is, in any of the spellings of official documents; None for anything else."""
    plain = _plain(text).strip("()（）")
    found = _DATE.fullmatch(_solid(plain)) or _DASHED.fullmatch(plain)
    if found is None:
        return None
    try:
        return date(_year(found["year"]), _value(found["month"]), _value(found["day"]))
    except ValueError:
        return None


def _year(text: str) -> int:
    republic = re.search(r"\d{2,3}$", text)
    if text.startswith("中") and republic:
        return int(republic[0]) + 1911
    digits = str.maketrans("〇○零OＯ一二三四五六七八九", "00000123456789")
    return int(text.translate(digits))


def _value(text: str) -> int:
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    units = "一二三四五六七八九"
    if not ten:
        return units.index(text) + 1
    return (units.index(tens) + 1 if tens else 1) * 10 + (units.index(ones) + 1 if ones else 0)


def _read_foot(texts: Sequence[str], lines: Sequence[Printed], layout: Layout) -> None:
    """Read date and signature: the last line with a date alone before the annexes, and what stands above it."""
    begin = max(layout.dropped, default=-1) + 1
    annex = next(
        (n for n in range(begin, len(texts)) if _ANNEX.fullmatch(_solid(texts[n]))), len(texts)
    )
    for last in (annex, len(texts)):
        for place in range(last - 1, begin - 1, -1):
            if lines[place].in_table and last == annex:
                continue
            if _read_date(place, texts, lines, layout):
                return
    _read_remark_date(texts, begin, layout)


def _read_date(place: int, texts: Sequence[str], lines: Sequence[Printed], layout: Layout) -> bool:
    text = texts[place]
    if (day := day_of(text)) and not text.startswith("("):
        layout.formed_on = layout.formed_on or Found(day.isoformat(), SIGNATURE)
        _read_signature(place, texts, lines, layout)
        return True
    both = _SIGNED_AND_DATED.fullmatch(text)
    if both and (day := day_of(both["date"])) and _ORGAN.search(_solid(both["body"])):
        layout.formed_on = layout.formed_on or Found(day.isoformat(), SIGNATURE)
        _resign(layout, _split(both["body"]))
        return True
    return False


def _read_signature(
    place: int, texts: Sequence[str], lines: Sequence[Printed], layout: Layout
) -> None:
    names: list[str] = []
    blanks = 0
    for above in range(place - 1, max(place - 1 - SIGNERS * 2, -1), -1):
        text, line = texts[above], lines[above]
        if not text:
            blanks += 1
            if blanks > 3 or names:
                break
            continue
        if above in layout.dropped or not _is_signature(text, line):
            break
        names = _split(text) + names
    _resign(layout, names[-SIGNERS:])


def _is_signature(text: str, line: Printed) -> bool:
    name = _solid(text)
    if len(name) > 60 or name[-1] in "。；;:：，,、！？" or _SECTION.match(name):
        return False
    is_set_right = line.align == "right" or line.indent >= 6 or _is_centred_by_spaces(line.text)
    return is_set_right or (len(name) <= 30 and bool(_ORGAN.search(name)))


def _resign(layout: Layout, names: Sequence[str]) -> None:
    """Let the signature, which is the full name, replace what the red head said."""
    if names and (layout.issuing_body is None or layout.issuing_body.where == HEAD):
        layout.issuing_body = None
        _sign(layout, names, SIGNATURE)


def _read_remark_date(texts: Sequence[str], begin: int, layout: Layout) -> None:
    """Without a date at the foot, take the one in the remark below the title: （2026年3月1日第5次会议通过）."""
    for text in [text for text in texts[begin : begin + 4] if text.startswith("(")]:
        found = _DATE.search(_solid(text))
        day = day_of(found[0]) if found else None
        if day and layout.formed_on is None:
            layout.formed_on = Found(day.isoformat(), REMARK)


def _leave_out_imprint(texts: Sequence[str], layout: Layout) -> None:
    """Leave 抄送 and 印发 out of the page; the original has them."""
    left = 0
    for place, text in enumerate(texts):
        is_copies, is_printed = bool(_COPIES.match(text)), bool(_PRINTED_BY.fullmatch(text))
        left = COPY_LINES if is_copies else left
        if (is_copies or is_printed or (left and text)) and place not in layout.dropped:
            layout.dropped.add(place)
            layout.left_out.append(text[:40])
        left = 0 if is_printed or text.endswith(("。", ".")) or not text else max(left - 1, 0)
