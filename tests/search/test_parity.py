"""The two engines rank alike: what one instance finds, another finds in the same order, whatever it runs on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from benchmarks.search_quality import ZONE
from services.demo.dates import dated
from services.search.engines import opensearch
from services.search.engines.cluster import ClusterShelf
from services.search.engines.engine import FACETS, Engine
from services.search.engines.opensearch import OpenSearchEngine
from services.search.engines.tantivy import TantivyEngine
from services.search.engines.wire import address_of
from services.search.queries import Wanted, plan, search
from services.search.rules import telling
from services.search.rules.ask import Ask, Term
from services.search.rules.card import Card
from services.search.rules.question import understand
from services.sender.reading import read_folder
from tests.search.items import card, item_id
from tests.search.test_quality import SAMPLES

Pair = tuple[Engine, OpenSearchEngine]

QUESTIONS = (
    "道路封闭", "石桥段什么时候通车", "老人补贴多少钱", "怎么申请高龄津贴", "学区划分 石桥", "學區怎麼劃", "县政府办公室通知",
    "禾政发〔2026〕3号", "关于印发管理办法的通知", "road closure", "每月六十元", "\"高龄津贴\" 发放", "公租房 名单 公示",
    "根据国家有关规定结合本县实际对全县道路交通安全和农村公路养护管理工作作出安排部署并且要求各乡镇各部门认真执行",
)  # fmt: skip
WORDS = "道路 封闭 施工 学区 津贴 高龄 石桥 绕行 标准 通知 办法 申请 公示 发放 管理 农村 公路 安全 养护 执行".split()


def texts(number: int) -> list[Card]:
    """Return cards of random words, the same at every call; one in ten is without words of its own."""
    chance = random.Random(7)
    return [
        card(
            f"n{n}",
            "".join(chance.choices(WORDS, k=chance.randint(1, 5))),
            f"<p>{''.join(chance.choices(WORDS, k=chance.randint(3, 60)))}</p>" if n % 10 else "",
            sequence=n + 1,
            day=chance.randint(0, 700),
            department=chance.choice(["gov", "transport", "education"]),
        )
        for n in range(number)
    ]


@pytest.fixture
def pair(tmp_path: Path, search_url: str) -> Iterator[Pair]:
    """An empty index of each engine."""
    embedded = TantivyEngine(tmp_path)
    shelf = ClusterShelf(address_of(search_url))
    shelf.swap(*shelf.begin(), UUID(int=1))
    assert isinstance(shelf.engine, OpenSearchEngine)
    yield embedded, shelf.engine
    embedded.close()
    shelf.close()


def scores(engine: Engine, ask: Ask) -> dict[str, float]:
    """Return the score of every hit."""
    hits = engine.search(ask, offset=0, limit=400, newest=False).hits
    stored = engine.read(hits)
    return {each.item_id: hit.score for hit, each in zip(hits, stored, strict=True)}


def test_fresh_indexes_rank_alike(pair: Pair):
    """On a fresh index both engines give the same hits with the same scores, and the same totals."""
    for engine in pair:
        engine.write(texts(300))
    found = 0
    for q in QUESTIONS:
        asks = [plan(engine, understand(q)) for engine in pair]
        assert asks[0] == asks[1], q
        totals = [engine.count(asks[0]) for engine in pair]
        assert totals[0] == totals[1], q
        ours, theirs = (scores(engine, asks[0]) for engine in pair)
        assert theirs == pytest.approx(ours, rel=1e-3), q
        found += bool(ours)
    assert found >= len(QUESTIONS) // 2


def test_tombstones_count_alike(pair: Pair):
    """Items that are gone are documents to both engines, so that they weigh words alike (with a filler in their fields)."""
    gone = [card(f"gone{n}", None, None, sequence=900 + n, state="gone") for n in range(100)]
    for engine in pair:
        engine.write([*texts(100), *gone])
    for q in QUESTIONS[:4]:
        ours, theirs = (scores(engine, plan(engine, understand(q))) for engine in pair)
        assert theirs == pytest.approx(ours, rel=0.03), q
        assert ours


def test_the_demo_county_is_found_alike(pair: Pair):
    """On the sample items both engines answer every question with the same hits, totals and facets."""
    from benchmarks.search_quality import state_of
    from services.search.rules.card import card_of

    put_dates = dated(date(2026, 11, 23), ZONE)
    rows = [
        (folder.name, {"source_id": line.source_id, "data": {"review": None, "change": None} | line.data})
        for folder in sorted(path for path in SAMPLES.iterdir() if path.is_dir())
        for line in read_folder(folder, transform=put_dates)
        if "title" in line.data and "body" in line.data
    ]  # fmt: skip
    for engine in pair:
        engine.write(
            [card_of(state_of(row, n, name), ZONE) for n, (name, row) in enumerate(rows, 1)]
        )
    for q in (
        *QUESTIONS,
        "低保标准",
        "末班车几点",
        "充电桩电价",
        "养老院多少钱一个月",
        "今天暴雨停课吗",
    ):
        one, other = (search(engine, Wanted(q=q)) for engine in pair)
        assert one.total == other.total, q
        assert one.facets == other.facets, q
        firsts = [[hit.stored.item_id for hit in results.hits[:3]] for results in (one, other)]
        assert firsts[0] == firsts[1], q


def test_after_changes_the_same_is_found(pair: Pair):
    """After updates and withdrawals totals and hits are the same; the order nearly, until the engines have merged."""
    cards = texts(300)
    changed = [
        card(f"n{n}", "道路养护通知", "<p>公路安全</p>", version=2, sequence=400 + n)
        for n in range(0, 60, 2)
    ] + [
        card(f"n{n}", None, None, version=2, sequence=400 + n, state="gone")
        for n in range(1, 60, 4)
    ]
    for engine in pair:
        engine.write(cards)
        engine.write(changed)
    overlaps = []
    for q in QUESTIONS:
        ask = plan(pair[0], understand(q))
        one, other = (engine.search(ask, offset=0, limit=400, newest=False) for engine in pair)
        assert one.total == other.total, q
        names = [
            [s.item_id for s in e.read(f.hits)] for e, f in zip(pair, (one, other), strict=True)
        ]
        assert set(names[0]) == set(names[1]), q
        if one.total >= 10:
            overlaps.append(len(set(names[0][:10]) & set(names[1][:10])) / 10)
        counts = [engine.facets(ask, FACETS, size=50) for engine in pair]
        assert counts[0] == counts[1], q
    assert overlaps
    assert min(overlaps) >= 0.7
    assert sum(overlaps) / len(overlaps) >= 0.9


def test_common_terms_are_left_out_alike(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    """In a large index both engines leave the same common terms of a long question out of the score."""
    for engine in pair:
        engine.write(texts(200))
    long = understand(QUESTIONS[-1]).score
    assert len(long) > telling.ALWAYS
    monkeypatch.setattr(opensearch, "COMMON", 0)
    held = pair[1]._held_by(long)
    searcher = pair[0]._index.searcher()  # type: ignore[attr-defined]
    assert held == [searcher.doc_freq(term.field, term.value) for term, _ in long]
    assert any(held)
    monkeypatch.setattr(telling, "COMMON", 3)
    kept = telling.telling(long, held)
    assert telling.ALWAYS <= len(kept) < len(long)


def test_several_shards_rank_as_one(pair: Pair, search_url: str):
    """With several shards terms are counted over all of them: the same scores, totals and facets."""
    sharded = ClusterShelf(address_of(f"{search_url}-sharded?shards=3"))
    sharded.swap(*sharded.begin(), UUID(int=1))
    for engine in (pair[1], sharded.engine):
        engine.write(texts(300))
    for q in QUESTIONS:
        ask = plan(pair[1], understand(q))
        assert scores(sharded.engine, ask) == pytest.approx(scores(pair[1], ask), rel=1e-3), q
        assert sharded.engine.facets(ask, FACETS, size=50) == pair[1].facets(ask, FACETS, size=50)
    assert sharded.engine.versions([str(item_id("n1"))]) == {str(item_id("n1")): 1}
    sharded.close()


def test_the_filler_is_no_word_of_any_question():
    """What stands in empty fields can be asked for, and finds nothing."""
    terms = [term for term, _ in understand(opensearch.FILLER).score]
    assert Term("words", opensearch.FILLER) not in terms
