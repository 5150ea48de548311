"""Word files: what the layout says, what the page shows, what the original no longer holds, what is refused."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import RGBColor

from services.catalog.cleaning import clean_body
from services.catalog.filetext import word_traces
from services.sender.documents import BY_NAME, Said, id_of, read_document
from services.sender.reading import UnreadableFile, read_paths
from services.sender.word import layout, numbering
from services.sender.word.layout import Printed, day_of, read_layout
from services.sender.word.package import WordRefused, read_package
from services.sender.word.pictures import OddPicture, without_metadata
from services.sender.word.reading import WordReading, catalogue_of, genre_of, read_word
from services.sender.word.scrub import scrub
from tests.sender import word_files


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a test's file lies."""
    return tmp_path / "通知.docx"


def page(reading: WordReading) -> str:
    """Return the page as the catalog cleans it."""
    files = {a["name"]: f"/files/{a['sha256']}/{a['name']}" for a in reading.data["attachments"]}
    return clean_body("html", reading.data["body"]["content"], files)


def original(reading: WordReading) -> bytes:
    """Return the bytes of the attached original."""
    described = reading.data["attachments"][0]
    assert described["role"] == "original"
    return reading.files[described["sha256"]]


def everything(content: bytes) -> str:
    """Return all parts of a .docx as one text."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(
            archive.read(name).decode("utf-8", "replace") for name in archive.namelist()
        )


def values(reading: WordReading) -> dict[str, str | None]:
    """Return what was read by name."""
    return {fact.name: fact.value for fact in reading.facts}


# --- the whole way


def test_a_notice_is_read_as_a_clerk_reads_it(place: Path) -> None:
    """Title over two lines, number, body and date come from the layout, each with the place it stood in."""
    reading = read_word(word_files.notice(place), "通知.docx")
    assert values(reading) == {
        "title": "青禾县卫生健康局关于做好冬季流感疫苗接种工作的通知",
        "issuing_body": "青禾县卫生健康局",
        "document_number": "禾卫发〔2026〕12号",
        "formed_on": "2026-11-20",
    }
    assert all(fact.where for fact in reading.facts)
    assert reading.hold == ()
    assert reading.left_out[:2] == ["000012", "特急"]


def test_the_page_has_tables_lists_and_headings_and_no_head(place: Path) -> None:
    """Tables keep head and merged cells, lists are lists; red head, number, title and imprint are not on the page."""
    html = page(read_word(word_files.notice(place), "通知.docx"))
    assert "<h2>一、接种对象</h2>" in html
    assert '<tr><th scope="col">接种点</th><th scope="col">地点</th>' in html
    assert '<td colspan="2">2处</td>' in html
    assert "<ol>\n<li>带好身份证。</li>\n<li>接种后留观30分钟。</li>\n</ol>" in html
    assert "<ul>\n<li>发热者暂缓接种</li>" in html
    assert '<p class="right">2026年11月20日</p>' in html
    for gone in ("文件", "禾卫发", "关于做好", "特急", ">000012", "抄送", "印发"):
        assert gone not in html, gone


def test_tracked_changes_and_comments_ask_for_a_person(place: Path) -> None:
    """A file with either says so; page and original show the accepted text, and neither the struck one nor names."""

    def change(document: Any) -> None:
        word_files.tracked(document)
        word_files.commented(document)

    reading = read_word(word_files.notice(place, change), "通知.docx")
    assert reading.hold == ("tracked_changes", "comments")
    assert (reading.scrubbed.changes, reading.scrubbed.comments) == (4, 1)
    html = page(reading)
    assert "补贴标准为每人三百元。" in html
    assert "合并前半，合并后半。" in html
    assert "柳林卫生院" not in html
    left = everything(original(reading))
    assert "三百元" in left
    for gone in ("二百元", "柳林卫生院", "张三", "张局", "w:ins ", "w:del ", "commentReference"):
        assert gone not in left, gone


def test_the_original_names_nobody(place: Path) -> None:
    """Author, editor, notes, revision ids, hidden text and the pictures' makers are gone; Word still opens it."""

    def change(document: Any) -> None:
        word_files.hidden(document)
        word_files.pictured(document)

    reading = read_word(word_files.notice(place, change), "通知.docx")
    content = original(reading)
    left = everything(content)
    for gone in ("王小明", "李大力", "内部讨论稿", "底价", "secret-photographer", "rsid"):
        assert gone not in left, gone
    assert reading.scrubbed.hidden == 1
    assert reading.hold == ()
    opened = docx.Document(io.BytesIO(content))
    assert opened.core_properties.author == ""
    assert len(opened.tables) == 1


def test_the_cleaned_original_is_clean_and_always_the_same(place: Path, tmp_path: Path) -> None:
    """Reading the cleaned original finds nothing more and gives the same bytes: a repeat is unchanged."""
    first = read_word(word_files.notice(place, word_files.tracked), "通知.docx")
    again = tmp_path / "again.docx"
    again.write_bytes(original(first))
    second = read_word(again, "通知.docx")
    assert second.hold == ()
    assert original(second) == original(first)
    assert page(second) == page(first)


def test_pictures_become_attachments(place: Path) -> None:
    """A picture in the text is uploaded by itself and shown in its place."""
    reading = read_word(word_files.notice(place, word_files.pictured), "通知.docx")
    _, picture = reading.data["attachments"]
    assert (picture["name"], picture["role"], picture["media_type"]) == (
        "图1.png",
        "image",
        "image/png",
    )
    assert f'<img src="/files/{picture["sha256"]}/' in page(reading)
    assert reading.files[picture["sha256"]] == word_files.png()


def test_traditional_letters_in_the_labelled_form(place: Path) -> None:
    """Labels, years of the Republic and Traditional characters are read; the text stays in its script."""
    reading = read_word(word_files.traditional(place), "函.docx")
    assert values(reading) == {
        "title": "關於補助農民申請冬季蔬菜保險一案，請查照。",
        "issuing_body": "青禾縣政府",
        "document_number": "府農字第1150001234號",
        "formed_on": "2026-11-20",
    }
    assert reading.data["language"] == "zh-Hant"
    assert "一、依據農業保險法辦理。" in page(reading)


def test_automatic_numbers_are_written_out(place: Path) -> None:
    """第一条 and （一） that Word counts by itself stand in the page's text, counted as Word counts."""
    html = page(read_word(word_files.numbered(place), "办法.docx"))
    for line in (
        "第一条 为规范管理",
        "第二条 文件应当：",
        "（一）公开；",
        "（二）备案。",
        "第三条 本办法自",
    ):
        assert f"<p>{line}" in html, line


# --- layout alone

_CENTRE = {"align": "center", "size": 44}


def lines(*texts: str | tuple[str, dict[str, Any]]) -> list[Printed]:
    """Return lines, plain or with their look."""
    return [Printed(t) if isinstance(t, str) else Printed(t[0], **t[1]) for t in texts]


def test_a_joint_document_names_every_body() -> None:
    """Several red heads and signatures give one issuing body and its co-issuers, in order."""
    found = read_layout(
        lines(
            ("青禾县财政局", {"align": "center", "size": 60, "is_red": True}),
            ("青禾县教育局文件", {"align": "center", "size": 60, "is_red": True}),
            ("禾财教〔2026〕3号", {"align": "center"}),
            ("关于下达补助资金的通知", _CENTRE),
            "各学校：",
            "现将有关事项通知如下。",
            "",
            ("青禾县财政局        青禾县教育局", {"align": "right"}),
            ("2026年3月1日", {"align": "right"}),
        )
    )
    assert found.issuing_body == layout.Found("青禾县财政局", layout.SIGNATURE)
    assert found.co_issuers == ["青禾县教育局"]
    assert found.dropped == {0, 1, 2, 3}


def test_signer_and_number_on_one_line() -> None:
    """A report upwards has its signer beside the number; the signer does not get onto the page."""
    found = read_layout(
        lines(
            ("青禾县水务局文件", {"align": "center", "is_red": True, "size": 60}),
            "禾水〔2026〕7号                签发人：赵六",
            ("关于水库除险加固的请示", _CENTRE),
            "县人民政府：",
        )
    )
    assert found.document_number and found.document_number.value == "禾水〔2026〕7号"
    assert found.issuing_body == layout.Found("青禾县水务局", layout.HEAD)
    assert 1 in found.dropped


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("禾政发〔2026〕12号", "禾政发〔2026〕12号"),
        ("禾政发[2026]12号", "禾政发〔2026〕12号"),
        ("禾政发（２０２６）１２号", "禾政发〔2026〕12号"),
        ("禾政办函【2026】第12", "禾政办函〔2026〕12号"),
        ("禾政發〔2026〕12號", "禾政發〔2026〕12號"),
    ],
)
def test_numbers_in_any_brackets(text: str, number: str) -> None:
    """The document number is read in every spelling and written in the standard's."""
    found = read_layout(lines(text, ("某通知", _CENTRE)))
    assert found.document_number and found.document_number.value == number


def test_an_order_is_numbered_below_its_head() -> None:
    """第12号 below 青禾县人民政府令 makes the number of an order."""
    found = read_layout(
        lines(
            ("青禾县人民政府令", {"align": "center", "is_red": True, "size": 72}),
            ("第12号", {"align": "center"}),
            ("青禾县户外广告管理办法", _CENTRE),
            "第一条 为了加强管理，制定本办法。",
        )
    )
    assert found.document_number and found.document_number.value == "青禾县人民政府令第12号"
    assert found.title and found.title.value == "青禾县户外广告管理办法"


def test_dates_of_annexes_are_not_the_documents() -> None:
    """The date at the foot counts, not one in an annex behind it, nor the printer's."""
    found = read_layout(
        lines(
            ("关于某事的通告", _CENTRE),
            "正文提到2026年1月1日起施行。",
            ("青禾县交通运输局", {"align": "right"}),
            ("2026年11月20日", {"align": "right"}),
            "附件1",
            ("申请表", {"align": "center"}),
            "2025年1月2日",
            "青禾县交通运输局办公室    2026年11月21日印发",
        )
    )
    assert found.formed_on == layout.Found("2026-11-20", layout.SIGNATURE)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026年11月20日", date(2026, 11, 20)),
        ("　　　２０２６ 年 3 月 1 日", date(2026, 3, 1)),
        ("二〇二六年十一月二十日", date(2026, 11, 20)),
        ("二○二六年三月三十一日", date(2026, 3, 31)),
        ("中華民國115年11月20日", date(2026, 11, 20)),
        ("2026-11-20", date(2026, 11, 20)),
        ("2026年2月30日", None),
        ("2026年11月20日印发", None),
        ("于2026年11月20日", None),
    ],
)
def test_days_in_every_spelling(text: str, day: date | None) -> None:
    """A line that is a day is one in digits, Chinese numerals and years of the Republic; impossible days are none."""
    assert day_of(text) == day


def test_a_text_without_layout_is_not_guessed_at() -> None:
    """Running text alone has no title, number or date: nothing is made up."""
    found = read_layout(lines("这是一段很长的正文，" * 20 + "。", "第二段。"))
    assert (found.title, found.document_number, found.issuing_body, found.formed_on) == (None,) * 4
    assert not found.dropped


def test_a_secrecy_mark_stays_in_the_text() -> None:
    """A mark above the red head is not left out with the head: the gate must see it."""
    found = read_layout(
        lines(
            "机密★1年",
            ("青禾县人民政府文件", {"align": "center", "is_red": True, "size": 60}),
            ("禾政发〔2026〕1号", {"align": "center"}),
            ("关于某事的通知", _CENTRE),
            "正文。",
        )
    )
    assert 0 not in found.dropped
    assert 1 in found.dropped


@pytest.mark.parametrize(
    ("title", "genre", "entry"),
    [
        ("关于印发《青禾县公示办法》的通知", "notice", "other"),
        ("青禾县户外广告管理办法（试行）", "measures", "other"),
        ("关于张三等人任职前公示", "publicity", "notice"),
        ("2026年县级预算", "budget", "budget"),
        ("2025年政府信息公开工作年度报告", "report", "annual-report"),
        ("石桥镇大事记", None, "other"),
    ],
)
def test_genre_and_entry_by_the_title(title: str, genre: str | None, entry: str) -> None:
    """The last word of a title names its genre; no guess files anything as a normative document."""
    assert genre_of(title) == genre
    assert catalogue_of(title, genre) == entry


@pytest.mark.parametrize(
    ("value", "format_", "text"),
    [
        (12, "chineseCounting", "十二"), (110, "chineseCountingThousand", "一百一十"), (203, "japaneseCounting", "二百零三"),
        (3, "decimalEnclosedCircle", "③"), (4, "upperRoman", "IV"), (28, "lowerLetter", "bb"), (7, "whatever", "7"),
    ],
)  # fmt: skip
def test_numerals_as_word_prints_them(value: int, format_: str, text: str) -> None:
    """Word's number formats give the numerals that Word prints."""
    assert numbering.numeral(value, format_) == text


# --- options and folders


def test_what_the_clerk_says_goes_before_the_layout(place: Path, tmp_path: Path) -> None:
    """Options go before the layout, the layout before the folder's defaults; each says where it is from."""
    (place.parent / "defaults.yaml").write_text(
        "issuing_body: 青禾县\ncatalogue: welfare\ncontact: {phone: 0551-1}\n", "utf-8"
    )
    said = Said(
        {"title": "另一个标题", "formed_on": "2026-11-01"}, reviewed_by="王", cleared_by="李"
    )
    document = read_document(word_files.notice(place), tmp_path, said)
    data = document.line.data
    assert (data["title"], data["formed_on"]) == ("另一个标题", "2026-11-01")
    assert data["issuing_body"] == "青禾县卫生健康局"
    assert (data["catalogue"], data["contact"]) == ("welfare", {"phone": "0551-1"})
    assert data["review"]["confidentiality"]["verdict"] == "cleared"
    where = {fact.name: fact.where for fact in document.facts}
    assert (where["title"], where["catalogue"]) == ("选项 / option", "defaults.yaml")
    assert (document.line.source_id, where["source_id"]) == (id_of("通知"), BY_NAME)
    assert document.line.sourceversion is None


def test_the_id_of_a_word_file_does_not_repeat_its_name(place: Path, tmp_path: Path) -> None:
    """A name in words becomes a digest, the same for every version and way of writing it; one that is an id stays."""
    assert id_of("关于张某某的处罚决定") == "w-e226903519be69f9"
    assert id_of("Cafe\u0301") == id_of("Café") != "Café"
    assert id_of("qh-2026.0123") == "qh-2026.0123"
    own = read_document(word_files.notice(place), tmp_path, Said(source_id="通知"))
    assert own.line.source_id == "通知"


def test_a_second_version_is_numbered_in_the_name(tmp_path: Path) -> None:
    """名@2.docx is version 2 of 名, and its original is still called by the plain name."""
    line = read_document(word_files.notice(tmp_path / "通知@2.docx"), tmp_path, Said()).line
    assert (line.source_id, line.sourceversion) == (id_of("通知"), 2)
    assert line.data["attachments"][0]["name"] == "通知.docx"


def test_what_is_missing_is_named_with_its_option(place: Path, tmp_path: Path) -> None:
    """Without a date in the layout the refusal names the option that gives it."""
    document = docx.Document()
    document.add_paragraph("关于某事的通知")
    document.add_paragraph("这里是正文。")
    document.save(str(place))
    with pytest.raises(UnreadableFile, match="--formed-on"):
        read_document(place, tmp_path, Said())
    assert (
        read_document(place, tmp_path, Said({"formed_on": "2026-11-20"})).line.data["title"]
        == "关于某事的通知"
    )


def test_paths_with_word_files_need_somebody_who_reads_them(place: Path) -> None:
    """Where nobody reads documents a .docx is refused with what can be pushed."""
    with pytest.raises(UnreadableFile, match=r"\.docx"):
        read_paths([word_files.notice(place)])


# --- what is hostile


def _refused(path: Path, words: str) -> None:
    with pytest.raises(WordRefused, match=words):
        scrub(read_package(path))


def test_a_zip_bomb_is_not_unpacked(place: Path) -> None:
    """An entry that unpacks a thousandfold is refused by the directory, before a byte of it is read."""
    bomb = b"<a>" + b" " * (60 << 20) + b"</a>"
    _refused(word_files.rezipped(word_files.notice(place), {"word/bomb.xml": bomb}), "不安全")


def test_a_directory_that_lies_is_found_out(place: Path) -> None:
    """An entry larger than its directory says stops the reading."""
    word_files.rezipped(word_files.notice(place), {"word/x.xml": b"<a>" + b"b" * 5000 + b"</a>"})
    raw = bytearray(place.read_bytes())
    at = raw.rindex(b"word/x.xml") - 46
    assert raw[at : at + 4] == b"PK\x01\x02"
    raw[at + 24 : at + 28] = struct.pack("<I", 10)
    place.write_bytes(bytes(raw))
    _refused(place, "损坏|不安全")


def test_macros_are_refused(place: Path) -> None:
    """A macro project, or the content type of one, is refused with the remedy."""
    word_files.rezipped(word_files.notice(place), {"word/vbaProject.bin": b"x"})
    _refused(place, "宏")
    types = word_files.part(word_files.notice(place), "[Content_Types].xml")
    types = types.replace(
        "openxmlformats-officedocument.wordprocessingml.document.main+xml",
        "ms-word.document.macroEnabled.main+xml",
    ).replace("application/vnd.ms-word", "application/vnd.ms-word")
    _refused(word_files.rezipped(place, {"[Content_Types].xml": types.encode()}), "宏")


def test_embedded_objects_are_refused(place: Path) -> None:
    """An OLE object in the text, or an imported part, is refused."""
    text = word_files.part(word_files.notice(place), "word/document.xml")
    for inside in ('<w:object><o:OLEObject xmlns:o="urn:o"/></w:object>', "<w:altChunk/>"):
        changed = text.replace("</w:body>", f"<w:p><w:r>{inside}</w:r></w:p></w:body>")
        _refused(word_files.rezipped(place, {"word/document.xml": changed.encode()}), "嵌入")


def test_entities_are_refused(place: Path) -> None:
    """A document type, and so every entity, is refused before a parser sees it."""
    text = word_files.part(word_files.notice(place), "word/document.xml")
    evil = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    changed = text.replace("<w:document", evil + "<w:document", 1)
    _refused(word_files.rezipped(place, {"word/document.xml": changed.encode()}), "损坏")


_LINKS = (
    ("hyperlink", "https://www.gov.cn/", True), ("hyperlink", "file:///D:/zhangsan/a.docx", False),
    ("image", "file:///D:/zhangsan/a.png", False), ("image", "http://tracker.example/p.png", False),
    ("attachedTemplate", "file:///D:/zhangsan/Normal.dotm", False),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "target", "stays"), _LINKS)
def test_links_out_of_the_file(place: Path, kind: str, target: str, stays: bool) -> None:
    """A reader's web link stays; links to somebody's disk, fetched pictures and templates go, the text stays."""
    word_files.notice(place)
    rels = "word/_rels/document.xml.rels"
    space = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relation = (
        f'<Relationship Id="rIdX" Type="{space}/{kind}" Target="{target}" TargetMode="External"/>'
    )
    text = word_files.part(place, "word/document.xml").replace(
        "<w:sectPr",
        f'<w:p><w:hyperlink r:id="rIdX" xmlns:r="{space}"><w:r><w:t>看这里</w:t></w:r></w:hyperlink></w:p><w:sectPr',
        1,
    )
    changed = word_files.part(place, rels).replace(
        "</Relationships>", relation + "</Relationships>"
    )
    word_files.rezipped(place, {rels: changed.encode(), "word/document.xml": text.encode()})
    reading = read_word(place, "通知.docx")
    left = everything(original(reading))
    assert (target in left) is stays
    assert ("zhangsan" in left) is False
    assert "看这里" in page(reading)
    docx.Document(io.BytesIO(original(reading)))


def test_other_links_out_are_refused(place: Path) -> None:
    """A frame or a sub-document that lies elsewhere is refused by name."""
    rels = "word/_rels/document.xml.rels"
    relation = '<Relationship Id="rIdX" Type="urn:x/frame" Target="http://evil.example/f" TargetMode="External"/>'
    changed = word_files.part(word_files.notice(place), rels).replace(
        "</Relationships>", relation + "</Relationships>"
    )
    _refused(word_files.rezipped(place, {rels: changed.encode()}), "evil.example")


def test_fields_that_fetch_become_their_text(place: Path) -> None:
    """A DDE field loses its command and keeps what it showed."""
    text = word_files.part(word_files.notice(place), "word/document.xml")
    field = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> DDEAUTO c:\\\\cmd.exe </w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>显示的字</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p><w:sectPr'
    )
    changed = text.replace("<w:sectPr", field, 1)
    reading = read_word(
        word_files.rezipped(place, {"word/document.xml": changed.encode()}), "通知.docx"
    )
    left = everything(original(reading))
    assert "DDEAUTO" not in left
    assert "fldChar" not in left
    assert "显示的字" in page(reading)


@pytest.mark.parametrize("value", ["x", "", "-1", "99999999999", "²"])
def test_numbers_that_are_none_harm_nothing(place: Path, value: str) -> None:
    """Sizes, levels and starts that are no numbers, or huge ones, are read as if they were not there."""
    word_files.numbered(place)
    changes: dict[str, bytes | None] = {}
    for name in ("word/numbering.xml", "word/document.xml", "word/styles.xml"):
        text = word_files.part(place, name)
        for tag in ("w:start", "w:ilvl", "w:sz", "w:ind"):
            text = re.sub(rf'(<{tag} w:val=)"[^"]*"', rf'\1"{value}"', text)
        changes[name] = re.sub(r'w:ilvl="\d"', f'w:ilvl="{value}"', text).encode()
    changes["word/numbering.xml"] = (changes["word/numbering.xml"] or b"").replace(
        b"chineseCountingThousand", b"upperRoman"
    )
    reading = read_word(word_files.rezipped(place, changes), "a.docx")
    assert "为规范管理，制定本办法。" in page(reading)
    assert len(page(reading)) < 2000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "另存为 .docx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "密码"),
        (b"%PDF-1.7", "损坏"),
        (b"", "损坏"),
    ],
)
def test_what_is_no_docx_is_refused_with_the_remedy(
    place: Path, content: bytes, words: str
) -> None:
    """Old, locked and foreign files say what to do."""
    place.write_bytes(content)
    _refused(place, words)


def test_a_truncated_file_is_damaged(place: Path) -> None:
    """Half a file is refused, not half read."""
    whole = word_files.notice(place).read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    _refused(place, "损坏")


def test_a_reference_that_leads_nowhere_is_damage(place: Path) -> None:
    """An id that no relation has makes the file damaged, with the remedy: no crash."""
    text = word_files.part(word_files.notice(place), "word/document.xml")
    space = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    link = f'<w:p><w:hyperlink r:id="rIdNo" xmlns:r="{space}"><w:r><w:t>断链</w:t></w:r></w:hyperlink></w:p><w:sectPr'
    word_files.rezipped(place, {"word/document.xml": text.replace("<w:sectPr", link, 1).encode()})
    with pytest.raises(WordRefused, match="损坏"):
        read_word(place, "通知.docx")


def test_html_in_the_text_stays_text(place: Path) -> None:
    """Markup that a person typed is shown as it was typed."""

    def change(document: Any) -> None:
        document.add_paragraph("<script>alert(1)</script><img src=x onerror=alert(1)>")

    html = page(read_word(word_files.notice(place, change), "通知.docx"))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_catalog_sees_traces_in_any_word_file(place: Path) -> None:
    """What the catalog looks for in attached Word files: changes and comments, nothing in a clean one."""
    assert word_traces(word_files.notice(place)) == []
    assert word_traces(word_files.notice(place, word_files.tracked)) == ["tracked_changes"]
    assert word_traces(word_files.notice(place, word_files.commented)) == ["comments"]
    place.write_bytes(original(read_word(place, "通知.docx")))
    assert word_traces(place) == []


def test_jpeg_metadata_goes_and_the_picture_stays() -> None:
    """EXIF and comments are cut out of a JPEG; JFIF and the picture's own segments stay byte by byte."""

    def segment(marker: int, content: bytes) -> bytes:
        return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content

    jfif, exif = segment(0xE0, b"JFIF\0"), segment(0xE1, b"Exif\0\0GPS here")
    scan = segment(0xDA, b"scan") + b"\x12\x34\xff\xd9"
    photo = b"\xff\xd8" + jfif + exif + segment(0xFE, b"by Zhang San") + scan
    assert without_metadata(photo) == b"\xff\xd8" + jfif + scan


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


_JFIF, _EXIF = _segment(0xE0, b"JFIF\0"), _segment(0xE1, b"Exif\0\0GPS here")
_SCAN = _segment(0xDA, b"scan") + b"\x12\xff\x00\xff\xd0\x34"


@pytest.mark.parametrize(
    ("photo", "clean"),
    [
        (_JFIF + b"\xff\xff\xff" + _EXIF[1:] + _SCAN + b"\xff\xd9", _JFIF + _SCAN + b"\xff\xd9"),
        (_SCAN + b"\xff" + _EXIF + _SCAN + b"\xff\xd9", _SCAN * 2 + b"\xff\xd9"),
        (_SCAN + b"\xff\xd9\xff\xd8" + _EXIF + _SCAN + b"\xff\xd9", _SCAN + b"\xff\xd9"),
        (_segment(0xE2, b"MPF\0 second picture") + _SCAN, _SCAN),
        (_segment(0xE2, b"ICC_PROFILE\0x") + _SCAN, _segment(0xE2, b"ICC_PROFILE\0x") + _SCAN),
    ],
    ids=["fill bytes", "between scans", "a second picture", "its directory", "colour profile"],
)
def test_jpeg_metadata_goes_wherever_it_stands(photo: bytes, clean: bytes) -> None:
    """Behind fill bytes, between scans, in a second picture behind the end: it goes, and the picture stays."""
    assert without_metadata(b"\xff\xd8" + photo) == b"\xff\xd8" + clean


@pytest.mark.parametrize(
    "rest", [_EXIF, _EXIF[:-3], b"\xff\xe1\x00\x01x" + _SCAN, b"\xff\x00" + _SCAN, b"\xff"]
)
def test_a_picture_that_cannot_be_cleaned_is_refused(place: Path, rest: bytes) -> None:
    """A JPEG that cannot be taken apart is named, with what to do, instead of being published as it is."""
    photo = b"\xff\xd8" + rest
    with pytest.raises(OddPicture):
        without_metadata(photo)
    word_files.rezipped(
        word_files.notice(place, word_files.pictured), {"word/media/image1.png": photo}
    )
    with pytest.raises(WordRefused, match=r"image1\.png.*重新插入"):
        read_word(place, "通知.docx")


def _moved(path: Path, target: str) -> Path:
    """Let the main part of a Word file lie at *target*."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    relations = parts["word/_rels/document.xml.rels"].replace(b'Target="', b'Target="/word/')
    folder, _, name = target.rpartition("/")
    rename = (b"word/document.xml", target.encode())
    return word_files.rezipped(
        path,
        {
            "word/document.xml": None,
            "word/_rels/document.xml.rels": None,
            "_rels/.rels": parts["_rels/.rels"].replace(*rename),
            "[Content_Types].xml": parts["[Content_Types].xml"].replace(*rename),
            target: parts["word/document.xml"],
            f"{folder}/_rels/{name}.rels": relations,
        },
    )


@pytest.mark.parametrize(
    "target", ["text/document.xml", "Word/document.xml", "word/document.bin", "word/a/document.xml"]
)
def test_a_text_in_an_unusual_place_is_refused(place: Path, target: str) -> None:
    """Only what is cleaned is published: a main part elsewhere would keep its changes, comments and hidden text."""
    word_files.notice(place, word_files.tracked)
    with pytest.raises(WordRefused, match=r"另存为新的 \.docx"):
        read_word(_moved(place, target), "通知.docx")


def test_parts_that_nobody_cleans_go(place: Path) -> None:
    """What lies outside the usual places is taken out with the relations to it."""
    comments = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments"
    word_files.notice(place)
    relations = word_files.part(place, "word/_rels/document.xml.rels").replace(
        "</Relationships>",
        f'<Relationship Id="rId900" Type="{comments}" Target="/other/comments.xml"/>'
        f'<Relationship Id="rId901" Type="{comments}" Target="comments.bin"/></Relationships>',
    )
    secret = "<张局不同意/>".encode()
    word_files.rezipped(
        place,
        {
            "word/_rels/document.xml.rels": relations.encode(),
            "other/comments.xml": secret,
            "word/comments.bin": secret,
        },
    )
    left = everything(original(read_word(place, "通知.docx")))
    assert "张局" not in left
    assert "rId900" not in left
    assert "rId901" not in left


def test_text_that_a_style_hides_goes(place: Path) -> None:
    """Hidden by the style of its words, of its paragraph or of its table, or by one these are based on: it goes."""

    def change(document: Any) -> None:
        styles = document.styles.element
        for kind, name, based, hides in (
            ("character", "Quiet", "", True), ("character", "Quieter", "Quiet", False),
            ("paragraph", "Gone", "", True), ("paragraph", "Farther", "Gone", False), ("table", "Dark", "", True),
        ):  # fmt: skip
            base = f'<w:basedOn w:val="{based}"/>' if based else ""
            switch = "<w:rPr><w:vanish/></w:rPr>" if hides else ""
            styles.append(
                parse_xml(
                    f'<w:style {nsdecls("w")} w:type="{kind}" w:styleId="{name}"><w:name w:val="{name}"/>{base}{switch}</w:style>'
                )
            )
        runs = "".join(
            f'<w:r><w:rPr><w:rStyle w:val="{style}"/>{more}</w:rPr><w:t>{text}</w:t></w:r>'
            for style, more, text in (
                ("Quiet", "", "底价甲"),
                ("Quieter", "", "底价乙"),
                ("Quiet", '<w:vanish w:val="0"/>', "公开丙"),
            )
        )
        paragraphs = "".join(
            f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r>{more}<w:t>{text}</w:t></w:r></w:p>'
            for style, more, text in (
                ("Farther", "", "底价丁"),
                ("Gone", '<w:rPr><w:vanish w:val="false"/></w:rPr>', "公开戊"),
            )
        )
        table = '<w:tbl><w:tblPr><w:tblStyle w:val="Dark"/></w:tblPr><w:tr><w:tc><w:p><w:r><w:t>底价己</w:t></w:r></w:p></w:tc></w:tr></w:tbl>'
        body = document.element.body
        wrapped = parse_xml(f"<w:body {nsdecls('w')}><w:p>{runs}</w:p>{paragraphs}{table}</w:body>")
        for number, node in enumerate(list(wrapped)):
            body.insert(12 + number, node)

    reading = read_word(word_files.notice(place, change), "通知.docx")
    left = everything(original(reading)) + page(reading)
    assert "底价" not in left
    assert "公开丙" in left
    assert "公开戊" in left
    assert reading.scrubbed.hidden == 4


def _boxed(document: Any) -> None:
    """Put the red head into a text box, as many templates have it, with the fallback of older programs."""
    paragraph = document.paragraphs[2]
    inner = (
        '<w:txbxContent><w:p><w:pPr><w:jc w:val="center"/></w:pPr><w:r><w:rPr><w:color w:val="FF0000"/>'
        '<w:sz w:val="90"/></w:rPr><w:t>青禾县水务局文件</w:t></w:r></w:p></w:txbxContent>'
    )
    spaces = (
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:v="urn:schemas-microsoft-com:vml" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    )
    box = parse_xml(
        f'<w:r {spaces}><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:txbx>{inner}</wps:txbx></w:drawing>'
        f"</mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox>{inner}</v:textbox></v:shape></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r>"
    )
    for run in paragraph.runs:
        run._r.getparent().remove(run._r)
    paragraph._p.append(box)


def _tabled(document: Any) -> None:
    """Put the red head into a table, and the imprint as well."""
    head = document.paragraphs[2]
    table = document.add_table(rows=1, cols=1)
    cell = table.cell(0, 0).paragraphs[0]
    run = cell.add_run("青禾县水务局文件")
    run.font.color.rgb = RGBColor(0xFF, 0, 0)
    cell.alignment = word_files.CENTER
    head._p.addprevious(table._tbl)
    head._p.getparent().remove(head._p)
    imprint = document.add_table(rows=2, cols=1)
    imprint.cell(0, 0).text = "抄送：县政府办公室。"
    imprint.cell(1, 0).text = "青禾县水务局办公室　2026年11月22日印发"


@pytest.mark.parametrize("change", [_boxed, _tabled])
def test_red_heads_in_boxes_and_tables(place: Path, change: Any) -> None:
    """A red head in a text box or a table is read once and does not get onto the page; the rest is as ever."""
    plain = page(read_word(word_files.notice(place), "a.docx"))

    def without_signature(document: Any) -> None:
        change(document)
        signature = next(p for p in document.paragraphs if p.text == "青禾县卫生健康局")
        signature.text = ""

    reading = read_word(word_files.notice(place, without_signature), "a.docx")
    assert values(reading)["issuing_body"] == "青禾县水务局"
    assert values(reading)["document_number"] == "禾卫发〔2026〕12号"
    html = page(reading)
    assert "水务局" not in html
    assert html == plain.replace('<p class="right">青禾县卫生健康局</p>\n', "")
