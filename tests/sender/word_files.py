"""Word files made by code: official documents as offices write them, and what nobody should send."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt, RGBColor

CENTER, RIGHT = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.RIGHT


def add(
    document: Any,
    text: str,
    *,
    align: Any = None,
    size: float = 16,
    red: bool = False,
    bold: bool = False,
) -> Any:
    """Add a paragraph with one run."""
    paragraph = document.add_paragraph()
    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    run.bold = bold or None
    if red:
        run.font.color.rgb = RGBColor(0xFF, 0, 0)
    paragraph.alignment = align
    return paragraph


def red_head(
    document: Any,
    *,
    head: str = "青禾县卫生健康局文件",
    number: str = "禾卫发〔2026〕12号",
    title: tuple[str, ...] = ("青禾县卫生健康局关于", "做好冬季流感疫苗接种工作的通知"),
) -> None:
    """Write the head of an official document: copy number, urgency, red head, number, title."""
    add(document, "000012")
    add(document, "特急")
    add(document, head, align=CENTER, size=48, red=True)
    add(document, "")
    add(document, number, align=CENTER)
    add(document, "")
    for line in title:
        add(document, line, align=CENTER, size=22)
    add(document, "")


def foot(document: Any, body: str = "青禾县卫生健康局", day: str = "2026年11月20日") -> None:
    """Write signature and date, remark and imprint."""
    add(document, "")
    add(document, body, align=RIGHT)
    add(document, day, align=RIGHT)
    add(document, "（此件公开发布）")
    add(document, "抄送：县委办公室，县人大常委会办公室。")
    add(document, "青禾县卫生健康局办公室        2026年11月21日印发")


def notice(path: Path, change: Callable[[Any], None] = lambda _: None) -> Path:
    """Write a notice with a table, lists, a merged cell and a picture; *change* may add to it."""
    document = docx.Document()
    document.core_properties.author = "王小明"
    document.core_properties.last_modified_by = "李大力"
    document.core_properties.comments = "内部讨论稿"
    red_head(document)
    add(document, "各乡镇卫生院，县直各医疗机构：")
    add(document, "为做好今冬明春流感防控，现将有关事项通知如下。")
    add(document, "一、接种对象")
    add(document, "60岁以上老年人免费接种，凭身份证到就近接种点。")
    add(document, "二、接种安排")
    table = document.add_table(rows=4, cols=3)
    for row, cells in enumerate(
        (("接种点", "地点", "电话"), ("石桥卫生院", "石桥街88号", "0551-60000012"),
         ("柳林卫生院", "柳林路3号", "0551-60000013"), ("合计", "2处", ""))
    ):  # fmt: skip
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    table.cell(3, 1).merge(table.cell(3, 2))
    for text in ("带好身份证。", "接种后留观30分钟。"):
        document.add_paragraph(text, style="List Number")
    for text in ("发热者暂缓接种", "过敏者请先咨询"):
        document.add_paragraph(text, style="List Bullet")
    foot(document)
    change(document)
    document.save(str(path))
    return path


def traditional(path: Path) -> Path:
    """Write a letter in Traditional Chinese, its head in the labelled form."""
    document = docx.Document()
    add(document, "青禾縣政府  函", align=CENTER, size=26)
    add(document, "發文日期：中華民國115年11月20日")
    add(document, "發文字號：府農字第1150001234號")
    add(document, "主旨：關於補助農民申請冬季蔬菜保險一案，請查照。")
    add(document, "說明：")
    add(document, "一、依據農業保險法辦理。")
    document.save(str(path))
    return path


def tracked(document: Any) -> None:
    """Add an insertion, a deletion, a deleted paragraph mark and a deleted row, by a named person."""
    who = 'w:id="1" w:author="审稿人张三" w:date="2026-11-19T10:00:00Z"'
    body = document.element.body
    body.insert(
        12,
        parse_xml(
            f"<w:p {nsdecls('w')}><w:r><w:t>补贴标准为</w:t></w:r>"
            f"<w:del {who}><w:r><w:delText>每人二百元</w:delText></w:r></w:del>"
            f"<w:ins {who}><w:r><w:t>每人三百元</w:t></w:r></w:ins><w:r><w:t>。</w:t></w:r></w:p>"
        ),
    )
    first = parse_xml(
        f"<w:p {nsdecls('w')}><w:pPr><w:rPr><w:del {who}/></w:rPr></w:pPr><w:r><w:t>合并前半，</w:t></w:r></w:p>"
    )
    body.insert(13, first)
    body.insert(14, parse_xml(f"<w:p {nsdecls('w')}><w:r><w:t>合并后半。</w:t></w:r></w:p>"))
    row = document.tables[0].rows[2]._tr
    row.get_or_add_trPr().append(parse_xml(f"<w:del {nsdecls('w')} {who}/>"))


def commented(document: Any) -> None:
    """Put a comment on the last paragraph."""
    paragraph = document.paragraphs[-1]
    document.add_comment(
        paragraph.runs, text="这里先不要写，张局不同意", author="张三", initials="ZS"
    )


def hidden(document: Any) -> None:
    """Add hidden text."""
    run = document.paragraphs[9].add_run("底价三千万")
    run.font.hidden = True


def numbered(path: Path) -> Path:
    """Write rules whose articles Word numbers by itself: 第一条, 第二条; and （一） below them."""
    document = docx.Document()
    add(document, "青禾县规范性文件管理办法", align=CENTER, size=22)
    numbering = document.part.numbering_part.element
    numbering.insert(
        0,
        parse_xml(
            f'<w:abstractNum {nsdecls("w")} w:abstractNumId="77"><w:multiLevelType w:val="multilevel"/>'
            '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCountingThousand"/><w:lvlText w:val="第%1条"/></w:lvl>'
            '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="（%2）"/></w:lvl>'
            "</w:abstractNum>"
        ),
    )
    numbering.append(
        parse_xml(f'<w:num {nsdecls("w")} w:numId="78"><w:abstractNumId w:val="77"/></w:num>')
    )
    for level, text in (
        (0, "  为规范管理，制定本办法。"), (0, "  文件应当："), (1, "公开；"), (1, "备案。"), (0, "  本办法自发布之日起施行。"),
    ):  # fmt: skip
        paragraph = document.add_paragraph(text)
        properties = paragraph._p.get_or_add_pPr()
        number = OxmlElement("w:numPr")
        for name, value in (("w:ilvl", level), ("w:numId", 78)):
            node = OxmlElement(name)
            node.set(qn("w:val"), str(value))
            number.append(node)
        properties.append(number)
    foot(document, "青禾县人民政府", "二〇二六年三月一日")
    document.save(str(path))
    return path


def png(text: bytes = b"") -> bytes:
    """Return a small picture, with *text* in its metadata."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = b"".join(b"\x00" + b"\xff\x00\x00" * 8 for _ in range(8))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
        + (chunk(b"tEXt", b"Author\x00" + text) if text else b"")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def pictured(document: Any) -> None:
    """Add a picture that names its maker."""
    document.add_picture(io.BytesIO(png(b"secret-photographer")))


def rezipped(path: Path, changes: Mapping[str, bytes | None], **more: bytes) -> Path:
    """Write *path* again with other parts; None takes one out."""
    with zipfile.ZipFile(path) as archive:
        parts: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    parts |= changes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def part(path: Path, name: str) -> str:
    """Return a part of a .docx as text."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(name).decode()
