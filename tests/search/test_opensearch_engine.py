"""OpenSearch does what every engine must, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest

from services.search.engines import opensearch
from services.search.engines.cluster import ClusterShelf
from services.search.engines.engine import Engine, HitGone, SearchDown
from services.search.engines.opensearch import CardRefused, OpenSearchEngine
from services.search.engines.wire import address_of
from services.search.queries import Wanted, search
from services.search.rules.ask import Ask
from services.search.rules.card import Stored
from tests.search.engine_contract import EngineContract, found, ids, words
from tests.search.items import card, item_id

EPOCH = UUID("00000000-0000-4000-8000-000000000001")


@pytest.fixture
def shelf(search_url: str) -> Iterator[ClusterShelf]:
    """An empty index on the cluster."""
    opened = ClusterShelf(address_of(search_url))
    opened.swap(*opened.begin(), EPOCH)
    yield opened
    opened.close()


@pytest.fixture
def engine(shelf: ClusterShelf) -> OpenSearchEngine:
    """The engine of an empty index."""
    return cast("OpenSearchEngine", shelf.engine)


class TestOpenSearch(EngineContract):
    """OpenSearch passes the suite."""


def test_an_older_version_changes_nothing(engine: Engine):
    """In whatever order versions come, the newest stands; the others of the batch are taken."""
    engine.write([card("a", "新标题", version=3)])
    engine.write([card("a", "旧标题", version=2), card("b", "别的")])
    assert found(engine, words("标题")) == ["a"]
    assert engine.versions([str(item_id(name)) for name in "ab"]) == {
        str(item_id("a")): 3,
        str(item_id("b")): 1,
    }
    assert {stored.facts["title"] for stored in everything(engine)} == {"新标题", "别的"}


def everything(engine: Engine) -> list[Stored]:
    """Return what is kept of every hit there is."""
    return engine.read(engine.search(Ask(), offset=0, limit=99, newest=True).hits)


def test_a_tombstone_keeps_older_versions_out_for_ever(engine: Engine, shelf: ClusterShelf):
    """No event that comes late brings a gone item back, and nothing of the item is left in its document."""
    engine.write([card("a", "石桥段封闭施工", "<p>绕行县道。</p>")])
    engine.write([card("a", None, None, version=3, state="gone")])
    engine.write([card("a", "石桥段封闭施工", "<p>绕行县道。</p>", version=2)])
    assert found(engine, Ask(), newest=True) == []
    raw = shelf._wire.call(lambda c: c.search(index=f"{shelf._name}-held", body={}))
    [document] = [hit["_source"] for hit in raw["hits"]["hits"]]
    assert (document["version"], document["gone"]) == (3, True)
    assert document["kept"] == {"facts": {}, "text": ""}
    assert "石桥" not in json.dumps(document, ensure_ascii=False)


def test_one_card_that_is_refused_does_not_hide_the_others(engine: Engine):
    """Each card of a batch has its own answer: the refused one is named, the rest is there."""
    broken = replace(card("b", "道路"), order=2**70)  # no engine's integer holds that
    with pytest.raises(CardRefused, match=str(item_id("b"))):
        engine.write([card("a", "道路"), broken, card("c", "道路")])
    engine.write([card("d", "道路")])
    assert set(found(engine, words("道路"))) == {"a", "c", "d"}


def test_a_cluster_that_takes_no_more_is_waited_for(
    engine: OpenSearchEngine, monkeypatch: pytest.MonkeyPatch
):
    """Cards that the cluster had no room for are sent again, and only these."""
    monkeypatch.setattr(opensearch, "_OVERLOADED", (0.0, 0.0))
    sent: list[int] = []
    real = engine._sent

    async def full(client: Any, actions: list[str]) -> list[str]:
        sent.append(len(actions) // 2)
        return await real(client, actions[:2]) + actions[2:]

    monkeypatch.setattr(engine, "_sent", full)
    engine.write([card(name, "道路") for name in "abc"])
    assert sent == [3, 2, 1]
    assert set(found(engine, words("道路"))) == {"a", "b", "c"}
    with pytest.raises(SearchDown):
        engine.write([card(name, "学区") for name in "wxyz"])


def test_a_large_batch_goes_in_requests_of_bounded_size(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    """Cards of any size are sent in pieces that the cluster's memory bears; a card above the bound goes alone."""
    monkeypatch.setattr(opensearch, "_BULK_BYTES", 20_000)
    cards = [
        card(f"n{n}", "道路", f"<p>{'封闭施工' * (500 if n % 5 == 0 else 5)}</p>")
        for n in range(30)
    ]
    pieces = list(opensearch._bulks(cards))
    assert len(pieces) > 5
    assert sum(len(lines) for lines in pieces) == 60
    assert {2} <= {len(lines) for lines in pieces}
    engine.write(cards)
    assert engine.count(words("道路")) == 30


@pytest.mark.parametrize("newest", [True, False])
def test_pages_beyond_the_window_are_reached(
    search_url: str, monkeypatch: pytest.MonkeyPatch, newest: bool
):
    """Deep pages neither fail nor overlap, though one request reaches only so far."""
    monkeypatch.setattr(opensearch, "DEEPEST", 20)
    shelf = ClusterShelf(address_of(search_url))
    shelf.swap(*shelf.begin(), EPOCH)
    shelf.engine.write([card(f"n{n}", "道路", day=n % 3, sequence=n) for n in range(95)])
    seen: list[str] = []
    for offset in range(0, 110, 10):
        answer = shelf.engine.search(words("道路"), offset=offset, limit=10, newest=newest)
        assert answer.total == 95
        seen += ids(shelf.engine, answer.hits)
    assert len(seen) == len(set(seen)) == 95
    shelf.close()


def test_the_longest_question_is_answered(engine: Engine):
    """A question of the greatest length, every word different and with synonyms, is not too much for the engine."""
    engine.write([card("a", "高龄津贴发放标准", "<p>" + LONG[:300] + "</p>")])
    for q in (LONG[:1000], " ".join(f"w{n}" for n in range(300))[:1000], "补贴 路 学校 " * 100):
        results = search(engine, Wanted(q=q))
        assert results.total in {0, 1}


LONG = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 1000))
"""A thousand different characters."""


def test_a_hit_that_is_taken_away_before_it_is_read_is_asked_for_again(
    engine: OpenSearchEngine, monkeypatch: pytest.MonkeyPatch
):
    """An item withdrawn between finding and reading is no hit, and the total does not count it."""
    engine.write([card("a", "道路"), card("b", "道路")])
    real = engine.read

    def late(hits: Any) -> list[Stored]:
        engine.write([card("a", None, None, version=2, state="gone")])
        return real(hits)

    monkeypatch.setattr(engine, "read", late)
    results = search(engine, Wanted(q="道路"))
    assert [hit.stored.facts["source_id"] for hit in results.hits] == ["b"]
    assert results.total == 1
    hits = engine.search(words("道路"), offset=0, limit=9, newest=False).hits
    monkeypatch.undo()
    engine.write([card("b", None, None, version=2, state="gone")])
    with pytest.raises(HitGone):
        engine.read(hits)
