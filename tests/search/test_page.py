"""The search page: what a reader sees, in three frames, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import lxml.html
import pytest

from services.search.words import WORDS
from tests.search.conftest import Running, standing
from tests.search.test_api import county


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The edges over an index that holds the county."""
    async with standing(tmp_path_factory.mktemp("search"), county()) as still:
        yield still


def having(page: Any, kind: str, below: str = "") -> list[Any]:
    """Return the elements of a class, below one of another class if given."""

    def of(name: str) -> str:
        return f'[contains(concat(" ", @class, " "), " {name} ")]'

    return list(page.xpath(f"//*{of(below)}//*{of(kind)}" if below else f"//*{of(kind)}"))


def text(element: Any) -> str:
    """Return the text of an element with single blanks."""
    return " ".join("".join(element.itertext()).split())


async def tree(service: Running, address: str) -> Any:
    """Return a page as a tree."""
    return lxml.html.fromstring(await service.page(address))


async def links(service: Running, address: str) -> dict[str, str]:
    """Return the page's links by their words."""
    return {text(a): a.get("href") for a in (await tree(service, address)).iter("a")}


@pytest.mark.parametrize(
    ("address", "tag", "words"),
    [
        ("/search?q=津贴", "zh-CN", ["只看有效", "部门", "公开类别", "订阅这个搜索"]),
        ("/zh-tw/search?q=津贴", "zh-TW", ["只看現行", "機關", "公開類別", "訂閱此搜尋"]),
        (
            "/en/search?q=津贴",
            "en",
            ["Only in force", "Body", "Category", "Subscribe to this search"],
        ),
    ],
)
async def test_the_page_stands_in_three_frames(
    service: Running, address: str, tag: str, words: list[str]
):
    """Each frame has its own words; the texts stay as they are."""
    page = await service.page(address)
    assert f'<html lang="{tag}">' in page
    assert [word for word in words if word not in page] == []
    assert "关于印发《高龄津贴发放办法》的通知" in page


def test_every_word_exists_in_three_languages():
    """No frame falls back to another language, and places for values are the same in each."""
    for key, said in WORDS.items():
        assert set(said) == {"zh-Hans", "zh-Hant", "en"}, key
        assert len({tuple(sorted(re.findall(r"{\w+}", text))) for text in said.values()}) == 1, key


async def test_a_number_stands_on_top_as_a_card(service: Running):
    """The item that bears the number is one card above the others, and not once more below."""
    page = await tree(service, "/search?q=禾政发3号")
    [card] = having(page, "exact")
    assert "关于印发《高龄津贴发放办法》的通知" in text(card)
    below = [text(title) for title in having(page, "hit-title", "hits")]
    assert below
    assert not any("关于印发《高龄津贴发放办法》的通知" in title for title in below)


async def test_a_policy_and_its_explainer_are_one_hit(service: Running):
    """The 解读 stands below its policy, not as a row of its own."""
    page = await tree(service, "/search?q=高龄津贴发放办法")
    titles = [text(title) for title in having(page, "hit-title", "hits")]
    assert not any("政策解读" in title for title in titles)
    [below] = having(page, "explained", "hits")
    assert "《高龄津贴发放办法》政策解读" in text(below)


async def test_badges_say_what_holds(service: Running):
    """In force, amended and repealed are words."""
    page = await service.page("/search?q=高龄津贴")
    assert '<span class="badge in-force">有效</span>' in page
    assert '<span class="badge repealed">已废止</span>' in page


async def test_a_facet_is_a_link_and_a_chosen_one_can_be_removed(service: Running):
    """Choosing narrows, the chip widens again, and everything else chosen stays."""
    offered = await links(service, "/search?q=石桥+津贴&sort=newest")
    assert parse_qs(urlsplit(offered["交通运输局"]).query) == {
        "q": ["石桥 津贴"], "department": ["transport"], "sort": ["newest"],
    }  # fmt: skip
    narrowed = await links(service, offered["交通运输局"])
    [remove] = [href for words, href in narrowed.items() if words.startswith("交通运输局 ×")]
    assert parse_qs(urlsplit(remove).query) == {"q": ["石桥 津贴"], "sort": ["newest"]}


async def test_only_in_force_is_one_link(service: Running):
    """It filters, says that it is on, and is taken off by the same words."""
    on = (await links(service, "/search?q=津贴"))["只看有效"]
    page = await service.page(on)
    assert "暂行办法" not in page
    off = (await links(service, on))["只看有效"]
    assert parse_qs(urlsplit(off).query) == {"q": ["津贴"]}


async def test_the_box_keeps_question_and_filters(service: Running):
    """A new question keeps what was chosen; wrong parameters are left out instead of failing."""
    page = await tree(service, "/search?q=津贴&department=gov&from=2026-01-01&size=999&sort=x")
    [form] = having(page, "search")
    fields = {field.get("name"): field.get("value") for field in form.iter("input")}
    assert fields == {"q": "津贴", "department": "gov", "from": "2026-01-01"}


async def test_pages_lead_on_and_back(service: Running):
    """Numbers, previous and next; the other frames lead to the same page of the same search."""
    on_second = await links(service, "/search?size=3&page=2")
    assert parse_qs(urlsplit(on_second["下一页"]).query)["page"] == ["3"]
    assert urlsplit(on_second["上一页"]).query == "size=3"
    assert on_second["ENEnglish"] == "/en/search?size=3&page=2"


async def test_nothing_found_says_what_helps(service: Running):
    """What was left out, the nearest titles, whom to ask with the hotline, and how to apply."""
    page = unescape(await service.page("/search?q=" + quote('"石桥断裂" 怎么办')))
    assert "没有找到" in page
    assert "没有按这些字查：怎么" in page
    assert "关于S207省道石桥段封闭施工的通告" in page
    assert "交通运输局" in page
    assert 'href="tel:055160030110"' in page
    assert 'href="tel:12345"' in page
    assert 'href="/guide/apply/"' in page


async def test_filters_that_leave_nothing_are_offered_for_removal(service: Running):
    """When the words alone would find something, one link takes the filters off."""
    offered = await links(service, "/search?q=石桥&year=2019")
    [words] = [words for words in offered if words.startswith("去掉筛选条件")]
    assert words == "去掉筛选条件，有 1 条"
    assert parse_qs(urlsplit(offered[words]).query) == {"q": ["石桥"]}


async def test_a_page_past_the_end_leads_back(service: Running):
    """No such page: say so, with a way back."""
    offered = await links(service, "/search?q=津贴&page=99")
    assert offered["回到第 1 页"] == "/search?q=" + quote("津贴")


async def test_hostile_text_is_inert(service: Running):
    """Question, title and text with markup in them stay text."""
    page = await service.page("/search?q=" + quote('石榴 "><script>alert(2)</script>'))
    assert "<script>alert" not in page
    assert "<script>石榴" not in page
    assert "&lt;script&gt;石榴&lt;/script&gt;" in page


async def test_nothing_comes_from_elsewhere(service: Running):
    """No foreign request, no inline script or style; the sheet is ours and kept for ever."""
    page = await tree(service, "/search?q=津贴")
    loaded = page.xpath("//link[@rel='stylesheet'] | //script | //img")
    sources = [e.get("src") or e.get("href") for e in loaded]
    assert all(source.startswith("/") for source in sources)
    assert page.xpath("//style | //*[@style] | //*[@onclick]") == []
    [sheet] = [source for source in sources if source.startswith("/search/")]
    answer = await service.client.get(sheet)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]


async def test_the_page_is_not_for_other_search_engines(service: Running):
    """Results are not indexed by others."""
    answer = await service.client.get("/search?q=津贴")
    assert answer.headers["x-robots-tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in answer.text
