"""Texts on the page: order of headings, boxes of tables, signatures, differences, dates, phones, the QR code."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import lxml.html
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from services.publisher.pages import body, differences
from services.publisher.pages.qr import qr_code
from shared.text import plain
from shared.web import dates
from shared.web.frame import file_size, frame_language, link, phone_links

WORDS = differences.Words("⟦+", "+⟧", "⟦-", "-⟧")


def present(html: str, prefix: str = "") -> body.Text:
    """Make a text ready as Simplified pages do."""
    return body.present(html, prefix, table_label="表 {n}")


# --- body


def test_headings_begin_below_the_title_and_skip_no_level():
    """A text that begins with h4 and jumps to h6 shows h2 and h3, each with an id for the contents."""
    text = present("<h4>一</h4><p>a</p><h6>（一）</h6><p>b</p><h4>二</h4><p>c</p>")
    assert [(h.level, h.text, h.id) for h in text.headings] == [
        (2, "一", "s1"),
        (3, "（一）", "s2"),
        (2, "二", "s3"),
    ]
    assert '<h3 id="s2">（一）</h3>' in text.html


def test_few_headings_make_no_contents():
    """Contents help only from three headings on."""
    assert present("<h2>一</h2><p>a</p><h2>二</h2><p>b</p>").headings == ()


def test_tables_scroll_in_their_own_named_box():
    """Each outermost table stands in a box that the keyboard reaches, numbered for screen readers."""
    tree = lxml.html.fragment_fromstring(
        present(
            "<p>x</p><table><tr><td>1</td></tr></table><table><tr><td>2</td></tr></table>"
        ).html,
        create_parent=True,
    )
    boxes = tree.xpath("./div[@tabindex='0' and @role='group']")
    assert [box.get("aria-label") for box in boxes] == ["表 1", "表 2"]
    assert len(tree.xpath(".//table")) == 2


def test_the_first_column_is_held_only_where_rows_are_regular():
    """A row under a rowspan begins with its second column, which must not stick."""
    assert "scroll held" in present("<table><tr><td>a</td></tr></table>").html
    assert (
        "scroll held"
        not in present(
            '<table><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></table>'
        ).html
    )


@pytest.mark.parametrize(
    ("cell", "right"),
    [("1,234.5", True), ("-3", True), ("45%", True), ("2026年", False), ("甲", False)],
)
def test_figures_stand_right(cell, right):
    """A cell that holds nothing but a figure is set to the right."""
    assert ('class="num"' in present(f"<table><tr><td>{cell}</td></tr></table>").html) is right


def test_who_signs_and_when_stand_right():
    """The issuing body and the date below a document are its signature, also before an appended text."""
    html = present(
        "<p>请遵照执行。</p><p>青禾县人民政府</p><p>2026年2月9日</p><h2>办法</h2><p>第一条</p>"
    ).html
    assert '<p class="signed">青禾县人民政府</p>' in html
    assert '<p class="signed">2026年2月9日</p>' in html
    assert "<p>请遵照执行。</p>" in html


def test_a_date_after_a_sentence_makes_no_signature_of_it():
    """Only the date goes to the right when a full sentence stands above it."""
    html = present("<p>现予公布。</p><p>2026年2月9日</p>").html
    assert "<p>现予公布。</p>" in html


def test_to_whom_a_document_goes_is_not_indented():
    """The addressee's line at the head is marked."""
    assert (
        '<p class="to">各乡镇人民政府：</p>'
        in present("<p>各乡镇人民政府：</p><p>现通知如下：</p>").html
    )


def test_a_text_is_cleaned_once_more():
    """Whatever the record held, script, handlers and foreign pictures do not reach the page."""
    html = present(
        '<p onclick="x()">a</p><script>x()</script><img src="https://x.example/a.png" alt="图">'
    ).html
    assert "onclick" not in html
    assert "script" not in html
    assert "x.example" not in html


# --- differences

_texts = st.lists(
    st.tuples(
        st.sampled_from(["p", "h2", "li"]), st.text("甲乙丙丁。；12月3日", min_size=1, max_size=24)
    ),
    max_size=8,
)


def _html(blocks: list[tuple[str, str]]) -> str:
    return "".join(f"<{tag}>{text}</{tag}>" for tag, text in blocks)


def _shown(html: str, *, without: str) -> str:
    tree = lxml.html.fragment_fromstring(html or "<p></p>", create_parent=True)
    for node in tree.xpath(f".//{without} | .//span[@class='hidden']"):
        node.drop_tree()
    return "".join(tree.text_content().split())


@given(_texts, _texts)
def test_the_marks_hold_both_texts(old, new):
    """Without what was deleted the new text is there whole, without what was inserted the old one."""
    found = differences.compare(_html(old), _html(new), WORDS)
    assert _shown(found.html, without="del") == "".join("".join(text.split()) for _, text in new)
    assert _shown(found.html, without="ins") == "".join("".join(text.split()) for _, text in old)


@given(_texts)
def test_a_text_does_not_differ_from_itself(blocks):
    """Nothing is marked and nothing counted where nothing changed."""
    found = differences.compare(_html(blocks), _html(blocks), WORDS)
    assert found.count == 0
    assert "<ins>" not in found.html


def test_a_changed_day_is_marked_as_a_whole():
    """Dates are never torn apart: readers see 12月5日 become 12月19日."""
    found = differences.compare(
        "<p>计划12月5日18时通车。</p>", "<p>计划12月19日18时通车。</p>", WORDS
    )
    assert found.count == 1
    assert re.search(r"<del>.*?12月5日.*?</del><ins>.*?12月19日.*?</ins>18时通车", found.html)


def test_each_change_has_a_place_to_jump_to():
    """As many targets as changes, numbered from one."""
    found = differences.compare(
        "<p>甲。</p><p>乙。</p><p>丙。</p>",
        "<p>甲。</p><p>丁丁丁。</p><p>丙。</p><p>戊。</p>",
        WORDS,
    )
    assert re.findall(r'id="change-(\d+)"', found.html) == [
        str(n) for n in range(1, found.count + 1)
    ]


def test_a_changed_table_is_shown_whole_before_and_after():
    """No half tables: the old one deleted, the new one inserted."""
    old, new = (f"<table><tr><td>行</td><td>{n}</td></tr></table>" for n in (1, 2))
    found = differences.compare(old, new, WORDS)
    assert len(re.findall(r"<del>.*?<table>.*?</table>.*?</del>", found.html, re.DOTALL)) == 1
    assert len(re.findall(r"<ins>.*?<table>.*?</table>.*?</ins>", found.html, re.DOTALL)) == 1


def test_unchanged_blocks_keep_their_markup():
    """Links and emphasis stay where nothing changed."""
    found = differences.compare(
        "<p>甲<strong>乙</strong></p><p>a</p>", "<p>甲<strong>乙</strong></p><p>b</p>", WORDS
    )
    assert "<p>甲<strong>乙</strong></p>" in found.html


# --- dates and numbers as readers say them


def test_dates_in_three_languages():
    """11月23日（周一）, 11月23日（週一）, Mon 23 Nov."""
    day = date(2026, 11, 23)
    assert [dates.weekday(day, "zh-Hans"), dates.weekday(day, "zh-Hant"), dates.weekday(day, "en")] == [
        "11月23日（周一）", "11月23日（週一）", "Mon 23 Nov",
    ]  # fmt: skip
    assert dates.full(day, "zh-Hans") == "2026年11月23日（周一）"
    assert dates.day(day, "en") == "23 Nov 2026"
    assert dates.month(2026, 11, "en") == "November 2026"


def test_instants_are_said_in_the_sites_time():
    """22:30 in UTC is half past six of the next day in Shanghai."""
    at = dates.local(datetime(2026, 11, 22, 22, 30, tzinfo=UTC), "Asia/Shanghai")
    assert dates.moment(at, "zh-Hans") == "2026年11月23日（周一）06:30"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0551-60030110", ["055160030110"]),
        ("0551-60010012、0551-60010013", ["055160010012", "055160010013"]),
        ("（0551）60010012转8001", ["055160010012", "8001"]),
        ("12345", ["12345"]),
        ("+86 551 6001 0012", ["+8655160010012"]),
        ("见附件", []),
    ],
)
def test_phone_numbers_can_be_tapped(text, numbers):
    """Every number in a contact becomes a link; the words around it stay."""
    found = phone_links(text)
    assert re.findall(r'href="tel:([^"]+)"', found) == numbers
    assert plain(found).replace("\n", "") == text


def test_sizes_of_files():
    """Bytes as readers know them."""
    assert [file_size(n) for n in (512, 38 * 1024, 1_300_000)] == ["512 B", "38 KB", "1.2 MB"]


@pytest.mark.parametrize(
    ("tag", "frame"),
    [("zh-Hans", "zh-Hans"), ("zh", "zh-Hans"), ("zh-Hant-TW", "zh-Hant"), ("zh-HK", "zh-Hant"), ("en-GB", "en"),
     ("ar", "zh-Hans"), ("eng", "zh-Hans")],
)  # fmt: skip
def test_the_frame_of_a_language(tag, frame):
    """English and Traditional have their frames, everything else the Simplified one."""
    assert frame_language(tag) == frame


@pytest.mark.parametrize(
    ("path", "led"),
    [("/a/", "/zwgk/a/"), ("https://x.example/", "https://x.example/"), ("//x.example/", "#"),
     ("javascript:x()", "#"), ("JaVaScript:x()", "#"), ("#top", "#top"), ("mailto:a@b.example", "mailto:a@b.example")],
)  # fmt: skip
def test_where_a_link_leads(path, led):
    """Own paths get the prefix, web, mail and phone addresses stay, everything else leads nowhere."""
    assert link(path, "/zwgk") == led


def test_the_qr_code_leads_to_the_address():
    """A reader reads the address from the drawn squares, quiet zone included."""
    address = "https://www.qinghe.example/transport/2026/157/"
    drawing = str(qr_code(address, "码"))
    [side] = {int(length) for length in re.findall(r'viewBox="0 0 (\d+) \1"', drawing)}
    modules = [[255] * side for _ in range(side)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", drawing):
        for step in range(int(length)):
            modules[int(y)][int(x) + step] = 0
    scale = 4
    large = bytes(dot for row in modules for _ in range(scale) for dot in row for _ in range(scale))
    picture = memoryview(large).cast("B", (side * scale, side * scale))
    [read] = zxingcpp.read_barcodes(picture)
    assert read.text == address
