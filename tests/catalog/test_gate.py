"""Nothing with a resident ID number or a secrecy mark goes out unseen."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

import docx
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from services.catalog import gate, xmltext
from services.catalog.cleaning import clean_body
from services.catalog.filetext import MAX_TEXT_BYTES, word_traces
from services.catalog.gate import Unscannable, attachment_text, findings, unscannable
from services.catalog.sniff import kind_of

NUMBER = "11010519491231002X"


def codes(text: str) -> list[str]:
    """Return the codes of what is found in *text* as a body."""
    return [finding.code for finding in findings("标题", None, text)]


@pytest.mark.parametrize(
    "text",
    [
        f"身份证号{NUMBER}。",
        f"身份证号：{NUMBER.lower()}",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105 19491231 002X",
        "110105-19491231-002X",
        "110105—19491231—002X",
        "110105\u300019491231\u3000002X",
        "1101 0519 4912 3100 2X",
        f"ID{NUMBER}",
        f"2025 {NUMBER} 13800000000",
        f"电话0551123\n{NUMBER}",
        f"{NUMBER[:-1]}1\n{NUMBER}",
        "<p>110105<strong>19491231</strong>002X</p>",
        "<p>110105\u200b19491231002X</p>",
        "<table><tr>" + "".join(f"<td>{char}</td>" for char in NUMBER) + "</tr></table>",
        f'<p><img src="/files/a" alt="{NUMBER}"></p>',
        f'<p><a href="https://a.cn/?id={NUMBER}">看</a></p>',
        "11010519491231&#48;02X<b></b>",
    ],
)
def test_a_resident_id_number_is_found_in_every_spelling(text: str) -> None:
    """Full-width digits, parted groups, cells, tags and attributes hide nothing."""
    assert codes(text) == ["resident_id"]


@pytest.mark.parametrize(
    "text",
    [
        "110105194912310021",
        "11010519491331002X",
        "1" + NUMBER[:-1] + "1",
        f"9{NUMBER[:-1]}0",
        f"{NUMBER[:-1]}00",
        f"a1b2{NUMBER}",
        "91310000MA1FL1X123",
        "统一社会信用代码 911100001000013428",
        "6222021001081234567",
        "990105194912310025",
        "13800138000 2025-11-23 110105",
    ],
)
def test_other_numbers_are_no_resident_ids(text: str) -> None:
    """Wrong check digits, impossible births, credit codes, cards and digits of longer codes do not hold an item."""
    assert codes(text) == []


@given(
    st.sampled_from(["110105", "340123", "820000", "650102"]),
    st.integers(0, 60_000).map(lambda days: date(1880, 1, 1) + timedelta(days=days)),
    st.integers(0, 999),
    st.sampled_from(["", " ", "-", "  ", "\u3000"]),
)
def test_every_checksum_valid_number_is_found(
    region: str, born: date, order: int, gap: str
) -> None:
    """Whatever region, birth and order, a number with its right check digit is found, and with a wrong one is not."""
    stem = f"{region}{born:%Y%m%d}{order:03d}"
    check = ric.calc_check_digit(stem + "0")
    assert codes(f"号码{region}{gap}{stem[6:14]}{gap}{stem[14:]}{check}，") == ["resident_id"]
    wrong = "0" if check != "0" else "1"
    assert codes(f"号码{stem}{wrong}，") == []


@pytest.mark.parametrize(
    "text",
    [
        "绝密★启用前",
        "机密 ★ 1年",
        "正文\n" * 20 + "秘密★",
        "機密★",
        "机密\n关于……",
        "关于……\u2028秘密\u2028",
        "\n\n<p>a</p><p>【秘密】</p><p>b</p>",
        "一\n二\n三\n四\n秘 密",
    ],
)
def test_a_secrecy_mark_is_found(text: str) -> None:
    """With its star anywhere, or alone on one of the first five lines."""
    assert codes(text) == ["secrecy_mark"]


@pytest.mark.parametrize(
    "text",
    [
        "本办法所称国家秘密、机密、绝密事项",
        "泄露机密的，依法处理",
        "一\n二\n三\n四\n五\n秘密",
        "商业秘密",
        "秘密投票",
        "机密性★★★",
        "★机密",
    ],
)
def test_the_words_in_running_text_are_no_mark(text: str) -> None:
    """Laws about secrecy are public."""
    assert codes(text) == []


def test_every_part_is_looked_at_and_named() -> None:
    """Title, summary, body and attachments are told apart, with their lines, and nothing is shown in full."""
    found = findings(
        f"公示 {NUMBER}",
        "机密★",
        f"<p>a</p><p>{NUMBER}</p>",
        {"名单.csv": f"姓名,号码\n甲,{NUMBER}"},
    )
    assert [(f.code, f.where, f.line) for f in found] == [
        ("resident_id", "title", 1),
        ("secrecy_mark", "summary", 1),
        ("resident_id", "body", 2),
        ("resident_id", "attachment:名单.csv", 2),
    ]
    assert all(NUMBER[3:16] not in f.excerpt for f in found)
    assert unscannable("x.zip").where == "attachment:x.zip"


def test_cleaned_bodies_hide_no_number() -> None:
    """What the cleaning leaves in a page, the gate finds, in every format."""
    assert codes(clean_body("markdown", "**1101**05194912310~~02X~~")) == ["resident_id"]
    assert codes(clean_body("html", "<span>110105</span><font>19491231</font><b>002X</b>")) == [
        "resident_id"
    ]
    assert codes(clean_body("text", NUMBER)) == ["resident_id"]


def word(text: str) -> bytes:
    """Return a Word file with *text* in a paragraph, a table and a header."""
    document = docx.Document()
    document.add_paragraph("公示名单")
    run = document.add_paragraph().add_run(text[:6])
    run.bold = True
    document.paragraphs[-1].add_run(text[6:])
    document.add_table(1, 2).cell(0, 1).text = "表格"
    document.sections[0].header.paragraphs[0].text = "页眉"
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def sheet(text: str) -> bytes:
    """Return a spreadsheet with *text* in a hidden sheet."""
    book = openpyxl.Workbook()
    book.worksheets[0].append(["序号", "姓名"])
    hidden = book.create_sheet("底稿")
    hidden.append([1, "甲", text])
    hidden.sheet_state = "hidden"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", f"号码 {NUMBER}".encode()),
        ("a.txt", f"号码 {NUMBER}".encode("gb18030")),
        ("a.csv", b"\xef\xbb\xbf" + f"甲,{NUMBER}".encode()),
        ("a.txt", b"\xff\xfe" + f"甲,{NUMBER}".encode("utf-16-le")),
        ("a.json", f'{{"id": "{NUMBER}"}}'.encode()),
        ("a.docx", word(NUMBER)),
        ("a.xlsx", sheet(NUMBER)),
    ],
)
def test_the_text_of_attachments_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    """Text in its usual encodings, Word files and hidden sheets are looked into."""
    path = tmp_path / name
    path.write_bytes(content)
    text = attachment_text(path, "application/octet-stream")
    assert [f.code for f in findings("t", None, "", {name: text})] == ["resident_id"]


@pytest.mark.parametrize(
    "media_type", ["", "application/octet-stream", "image/png", "application/zip"]
)
def test_bytes_decide_what_is_read(tmp_path: Path, media_type: str) -> None:
    """A stored file has no extension and its sender's word for its type may be wrong: nothing slips by."""
    for content in (
        NUMBER.encode(),
        f"号码{NUMBER}".encode("gb18030"),
        word(NUMBER),
        sheet(NUMBER),
    ):
        path = tmp_path / "blob"
        path.write_bytes(content)
        assert NUMBER in attachment_text(path, media_type)


def test_word_text_comes_in_order(tmp_path: Path) -> None:
    """Paragraphs are lines, cells and headers are there, and parted runs are whole again."""
    path = tmp_path / "blob"
    path.write_bytes(word("分段文字测试内容"))
    text = attachment_text(path, "", "附件.docx")
    assert (
        text.index("公示名单")
        < text.index("分段文字测试内容")
        < text.index("表格")
        < text.index("页眉")
    )


def test_a_plain_archive_has_no_text(tmp_path: Path) -> None:
    """Files inside an archive are not text of the item, whatever their number."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1001):
            archive.writestr(f"{number}.xml", "<t>x</t>")
    assert attachment_text(path, "application/zip") == ""


def test_a_picture_has_no_text(tmp_path: Path) -> None:
    """What is no text gives none."""
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + NUMBER.encode())
    assert attachment_text(path, "image/png") == ""


def bomb(tmp_path: Path, kind: str) -> Path:
    """Return an archive that must not be unpacked."""
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if kind == "dense":
            archive.writestr("word/document.xml", b"<w/>" + b" " * (20 << 20))
        elif kind == "many":
            for number in range(1001):
                archive.writestr(f"word/{number}.xml", "<a/>")
        else:
            archive.writestr("word/document.xml", "<a/>")
    if kind == "broken":
        path.write_bytes(path.read_bytes()[:-30])
    if kind == "overlapping":
        # two entries of the directory that share the bytes of one file: CPython 3.11 would unpack both
        raw = bytearray(path.read_bytes())
        central, end = raw.index(b"PK\x01\x02"), raw.index(b"PK\x05\x06")
        entry = bytes(raw[central:end])
        raw[end + 8 : end + 12] = (2).to_bytes(2, "little") * 2
        raw[end + 12 : end + 16] = (2 * len(entry)).to_bytes(4, "little")
        raw[end:end] = entry
        path.write_bytes(raw)
    if kind == "lying":
        raw = bytearray(path.read_bytes())
        central = raw.index(b"PK\x01\x02")
        raw[central + 42 : central + 46] = (5).to_bytes(4, "little")
        path.write_bytes(raw)
    return path


@pytest.mark.parametrize("kind", ["dense", "many", "broken", "lying", "overlapping"])
def test_dishonest_archives_are_left_to_a_person(tmp_path: Path, kind: str) -> None:
    """Archives that are damaged, lie or unpack beyond limits are not read."""
    with pytest.raises(Unscannable):
        attachment_text(bomb(tmp_path, kind), "", "a.docx")


def test_entities_in_office_files_are_left_to_a_person(tmp_path: Path) -> None:
    """A file cannot make the gate expand entities or read other files, nor hide a text in them."""
    path = tmp_path / "a.docx"
    inner = '<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", f"{inner}<w><p><t>&b;&f;x</t></p></w>")
    with pytest.raises(Unscannable):
        attachment_text(path, "")


@pytest.mark.parametrize("zip64", [False, True])
def test_a_directory_without_end_is_not_read(tmp_path: Path, *, zip64: bool) -> None:
    """An archive whose directory alone would fill the memory is left to a person before it is read."""
    path = bomb(tmp_path, "whole")
    raw = path.read_bytes()
    central, end = raw.index(b"PK\x01\x02"), raw.index(b"PK\x05\x06")
    directory = raw[central:end] * 50_000
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), central, 0)
    if zip64:
        record = struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(directory), central
        )
        place = struct.pack("<4sLQL", b"PK\x06\x07", 0, central + len(directory), 1)
        last = (
            record
            + place
            + struct.pack("<4s4H2LH", b"PK\x05\x06", *[0xFFFF] * 4, *[2**32 - 1] * 2, 0)
        )
    path.write_bytes(raw[:central] + directory + last)
    with pytest.raises(Unscannable, match="directory"):
        attachment_text(path, "", "a.docx")
    assert kind_of(path).refused == "dishonest"


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (b"<a>" + b"<c/>" * 2000 + b"</a>", "elements"),
        (b"<a>" + b"".join(b"<c%d/>" % n for n in range(200)) + b"</a>", "elements"),
        (b"<a " + b" ".join(b"c%d='x'" % n for n in range(200)) + b"/>", "elements"),
        (b"<a><t>" + b"x" * 1_000_000 + b"</t></a>", "text"),
        (b"<a><!--" + b"x" * 1_000_000 + b"--></a>", "element"),
    ],
    ids=["elements", "names", "attributes", "text", "comment"],
)
def test_endless_xml_is_left_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: bytes, why: str
) -> None:
    """Elements, names, text and single tokens of an office file are bounded, whatever its size says."""
    for bound, value in (
        ("ELEMENTS", 1000),
        ("NAMES", 100),
        ("CHARACTERS", 900_000),
        ("SILENCE", 500_000),
    ):
        monkeypatch.setattr(xmltext, f"MAX_{bound}", value)
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", part)
    with pytest.raises(Unscannable, match=why):
        attachment_text(path, "")


def test_xml_grows_no_tree(tmp_path: Path) -> None:
    """Reading four million bytes of empty elements takes a few million bytes of memory, not thirty times as many."""
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", b"<a>" + b"<c/>" * (1 << 20) + b"</a>")
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from services.catalog.filetext import attachment_text, word_traces\n"
        "most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = most(); attachment_text(Path(sys.argv[1]), ''); word_traces(Path(sys.argv[1]))\n"
        "print(most() - before)"
    )
    grown = subprocess.run(
        [sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True
    )
    assert int(grown.stdout) < 32 * 1024


def test_a_part_counts_whatever_its_name(tmp_path: Path) -> None:
    """Text and tracked changes are found in XML parts that are named as something else, or lie elsewhere."""
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", f'<w:p xmlns:w="{space}"/>')
        archive.writestr(
            "other/text.bin",
            f'\ufeff<w:p xmlns:w="{space}"><w:ins><w:r><w:t>{NUMBER}</w:t></w:r></w:ins></w:p>',
        )
    assert NUMBER in attachment_text(path, "")
    assert word_traces(path) == ["tracked_changes"]


def test_a_long_list_is_held_at_once() -> None:
    """A list of a hundred thousand people is held by its first hundred, each with its line."""
    found = findings("", None, None, {"a": f"{NUMBER}\n" * 100_000})
    assert [finding.line for finding in found] == list(range(1, gate.MOST_FOUND + 1))


def test_endless_text_is_left_to_a_person(tmp_path: Path) -> None:
    """A text file beyond the bound is not read into memory."""
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(MAX_TEXT_BYTES + 1)
    with pytest.raises(Unscannable):
        attachment_text(path, "text/plain")


_PIECES = st.sampled_from(
    [
        "11010519491231002",
        "X",
        "１１０１０５１９４９１２３１００２",
        "Ｘ",
        " ",
        "-",
        "\u200b",
        "\u3000",
        "<b>",
        "</b>",
        "<td>",
        "</p><p>",
        "&amp;",
        "&#49;",
        "1",
        "机密",
        "绝 密★",
        "甲",
    ]
)


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_the_first_look_misses_nothing(text: str) -> None:
    """What the close look finds, in plain text or HTML, is always suspected before."""
    for seen in (text, gate.readable(text)):
        if list(gate._in_text("body", seen)):
            assert gate._suspect(text)
