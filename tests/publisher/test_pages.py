"""Every page of the public site, rendered from the demo county's own texts without any server."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import lxml.html
import opencc
import pytest

from services.publisher.pages import paths, periods
from services.publisher.pages import render as draw
from services.publisher.pages import views as v
from shared.events.record import ItemState, Names
from shared.web.dates import LANGS
from shared.web.frame import asset_files, frame_language
from shared.web.words import WORDS
from tests.publisher.page_kinds import (
    ITEMS,
    WITHDRAWN,
    blank_entry,
    every_page,
    item_page,
    with_site,
)
from tests.publisher.sample_site import ROOT, TODAY, ZONE, County, load

CLOSURE = "transport/s207-shiqiao-closure"
POLICY = "county-government/elderly-allowance-2026"
BUDGET = "finance/budget-2026"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def county() -> County:
    """The sample county, read once."""
    return load()


@pytest.fixture(scope="module")
def pages(county: County) -> dict[str, tuple[str, str]]:
    """One page of every kind."""
    return every_page(county)


def parsed(html: str) -> lxml.html.HtmlElement:
    """Read a page as a browser would."""
    return lxml.html.document_fromstring(html)


def text_of(html: str) -> str:
    """Return what a reader of the page's content sees, white space folded."""
    (main,) = parsed(html).xpath("//main")
    return " ".join(main.text_content().split())


def in_order(text: str, *parts: str) -> bool:
    """Say whether *parts* occur in *text* in this order."""
    at = -1
    for part in parts:
        at = text.find(part, at + 1)
        if at < 0:
            return False
    return True


# --- every page


def test_a_page_is_well_built(pages):
    """Every page has one H1, headings that skip no level, unique ids, a skip link and a language."""
    for name, (_, html) in pages.items():
        tree = parsed(html)
        levels = [int(h.tag[1]) for h in tree.iter("h1", "h2", "h3", "h4", "h5", "h6")]
        assert levels.count(1) == 1, name
        shown = [level for level in levels if level]
        assert all(
            b - a <= 1
            for a, b in zip(shown[shown.index(1) :], shown[shown.index(1) + 1 :], strict=False)
        ), name
        ids = tree.xpath("//@id")
        assert len(ids) == len(set(ids)), name
        assert tree.xpath("//a[@class='skip']/@href") == ["#main"], name
        assert tree.get("lang") in {"zh-CN", "zh-TW", "en"}, name


def test_links_inside_a_page_have_a_target(pages):
    """A link to a part of the same page leads somewhere."""
    for name, (_, html) in pages.items():
        tree = parsed(html)
        ids = set(tree.xpath("//@id"))
        for target in tree.xpath("//a/@href[starts-with(., '#')]"):
            assert target[1:] in ids, (name, target)


def test_no_page_loads_anything_from_elsewhere(pages):
    """Sheets, scripts, pictures and frames come from this site; the only script is the optional one."""
    for name, (_, html) in pages.items():
        tree = parsed(html)
        loaded = [
            *tree.xpath("//link[@rel='stylesheet']/@href"),
            *tree.xpath("//@src"),
            *tree.xpath("//iframe | //object"),
        ]
        assert all(str(address).startswith("/assets/") for address in loaded), (name, loaded)
        assert len(tree.xpath("//script[not(@type='application/ld+json')]")) == 1, name


def test_the_products_name_is_nowhere(pages):
    """Readers see the government's site, not a product."""
    for name, (_, html) in pages.items():
        assert not re.search("gazette|邸报", html, re.IGNORECASE), name
    for content in asset_files().values():
        assert b"gazette" not in content.lower()


def test_every_link_carries_the_path_prefix(county):
    """Below a portal's path every own link and asset starts with the prefix, in texts as well."""
    below = replace(county, site=with_site(county, prefix="/zwgk"))
    state = county.current(POLICY)
    body = state.body.model_copy(
        update={"content": '<p><a href="/guide/">指南</a><img src="/files/a/b.png" alt="图"></p>'}
    )
    below.items = {**county.items, POLICY: [state.model_copy(update={"body": body})]}
    for name, (_, html) in every_page(below).items():
        for address in parsed(html).xpath("//@href | //@src | //@action"):
            own = address.startswith("/")
            assert not own or address.startswith("/zwgk/"), (name, address)
    assert 'href="/zwgk/guide/">指南' in item_page(below, POLICY)


def test_the_portals_fragments_stand_around_the_page(county):
    """The portal's header comes before ours and its footer after ours, as they are."""
    site = with_site(
        county, portal_header="<div id=portal>县政府门户</div>", portal_footer="<div>门户页脚</div>"
    )
    html = draw.render_home(county.home(), "zh-Hans", site)
    assert in_order(
        html, "<div id=portal>县政府门户</div>", "<header", "</footer>", "<div>门户页脚</div>"
    )


def test_pages_are_pure(county, pages):
    """The same views give the same bytes."""
    assert every_page(county) == pages


def test_hostile_text_is_inert_on_every_page(county):
    """Markup in titles, notes, names, phones, reasons and bodies comes out as text or not at all."""
    hurt = load()
    for key, versions in hurt.items.items():
        hurt.items[key] = [_hostile(state) for state in versions]
    bad = Names.model_validate({"zh-Hans": HOSTILE})
    hurt.departments = {
        code: d.model_copy(update={"names": bad, "about": HOSTILE})
        for code, d in hurt.departments.items()
    }
    hurt.site = with_site(
        hurt, settings=hurt.site.settings.model_copy(update={"names": bad, "organiser": HOSTILE})
    )
    for name, (_, html) in every_page(hurt).items():
        tree = parsed(html)
        assert not tree.xpath(
            "//script[not(@type='application/ld+json') and not(starts-with(@src, '/assets/'))]"
        ), name
        assert not tree.xpath("//@*[starts-with(name(), 'on')]"), name
        assert not [a for a in tree.xpath("//@href") if "javascript:" in a.lower()], name
        for block in tree.xpath("//script[@type='application/ld+json']/text()"):
            json.loads(block)


def _hostile(state: ItemState) -> ItemState:
    body = {
        "format": "html",
        "content": f'<p onclick="x()">{HOSTILE}</p><a href="javascript:x()">a</a><svg onload=x()>',
    }
    hurt = {
        "title": HOSTILE if state.title else None,
        "summary": HOSTILE,
        "body": body if state.body else None,
        "reason": HOSTILE if state.reason else None,
        "issuing_body": HOSTILE,
        "document_number": HOSTILE,
        "keywords": [HOSTILE],
        "topics": [HOSTILE],
        "genre": HOSTILE,
        "change_note": HOSTILE,
        "responsible_office": HOSTILE,
        "contact": {"office": HOSTILE, "phone": HOSTILE},
        "catalogue": state.catalogue,
        "history": [{**e.model_dump(), "note": HOSTILE} for e in state.history],
    }
    return ItemState.model_validate({**state.model_dump(by_alias=True), **hurt})


def test_the_guides_metas_are_there(pages):
    """Site, column and article tags of the Chinese government page guide."""
    home = parsed(pages["home zh-Hans"][1])
    item = parsed(pages[POLICY][1])

    def meta(tree: lxml.html.HtmlElement, name: str) -> str:
        return "".join(tree.xpath(f"//meta[@name='{name}']/@content"))

    assert meta(home, "SiteName") == "青禾县政府信息公开"
    assert meta(home, "SiteDomain") == "www.qinghe.example"
    assert meta(home, "SiteIDCode") == "3401990001"
    assert meta(home, "ColumnName") and meta(home, "ColumnType")
    assert "高龄津贴" in meta(item, "ArticleTitle")
    assert re.fullmatch(r"2026-\d\d-\d\d \d\d:\d\d", meta(item, "PubDate"))
    assert meta(item, "ContentSource") == "青禾县人民政府"


def test_history_is_dated_for_machines_as_for_readers(county: County) -> None:
    """What was published elsewhere before has that day as its date: in words, for programs and in the meta tags."""
    view = county.item_view(POLICY)
    old = view.state.model_copy(update={"first_published_on": date(2014, 5, 1)})
    tree = parsed(draw.render_item(replace(view, state=old), "zh-Hans", county.site))
    assert tree.xpath("//meta[@name='PubDate']/@content") == ["2014-05-01 00:00"]
    assert tree.xpath("//p[contains(@class, 'meta')]//time/@datetime")[0] == "2014-05-01"
    (script,) = tree.xpath("//script[@type='application/ld+json']/text()")
    assert json.loads(script)["datePublished"] == "2014-05-01"


def test_the_first_page_is_small():
    """The home page with sheet and script stays within 60 KB, the script within 1 KB."""
    county = load()
    own = sum(len(content) for content in asset_files().values())
    for lang in LANGS:
        assert (
            len(draw.render_home(county.home(), lang, county.site).encode()) + own <= 60 * 1024
        ), lang
    (script,) = [content for path, content in asset_files().items() if path.endswith(".js")]
    assert len(script) <= 1024


def test_lists_link_to_the_other_languages_and_items_to_themselves(pages):
    """A list names its three languages; an item has one address, whatever the frame."""
    tree = parsed(pages["department zh-Hant"][1])
    assert tree.xpath("//link[@rel='canonical']/@href") == [
        "https://www.qinghe.example/zh-tw/transport/"
    ]
    assert tree.xpath("//link[@hreflang='en']/@href") == [
        "https://www.qinghe.example/en/transport/"
    ]
    path, html = pages["county-government/foreign-residents-guide"]
    assert parsed(html).xpath("//link[@rel='canonical']/@href") == [
        f"https://www.qinghe.example{path}"
    ]


# --- words


def test_every_word_is_said_in_three_languages():
    """No key lacks a language, none is empty, and the same places for values stand in all three."""
    for key, said in WORDS.items():
        assert set(said) == set(LANGS), key
        assert all(said.values()), key
        assert len({frozenset(re.findall(r"\{(\w+)\}", text)) for text in said.values()}) == 1, key


def test_traditional_words_hold_no_simplified_character():
    """What the converter would still change in a Traditional word is a slip; 村里 is right as it is."""
    converter = opencc.OpenCC("s2t")
    for key, said in WORDS.items():
        traditional = said["zh-Hant"].replace("村里", "")
        assert converter.convert(traditional) == traditional, key


def test_every_word_is_used():
    """No word stands without a template or a function that says it."""
    sources = "".join(
        file.read_text("utf-8")
        for folder in ("services", "shared")
        for ending in ("*.py", "*.html")
        for file in (ROOT / folder).rglob(ending)
        if file.name != "words.py"
    )
    made = ("entrance-", "badge-", "kind-", "frequency-", "period-", "validity-", "strip-", "state-", "notice-",
            "title-", "label-", "role-", "accessibility-", "banner-", "apply-")  # fmt: skip
    unused = [
        key for key in WORDS
        if f'"{key}"' not in sources and f"'{key}'" not in sources
        and not key.startswith(made) and not key.endswith("-means")
    ]  # fmt: skip
    assert not unused


# --- home and lists


def test_home_has_its_parts_in_their_order(pages):
    """Search, emergencies, entrances, open now, latest, policies, bodies, subjects, corrections, subscription, footer."""
    html = pages["home zh-Hans"][1]
    assert in_order(
        html, "青禾县政府信息公开", "大字", "高对比", "想问什么", "石桥那段路什么时候通", "紧急信息", "政府信息公开指南", "政府信息公开制度",
        "法定主动公开内容", "政府信息公开年报", "依申请公开", "正在进行", "还剩", "最新公开", "政策与解读", "按部门", "县政府及办公室", "乡镇街道",
        "公共企事业单位", "按事项", "更正与撤回", "id=\"follow-title\"", "更新至", "主办", "承办", "地址", "电话", "网站标识码", "ICP备案",
        "公安备案", "政府网站找错", "站点地图", "无障碍声明", "数据与接口",
    )  # fmt: skip


def test_the_emergency_strip_is_there_only_while_something_is_open(county):
    """Without an open emergency the strip is not on the page."""
    calm = replace(county.home(), emergencies=())
    assert "紧急信息" in draw.render_home(county.home(), "zh-Hans", county.site)
    assert "紧急信息" not in draw.render_home(calm, "zh-Hans", county.site)


def test_an_empty_site_says_so(county):
    """A site without items has sentences, not empty lists."""
    html = draw.render_home(
        v.HomeView(), "zh-Hans", v.SiteView(county.site.settings, "http://127.0.0.1")
    )
    assert "还没有发布信息" in html
    assert not parsed(html).xpath("//ul[@class='rows'][not(li)]")


def test_lists_say_how_new_they_are_and_items_do_not(pages):
    """Only lists carry the number of the newest record event."""
    assert "更新至 2026年11月23日（周一）11:15:42 第 412 号" in pages["home zh-Hans"][1]
    assert all("更新至 2026" not in pages[key][1] for key in [*ITEMS, "version 1", "withdrawn"])


def test_a_blank_entry_says_when_and_who(county):
    """Instead of an empty list: when it was due, the three responsible persons, whom to call."""
    text = text_of(draw.render_entry(blank_entry(county), "zh-Hans", county.site))
    assert "应当在2026年11月23日（周一）前更新" in text
    assert all(word in text for word in ("李主任", "周副主任", "陈科员", "0551-60010012"))
    assert not parsed(draw.render_entry(blank_entry(county), "zh-Hans", county.site)).xpath(
        "//ul[@class='rows']"
    )


def test_an_unknown_entry_or_genre_is_its_own_name(county):
    """Free strings need no vocabulary."""
    row = replace(county.row(county.current(BUDGET)), genre="公开信")
    html = draw.render_department(
        v.DepartmentView(county.departments["finance"], latest=(row,), entries=(v.EntryLine("own.code", 1),)),
        "en", county.site,
    )  # fmt: skip
    assert "公开信" in html
    assert "own.code" in html


def test_calendar_lists_know_their_neighbours(pages):
    """A month leads to the newer and older month of the same scope."""
    tree = parsed(pages["month zh-Hans"][1])
    assert tree.xpath("//a[@rel='next']/@href") == [
        "/transport/catalogue/regulation.normative/calendar/2026/12/"
    ]
    assert tree.xpath("//a[@rel='prev']/@href") == [
        "/transport/catalogue/regulation.normative/calendar/2026/10/"
    ]


# --- items


def test_an_item_has_its_parts_in_their_order(county):
    """Breadcrumb, status, title, meta, key facts, table, text, attachments, related, versions, cite, delivery, tools."""
    state = county.current(CLOSURE)
    attachment = county.current(POLICY).attachments
    view = replace(
        county.item_view(CLOSURE), state=state.model_copy(update={"attachments": attachment})
    )
    assert in_order(
        draw.render_item(view, "zh-Hans", county.site), "当前位置", "进行中", "<h1", "第 2 版", "一看就懂", "什么事", "什么时候", "在哪里",
        "问谁", "tel:055160030110", "索引号", "主题分类", "发文机关", "发文字号", "成文日期", "发布日期", "公开类别", "公开方式", "体裁", "公开主体",
        "责任科室", 'id="text"', "附件", "DOCX", "18 KB", "相关信息", "版本", "引用与核验", "永久链接", "<svg", "JSON", "SHA-256",
        "发布序号", "送达", "/api/items/transport/s207-shiqiao-closure", "打印", "大字", "订阅本部门", "本页纠错",
    )  # fmt: skip


def test_empty_rows_are_left_out(county):
    """What the record does not hold is not shown as an empty cell."""
    state = county.current(BUDGET).model_copy(
        update={"document_number": None, "effective_on": None, "genre": None}
    )
    tree = parsed(
        draw.render_item(replace(county.item_view(BUDGET), state=state), "zh-Hans", county.site)
    )
    labels = [dt.text_content() for dt in tree.xpath("//dl[@class='record']//dt")]
    assert not {"发文字号", "施行日期", "失效日期", "体裁"} & set(labels)
    assert all(dd.text_content().strip() for dd in tree.xpath("//dl[@class='record']//dd"))


def test_an_item_page_depends_on_its_own_record_only(county):
    """Day and sequence of the site change no page of an item without a period."""
    later = with_site(county, today=TODAY + timedelta(days=400), sequence=99_999, updated_at=None)
    assert item_page(county, BUDGET) == item_page(county, BUDGET, later)


def test_the_days_left_come_from_the_records_day(county):
    """With the passing of days the closure's page counts down, then says that it is over."""

    def strip(days: int) -> str:
        at = datetime.combine(TODAY + timedelta(days=days), time(12), ZONE)
        page = parsed(item_page(county, CLOSURE, with_site(county, today=at.date(), now=at)))
        return str(page.xpath("//p[contains(@class, 'strip')]")[0].text_content())

    assert "还剩 26 天" in strip(0)
    assert "还剩 1 天" in strip(25)
    assert "今天 18:00 截止" in strip(26)
    assert "已结束" in strip(27)


def test_only_items_with_an_unfinished_period_wait_for_the_day(county):
    """The page of an item needs rendering at midnight only while its period is pending or open."""
    noon = datetime.combine(TODAY, time(12), ZONE)
    assert periods.waits_for_day(county.current(CLOSURE), noon)
    assert not periods.waits_for_day(county.current(CLOSURE), noon + timedelta(days=60))
    assert not periods.waits_for_day(county.current(BUDGET), noon)


def test_a_period_that_opened_after_the_newest_day_event_is_open(county):
    """An item's own change is as good a clock as the day event: opened at nine, published at ten, open."""
    state = county.current(CLOSURE)
    opened = state.model_copy(update={"updated_at": state.period.opens_at + timedelta(hours=1)})
    midnight = with_site(county, now=state.period.opens_at - timedelta(hours=9))
    text = text_of(
        draw.render_item(replace(county.item_view(CLOSURE), state=opened), "zh-Hans", midnight)
    )
    assert "进行中" in text


@pytest.mark.parametrize(
    ("closes", "said"),
    [
        ("2026-11-25T23:59:00+08:00", "2026年11月25日（周三）截止，还剩 2 天。"),
        ("2026-11-26T00:00:00+08:00", "2026年11月25日（周三）截止，还剩 2 天。"),
        ("2026-11-23T17:30:00+08:00", "2026年11月23日（周一）17:30截止，今天 17:30 截止。"),
        ("2026-11-24T00:00:00+08:00", "2026年11月23日（周一）截止，今天截止。"),
    ],
)
def test_the_end_of_a_period_is_said_as_readers_say_it(county, closes, said):
    """Midnight belongs to the day before; the end of a day needs no time."""
    state = county.current(BUDGET)
    period = {"kind": "consultation", "opens_at": "2026-11-01T00:00:00+08:00", "closes_at": closes}
    state = ItemState.model_validate({**state.model_dump(by_alias=True), "period": period})
    assert said in text_of(
        draw.render_item(replace(county.item_view(BUDGET), state=state), "zh-Hans", county.site)
    )


def test_a_repealed_document_says_by_what_and_since_when(county):
    """A full sentence with title, number, link and date; before the record draws the consequence, only what is declared."""
    key = "county-government/elderly-allowance-2019"
    declared = text_of(item_page(county, key))
    assert "有新规定" in declared and "自2026年3月1日起" in declared
    view = county.item_view(key)
    repealed = replace(view, state=view.state.model_copy(update={"validity": "repealed"}))
    html = draw.render_item(repealed, "zh-Hans", county.site)
    assert "已废止" in html and f'href="{county.current(POLICY).url}"' in html
    assert (
        "本文件已被《青禾县人民政府关于印发《青禾县高龄津贴发放办法》的通知》（禾政发〔2026〕3号）取代，自2026年3月1日起。"
        in text_of(html)
    )


def test_policy_and_explainer_lead_to_each_other(county):
    """The policy lists its explainer first, the explainer its policy."""
    assert "有政策解读" in item_page(county, POLICY)
    assert in_order(item_page(county, POLICY), 'id="related"', "政策解读", "取代")
    explainer = next(
        k
        for k, s in county.items.items()
        if any(r.target == POLICY and r.type == "interprets" for r in s[-1].relations)
    )
    assert county.current(POLICY).url in item_page(county, explainer)


def test_history_brought_in_shows_both_dates(county):
    """发布日期 is the day of first publication; the day it came in stands beside it."""
    key = "county-government/old-bridge-protection-2014"
    state = county.current(key).model_copy(
        update={"published_at": datetime(2026, 11, 20, 1, tzinfo=ZONE)}
    )
    text = text_of(
        draw.render_item(replace(county.item_view(key), state=state), "zh-Hans", county.site)
    )
    assert re.search(r"2014年\d+月\d+日（2026年11月20日 迁入）", text)


def test_frames_follow_the_items_language(county):
    """English and Traditional items stand in their own frames, anything else in the Simplified one, marked."""
    assert (
        parsed(item_page(county, "county-government/foreign-residents-guide")).get("lang") == "en"
    )
    assert parsed(item_page(county, "county-government/taiwan-compatriots")).get("lang") == "zh-TW"
    state = county.current(BUDGET).model_copy(update={"language": "ar"})
    html = draw.render_item(
        replace(county.item_view(BUDGET), state=state), frame_language("ar"), county.site
    )
    tree = parsed(html)
    assert tree.get("lang") == "zh-CN"
    (text,) = tree.xpath("//div[@id='text']")
    assert (text.get("lang"), text.get("dir")) == ("ar", "rtl")


def test_an_item_on_application_says_how_to_apply(county):
    """Without a text the page leads to the body's way of applying."""
    state = county.current(BUDGET).model_copy(update={"body": None, "disclosure": "on_application"})
    html = draw.render_item(replace(county.item_view(BUDGET), state=state), "zh-Hans", county.site)
    assert "/finance/guide/apply/" in html
    assert "怎样申请" in text_of(html)


def test_times_of_delivery_are_never_in_the_file(county):
    """The delivery passport is a link; the page holds no times of it."""
    tree = parsed(item_page(county, BUDGET))
    (section,) = tree.xpath("//section[@class='delivery']")
    assert section.xpath(".//a/@href") == ["/api/items/finance/budget-2026"]
    assert not section.xpath(".//time")


def test_json_ld_of_a_regulation_is_legislation(county):
    """A regulation with a number is schema.org Legislation, in force; a notice is an Article."""
    (block,) = parsed(item_page(county, POLICY)).xpath(
        "//script[@type='application/ld+json']/text()"
    )
    data = json.loads(block)
    assert data["@type"] == "Legislation"
    assert data["legislationIdentifier"] == "禾政发〔2026〕3号"
    assert data["legislationLegalForce"] == "https://schema.org/InForce"
    (other,) = parsed(item_page(county, CLOSURE)).xpath(
        "//script[@type='application/ld+json']/text()"
    )
    assert json.loads(other)["@type"] == "Article"


def test_a_sealed_version_has_neither_link_nor_note(county):
    """The list of versions says that it is sealed, and no more."""
    view = county.item_view(CLOSURE)
    first, second = view.state.history
    history = [first.model_copy(update={"sealed": True, "note": "隐私"}), second]
    sealed = replace(
        view, state=view.state.model_copy(update={"history": history}), versions_kept=(2,)
    )
    html = draw.render_item(sealed, "zh-Hans", county.site)
    assert "已封存" in html
    assert "隐私" not in html
    assert f'{view.state.url}v1/"' not in html
    assert "#changes" not in html


# --- versions and notices


def test_a_version_marks_its_changes(pages, county):
    """The new page shows how many changes there are, jumps to each, and marks them with hidden words."""
    tree = parsed(pages["version 2"][1])
    jumps = tree.xpath("//a[@class='jump']/@href")
    assert jumps
    assert f"正文改动 {len(jumps)} 处" in text_of(pages["version 2"][1])
    assert tree.xpath("//ins") and tree.xpath("//del")
    assert all("（新增开始）" in node.text_content() for node in tree.xpath("//ins"))
    assert "更正说明：封闭时间延长" in text_of(pages["version 2"][1])


def test_an_old_version_leads_to_the_current_one(pages, county):
    """The banner of an old version names no newer number, so that it never changes again."""
    html = pages["version 1"][1]
    assert "这是旧版" in html
    assert f'href="{county.current(CLOSURE).url}">看现行版' in html
    assert not parsed(html).xpath("//ins | //del")


def test_a_withdrawn_item_keeps_title_and_reason(pages, county):
    """Title, dates, reason; nothing of the text."""
    html = pages["withdrawn"][1]
    text = text_of(html)
    assert county.items[WITHDRAWN][0].title in text
    assert county.current(WITHDRAWN).reason in text
    assert "撤回时间" in text and "发布日期" in text
    assert 'name="robots" content="noindex"' in html


@pytest.mark.parametrize("kind", ["gone", "redirect", "vanish"])
def test_other_notices_say_no_title(pages, county, kind):
    """gone, redirect and vanish show neither title nor text; vanish not even the number."""
    html = pages[kind][1]
    assert county.items[WITHDRAWN][0].title not in html
    assert ("索引号" in html) == (kind != "vanish")
    assert ('http-equiv="refresh"' in html) == (kind == "redirect")


def test_a_redirect_to_a_script_leads_nowhere(county):
    """Only http addresses and paths of this site are links."""
    state = county.current(WITHDRAWN).model_copy(
        update={"state": "redirect", "redirect_to": "javascript:alert(1)", "title": None}
    )
    html = draw.render_notice(v.NoticeView(state), "zh-Hans", county.site)
    assert 'href="javascript:' not in html
    assert "url=javascript:" not in html


# --- the shipped list of what makes a page


def test_the_digest_is_stable_and_knows_the_templates():
    """A rebuild is called for by a digest over templates, words, looks and the code of pages."""
    assert re.fullmatch("[0-9a-f]{64}", draw.digest())
    assert (Path(draw.HERE) / "item.html").is_file()


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2024, 2, 29)])
def test_calendar_paths_are_ascii(day):
    """Paths of lists are plain ASCII, below words that no body may be called."""
    path = paths.calendar(
        "transport", "regulation.normative", year=day.year, month=day.month, day=day.day
    )
    assert path == f"/transport/catalogue/regulation.normative/calendar/{day:%Y/%m/%d}/"
