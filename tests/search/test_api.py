"""`GET /api/search`: what is found, in which order, how it is shown, and what is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.events.record import DepartmentState, ItemState, Names, SiteState
from tests.search.conftest import Running, standing
from tests.search.items import item_id, state

pytestmark = pytest.mark.timeout(90)


def county() -> list[ItemState | DepartmentState | SiteState]:
    """A small county: what residents ask for, and what is near to it."""
    closure = (
        "<h2>为什么封闭</h2><p>桥墩支座损坏，大货车通行有危险。</p>"
        "<p>S207省道石桥段封闭施工，车辆绕行X012县道。&lt;b&gt;不要&lt;/b&gt;闯入。</p>"
    )
    return [
        DepartmentState(
            code="transport",
            version=1,
            names=Names.model_validate({"zh-Hans": "交通运输局", "en": "Transport Bureau"}),
            contact={"phone": "0551-60030110"},
        ),
        SiteState(
            key="catalogue",
            version=1,
            value={
                "entries": [
                    {
                        "code": "emergency",
                        "names": {"zh-Hans": "突发事件"},
                        "frequency": "real_time",
                    }
                ]
            },
        ),
        state(
            "closure",
            "关于S207省道石桥段封闭施工的通告",
            closure,
            department="transport",
            catalogue="emergency",
            genre="通告",
            topics=["交通、公路"],
            day=300,
            summary="石桥大桥封路加固，12月18日通车。",
        ),
        state(
            "allowance-2026",
            "关于印发《高龄津贴发放办法》的通知",
            "<p>本办法所称高龄津贴（老人补贴），80至89周岁每人每月60元。</p>",
            department="gov",
            catalogue="regulation.normative",
            document_number="禾政发〔2026〕3号",
            index_number="QH0001/2026-00003",
            validity="in_force",
            day=36,
        ),
        state(
            "allowance-2019",
            "关于印发《高龄津贴发放暂行办法》的通知",
            "<p>高龄津贴每人每月30元。</p>",
            catalogue="regulation.normative",
            document_number="禾政发〔2019〕3号",
            validity="repealed",
            first_published_on="2019-05-22",
            day=20,
        ),
        state(
            "explained",
            "《高龄津贴发放办法》政策解读",
            "<p>县政府印发了办法（禾政发〔2026〕3号）。</p>",
            department="civil-affairs",
            catalogue="interpretation",
            relations=[{"type": "interprets", "target": "gov/allowance-2026"}],
            day=37,
        ),
        state(
            "districts",
            "義務教育階段學區劃分一覽表",
            "<p>學區怎麼劃：依村、社區和路段列出每所學校的招生範圍。</p>",
            department="education",
            catalogue="welfare",
            language="zh-Hant",
            validity="amended",
            day=150,
        ),
        state(
            "hostile",
            "<script>石榴</script>",
            "<p>&lt;script&gt;alert(1)&lt;/script&gt; &lt;img src=x onerror=y&gt; 石榴</p>",
            day=5,
        ),
        state("road-names", "关于6条道路命名的公告", "<p>新建道路命名为稻香路。</p>", day=200),
        state("budget", "2026年预算公开", "<p>补贴支出增加，道路维修减少。</p>", day=10),
        state(
            "english", "School admissions policy", "<p>Policies for children.</p>", language="en"
        ),
    ]


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The edges over an index that holds the county."""
    async with standing(tmp_path_factory.mktemp("search"), county()) as still:
        yield still


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("路为什么封了", "closure"),
        ("老人补贴多少钱", "allowance-2026"),
        ("学区怎么划", "districts"),
        ("學區怎麼劃", "districts"),
        ("禾政发3号", "allowance-2026"),
        ("高龄津贴", "allowance-2026"),
        ("關於印發《高齡津貼發放暫行辦法》的通知", "allowance-2019"),
        ("school admission", "english"),
        ("禾政发〔2026〕3号 高龄津贴", "allowance-2026"),
        ("《高龄津贴发放暂行办法》（禾政发〔2019〕3号）", "allowance-2019"),
    ],
)
async def test_the_right_item_comes_first(service: Running, q: str, first: str):
    """Everyday questions, numbers by a part and titles in the other script find their item first."""
    hits = (await service.find(q))["hits"]
    assert hits[0]["source_id"] == first


@pytest.mark.parametrize(
    "spelling",
    [
        "禾政发〔2026〕3号", "禾政发[2026]3号", "禾政发(2026)3号", "禾政发［2026］3号", "禾政发【2026】3号", "禾政发2026 3号",
        "禾政发 〔2026〕 3 号", "禾政發〔２０２６〕３號", "禾政发20263", "禾政发〔2026〕第3号", "QH0001/2026-00003", "qh0001 2026 3",
    ],
)  # fmt: skip
async def test_a_number_finds_its_item_in_every_spelling(service: Running, spelling: str):
    """Own number first, then who cites it, and nobody else."""
    hits = (await service.find(spelling))["hits"]
    assert hits[0]["source_id"] == "allowance-2026"
    assert {hit["source_id"] for hit in hits} <= {"allowance-2026", "explained"}


async def test_a_number_by_a_part_prefers_the_newest_year(service: Running):
    """禾政发3号 is the one of 2026, then that of 2019."""
    found = await service.find("禾政发3号")
    named = [hit["source_id"] for hit in found["hits"]]
    assert named.index("allowance-2026") < named.index("allowance-2019")


async def test_an_answer_is_as_the_contract_says(service: Running):
    """Every field of the contract, and no other."""
    found = await service.find("石桥")
    assert set(found) == {"total", "hits", "facets", "took_ms"}
    [hit] = found["hits"]
    assert found["total"] == 1
    assert set(hit) == {
        "item_id", "source_id", "department", "title", "url", "snippet", "score", "published_at", "document_number",
        "validity", "state",
    }  # fmt: skip
    assert hit["item_id"] == str(item_id("closure"))
    assert hit["title"] == "关于S207省道石桥段封闭施工的通告"
    assert hit["url"] == "/transport/2026/closure/"
    assert hit["published_at"] == "2026-11-01T01:00:00Z"
    assert hit["state"] == "published"
    assert found["facets"]["department"] == [
        {"value": "transport", "label": "交通运输局", "count": 1}
    ]
    assert found["facets"]["catalogue"][0]["label"] == "突发事件"


async def test_a_snippet_is_whole_sentences_escaped_with_the_words_marked(service: Running):
    """The text as published, never its markup, with what was asked for in `<mark>`."""
    hit = (await service.find("绕行 县道"))["hits"][0]
    assert "<mark>绕行</mark>X012<mark>县道</mark>。" in hit["snippet"]
    assert "<b>" not in hit["snippet"]
    [traditional] = [
        h for h in (await service.find("招生范围"))["hits"] if h["source_id"] == "districts"
    ]
    assert "<mark>招生範圍</mark>" in traditional["snippet"]


async def test_an_empty_question_is_everything_newest_first(service: Running):
    """All items, by day of publication; history counts where it is told."""
    found = await service.find()
    days = [hit["published_at"] for hit in found["hits"]]
    assert found["total"] == 9
    assert days == sorted(days, reverse=True)
    assert days[-1] == "2019-05-21T16:00:00Z"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"department": "transport"}, {"closure"}),
        ({"catalogue": "regulation"}, {"allowance-2026", "allowance-2019"}),
        ({"catalogue": "regulation.normative"}, {"allowance-2026", "allowance-2019"}),
        ({"topic": "交通、公路"}, {"closure"}),
        ({"genre": "通告"}, {"closure"}),
        ({"year": "2019"}, {"allowance-2019"}),
        ({"validity": "in_force"}, {"allowance-2026", "districts"}),
        ({"validity": "amended"}, {"districts"}),
        ({"validity": "repealed"}, {"allowance-2019"}),
        ({"from": "2026-11-01"}, {"closure"}),
        ({"from": "2026-11-02"}, set()),
        ({"to": "2019-05-22"}, {"allowance-2019"}),
        ({"to": "2019-05-21"}, set()),
        ({"department": "nobody"}, set()),
        ({"department": "", "year": "", "from": "", "sort": ""}, None),
    ],
)
async def test_filters(service: Running, params: dict[str, str], expected: set[str] | None):
    """Each filter by itself; an empty one is none."""
    found = await service.find(**params)
    named = {hit["source_id"] for hit in found["hits"]}
    assert found["total"] == len(named)
    assert named == expected if expected is not None else len(named) == 9


async def test_a_facet_counts_over_the_other_filters(service: Running):
    """One's own choice leaves the other values to choose; other filters narrow them."""
    found = await service.find(department="transport", year="2026")
    bodies = {value["value"]: value["count"] for value in found["facets"]["department"]}
    assert bodies == {"gov": 5, "transport": 1, "civil-affairs": 1, "education": 1}
    assert found["facets"]["genre"] == [{"value": "通告", "label": "通告", "count": 1}]


async def test_pages_hold_everything_once(service: Running):
    """Page after page, each hit once; past the end nothing, with the same total."""
    pages = [await service.find("道路 补贴 学区 津贴", page=n, size=2) for n in range(1, 6)]
    seen = [hit["source_id"] for page in pages for hit in page["hits"]]
    assert [len(seen), len(set(seen))] == [pages[0]["total"]] * 2
    past = await service.find(page=1_000_000, size=100)
    assert (past["total"], past["hits"]) == (9, [])


async def test_only_straight_quotes_are_syntax(service: Running):
    """Text in straight quotes is exact; everything else that looks like syntax is text."""
    assert await service.titles('"封闭施工"') == ["关于S207省道石桥段封闭施工的通告"]
    assert await service.titles('"施工封闭"') == []
    for q in (
        "石桥 AND",
        "title:石桥",
        "石桥*",
        "石桥~2",
        "(石桥",
        "石桥 OR -",
        "+石桥",
        '石桥 "',
        "“石桥”",
    ):
        assert "关于S207省道石桥段封闭施工的通告" in await service.titles(q), q


async def test_newest_first_is_by_publication(service: Running):
    """`sort=newest` orders the same hits by day."""
    best = await service.find("道路 补贴")
    newest = await service.find("道路 补贴", sort="newest")
    days = [hit["published_at"] for hit in newest["hits"]]
    assert days == sorted(days, reverse=True)
    assert {h["source_id"] for h in best["hits"]} == {h["source_id"] for h in newest["hits"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "101"), ("size", "0"), ("size", "-1"), ("size", "ten"), ("page", "0"), ("page", "1e9"), ("page", "9" * 40),
        ("year", "MMXXVI"), ("from", "2026-02-30"), ("to", "today"), ("sort", "oldest"), ("validity", "new"),
        ("q", "长" * 1001), ("size", "１０"),
    ],
)  # fmt: skip
async def test_a_wrong_parameter_is_named(service: Running, name: str, value: str):
    """422 in problem+json, with the name of the parameter and what to do."""
    answer = await service.client.get("/api/search", params={name: value})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [problem] = answer.json()["problems"]
    assert problem["path"] == f"/query/{name}"
    assert problem["message"]
    assert problem["fix"]


async def test_all_that_is_wrong_is_said_at_once(service: Running):
    """Two wrong parameters and dates in the wrong order are three problems."""
    params = {"size": "0", "sort": "x", "from": "2026-02-01", "to": "2026-01-01"}
    answer = await service.client.get("/api/search", params=params)
    assert [p["path"] for p in answer.json()["problems"]] == [
        "/query/to",
        "/query/sort",
        "/query/size",
    ]


@pytest.mark.parametrize(
    "q", ["\x00", "\ud800", "😀", "\u202e", "a" * 1000, "道路 " * 300, '"' * 999, "%", "\\"]
)
async def test_any_question_is_answered(service: Running, q: str):
    """Whatever is typed, there is an answer."""
    params: Any = {"q": q.encode("utf-8", "surrogatepass")} if q == "\ud800" else {"q": q}
    answer = await service.client.get("/api/search", params=params)
    assert answer.status_code == 200


async def test_a_snippet_lets_no_markup_through(service: Running):
    """Text that looks like markup is text."""
    [hit] = (await service.find("石榴"))["hits"]
    assert hit["title"] == "<script>石榴</script>"
    assert not re.search(r"<(?!/?mark>)", hit["snippet"])
