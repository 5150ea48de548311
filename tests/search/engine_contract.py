"""What every search engine must do; each engine's test module runs this suite on its own.

Scores are compared only for their order: engines may add or multiply as they like, all scores alike.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.search.engines.engine import FACETS, Engine
from services.search.rules.ask import Ask, Filters, Hit, Term
from tests.search.items import card, item_id


def found(engine: Engine, ask: Ask, *, newest: bool = False, limit: int = 50) -> list[str]:
    """Return the source ids of the hits, in their order."""
    hits = engine.search(ask, offset=0, limit=limit, newest=newest).hits
    return ids(engine, hits)


def ids(engine: Engine, hits: Sequence[Hit]) -> list[str]:
    """Return the source ids of some hits."""
    return [stored.facts["source_id"] for stored in engine.read(hits)]


def words(*values: str) -> Ask:
    """Ask for any of these words."""
    terms = tuple(Term("words", value) for value in values)
    return Ask(
        score=tuple((term, 1.0) for term in terms),
        needs=tuple(((term,),) for term in terms),
        at_least=1,
    )


class EngineContract:
    """The suite; a subclass brings the fixture `engine`, empty for each test."""

    @pytest.fixture
    def three(self, engine: Engine) -> Engine:
        """An engine with three items."""
        engine.write(
            [
                card("closure", "石桥段封闭施工", "<p>道路封闭，绕行县道。</p>", day=2, sequence=3),
                card("school", "学区划分", "<p>道路以北归实验小学。</p>", day=1, sequence=2),
                card("allowance", "高龄津贴", "<p>每月六十元。</p>", day=0, sequence=1),
            ]
        )
        return engine

    def test_what_is_written_is_found_at_once(self, three: Engine):
        """After `write` returns, the next search sees it."""
        assert found(three, words("津贴")) == ["allowance"]
        assert three.size() == 3

    def test_everything_is_asked_for_with_nothing(self, three: Engine):
        """An empty question has every item as hit, newest first."""
        assert found(three, Ask(), newest=True) == ["closure", "school", "allowance"]
        assert three.count(Ask()) == 3

    def test_a_newer_card_replaces_the_older(self, three: Engine):
        """One item is one hit, and shows what was written last."""
        three.write([card("allowance", "高龄津贴", "<p>每月八十元。</p>", version=2)])
        assert three.size() == 3
        assert three.read(three.search(words("津贴"), offset=0, limit=1, newest=False).hits)[
            0
        ].text == ("每月八十元。")

    def test_of_two_cards_in_one_batch_the_later_counts(self, engine: Engine):
        """A batch may hold several versions of an item."""
        engine.write([card("a", "旧标题"), card("a", "新标题", version=2)])
        assert engine.size() == 1
        assert engine.versions([str(item_id("a"))]) == {str(item_id("a")): 2}

    def test_a_tombstone_is_no_hit_but_keeps_its_version(self, three: Engine):
        """A gone item is found by nothing, counted by nothing, and its version is known."""
        three.write([card("closure", version=2, state="gone", body=None, sequence=9)])
        assert found(three, Ask(), newest=True) == ["school", "allowance"]
        assert found(three, words("封闭")) == []
        assert three.count(Ask()) == 2
        assert three.facets(Ask(), ["department"], size=10) == {"department": [("gov", 2)]}
        assert three.versions([str(item_id("closure")), "unknown"]) == {str(item_id("closure")): 2}
        assert three.size() == 3
        assert three.newest_sequence() == 9

    def test_a_card_is_stored_as_it_was(self, three: Engine):
        """What is kept for showing comes back unchanged."""
        written = card("closure", "石桥段封闭施工", "<p>道路封闭，绕行县道。</p>", day=2)
        hits = three.search(words("封闭"), offset=0, limit=1, newest=False).hits
        assert three.read(hits) == [written.stored]

    def test_terms_add_up(self, engine: Engine):
        """Who holds more of the words stands higher; rare words weigh more than common ones."""
        texts = {"both": "甲乙 丙丁", "rare": "丙丁", "common": "甲乙", "other": "甲乙"}
        engine.write([card(name, "无题", f"<p>{text}</p>") for name, text in texts.items()])
        terms = [Term("bigrams", "甲乙"), Term("bigrams", "丙丁")]
        ask = Ask(tuple((t, 1.0) for t in terms), tuple(((t,),) for t in terms), at_least=1)
        assert found(engine, ask)[:2] == ["both", "rare"]

    def test_weights_multiply_a_terms_score(self, engine: Engine):
        """A term of weight 3 beats one of weight 1 that is as rare."""
        engine.write([card("a", "无题", "<p>甲乙</p>"), card("b", "无题", "<p>丙丁</p>")])
        terms = [Term("bigrams", "甲乙"), Term("bigrams", "丙丁")]
        needs = tuple(((t,),) for t in terms)
        assert found(engine, Ask(((terms[0], 1.0), (terms[1], 3.0)), needs, 1)) == ["b", "a"]
        assert found(engine, Ask(((terms[0], 3.0), (terms[1], 1.0)), needs, 1)) == ["a", "b"]

    def test_so_many_needs_must_be_met(self, three: Engine):
        """`at_least` of the needs make a hit; ways within a need are alternatives."""
        road, closed, month = (((Term("words", w),),) for w in ("道路", "封闭", "每月"))
        asked = Ask(needs=(road, closed, month))
        assert set(found(three, replace(asked, at_least=1))) == {"closure", "school", "allowance"}
        assert found(three, replace(asked, at_least=2)) == ["closure"]
        assert found(three, replace(asked, at_least=3)) == []
        either = ((Term("words", "封闭"),), (Term("words", "每月"),))
        assert set(found(three, Ask(needs=(either,), at_least=1))) == {"closure", "allowance"}

    def test_a_way_needs_all_its_terms(self, three: Engine):
        """A way of several terms is met by all of them together."""
        together = ((Term("bigrams", "道路"), Term("bigrams", "县道")),)
        assert found(three, Ask(needs=(together,), at_least=1)) == ["closure"]

    def test_needs_do_not_score(self, three: Engine):
        """What makes a hit gives no points; without scored terms all hits score alike."""
        needs = (((Term("words", "道路"),),),)
        hits = three.search(Ask(needs=needs, at_least=1), offset=0, limit=9, newest=False).hits
        assert len(hits) == 2
        assert {hit.score for hit in hits} == {0.0}

    def test_a_phrase_is_found_only_in_its_order(self, engine: Engine):
        """Units must follow one another, and do not reach from the title into the text."""
        engine.write(
            [card("a", "甲", "<p>施工封闭道路</p>"), card("b", "乙", "<p>道路封闭施工</p>")]
        )
        engine.write([card("c", "封闭", "<p>施工</p>")])
        assert found(engine, Ask(phrases=(("封", "闭", "施", "工"),))) == ["b"]
        assert set(found(engine, Ask(phrases=(("封",),)))) == {"a", "b", "c"}
        assert found(engine, Ask(phrases=(("封", "闭"), ("路", "封")))) == ["b"]

    def test_firsts_add_a_fixed_amount(self, three: Engine):
        """A small first moves a hit up; it makes none."""
        plain = words("道路")
        assert set(found(three, plain)) == {"closure", "school"}
        low = found(three, plain)[-1]
        key = {"closure": "石桥段封闭施工", "school": "学区划分"}[low]
        first = (((Term("title_key", key),),), 50.0)
        other = (((Term("title_key", "高龄津贴"),),), 50.0)
        assert found(three, replace(plain, firsts=(first, other)))[0] == low
        assert "allowance" not in found(three, replace(plain, firsts=(first, other)))

    def test_great_firsts_are_hits_by_themselves(self, three: Engine):
        """From `ENOUGH` on a first makes a hit and stands before everything else."""
        first = (((Term("title_key", "高龄津贴"),),), 20_000.0)
        ask = replace(words("道路"), firsts=(first,))
        assert found(three, ask)[0] == "allowance"
        assert three.count(ask) == 3

    def test_filters_narrow_without_scoring(self, engine: Engine):
        """Each filter must hold; of one filter's values any will do; scores stay as they were."""
        engine.write(
            [
                card("a", "道路", department="transport", catalogue="regulation.normative", day=0),
                card("b", "道路", department="education", catalogue="regulation", day=400),
                card(
                    "c", "道路", department="education", topics=["交通"], validity="amended", day=40
                ),
            ]
        )
        ask = words("道路")
        free = {h.score for h in engine.search(ask, offset=0, limit=9, newest=False).hits}

        def under(**exact: str | tuple[str, ...]) -> set[str]:
            values = {k: (v,) if isinstance(v, str) else v for k, v in exact.items()}
            return set(found(engine, replace(ask, filters=Filters(exact=values))))

        assert under(department="education") == {"b", "c"}
        assert under(department=("education", "transport")) == {"a", "b", "c"}
        assert under(catalogue="regulation") == {"a", "b"}
        assert under(catalogue="regulation.normative") == {"a"}
        assert under(topic="交通", department="education") == {"c"}
        assert under(topic="交通", department="transport") == set()
        assert under(validity="in_force") == under(validity="amended") == {"c"}
        filtered = replace(ask, filters=Filters(exact={"department": ("education", "transport")}))
        hits = engine.search(filtered, offset=0, limit=9, newest=False).hits
        assert {h.score for h in hits} == free

    def test_days_and_years_are_bounds_that_count_themselves(self, engine: Engine):
        """`from` and `to` include their day; a year is the year of publication."""
        cards = [card(str(n), "道路", day=n) for n in (0, 1, 2, 400)]
        engine.write(cards)
        days = {c.stored.facts["source_id"]: c.day for c in cards}

        def under(filters: Filters) -> set[str]:
            return set(found(engine, Ask(filters=filters)))

        assert under(Filters(first_day=days["1"])) == {"1", "2", "400"}
        assert under(Filters(last_day=days["1"])) == {"0", "1"}
        assert under(Filters(first_day=days["1"], last_day=days["1"])) == {"1"}
        assert under(Filters(year=2026)) == {"0", "1", "2"}
        assert under(Filters(year=2027)) == {"400"}
        assert under(Filters(year=1999)) == set()

    def test_totals_are_exact_and_pages_do_not_overlap(self, engine: Engine):
        """Every hit stands on one page, and the total is the same on each."""
        engine.write([card(f"n{n}", "道路", day=n % 3, sequence=n) for n in range(250)])
        for newest in (True, False):
            seen: list[str] = []
            for offset in range(0, 260, 20):
                answer = engine.search(words("道路"), offset=offset, limit=20, newest=newest)
                assert answer.total == 250
                seen += ids(engine, answer.hits)
            assert len(seen) == len(set(seen)) == 250

    def test_newest_first_is_by_moment_and_then_by_sequence(self, engine: Engine):
        """Of two items of one moment the later in the record is newer."""
        engine.write(
            [card("a", "x", sequence=2), card("b", "x", sequence=3), card("c", "x", day=1)]
        )
        assert found(engine, Ask(), newest=True) == ["c", "b", "a"]

    def test_facets_count_exactly(self, engine: Engine):
        """Counts are of all hits, most frequent first, equal counts by value; `size` cuts the list only."""
        engine.write(
            [card(f"t{n}", "道路", department="transport", genre="通知") for n in range(3)]
        )
        engine.write(
            [card(f"e{n}", "道路", department="education", topics=["甲", "乙"]) for n in range(3)]
        )
        engine.write([card("h", "学校", department="health", catalogue="regulation.normative")])
        facets = engine.facets(Ask(), FACETS, size=10)
        assert facets["department"] == [("education", 3), ("transport", 3), ("health", 1)]
        assert facets["topic"] == [("乙", 3), ("甲", 3)]
        assert facets["genre"] == [("通知", 3)]
        assert facets["year"] == [("2026", 7)]
        assert facets["validity"] == []
        assert dict(facets["catalogue"]) == {
            "notice": 6,
            "regulation": 1,
            "regulation.normative": 1,
        }
        assert engine.facets(Ask(), ["department"], size=1) == {"department": [("education", 3)]}
        narrowed = words("学校")
        assert engine.facets(narrowed, ["department"], size=9) == {"department": [("health", 1)]}

    def test_hits_say_their_day_and_whether_they_are_over(self, engine: Engine):
        """Ranking needs day and validity without reading the card."""
        engine.write([card("a", "道路", day=1), card("b", "道路", day=0, validity="repealed")])
        hits = engine.search(Ask(), offset=0, limit=9, newest=True).hits
        assert [hit.spent for hit in hits] == [False, True]
        assert hits[0].day == hits[1].day + 1

    def test_any_text_is_a_term(self, engine: Engine):
        """Operators, quotes and control characters are text like any other."""
        engine.write([card("a", "道路")])
        for text in ("AND", '"', "道路*", "a:b", "\x00", "😀", "(", "x" * 3000):
            assert found(engine, words(text)) == []
            assert found(engine, Ask(phrases=((text, text),))) == []

    def test_reads_go_on_while_it_is_written(self, engine: Engine):
        """A search in another thread sees whole commits only, and never waits for the writer."""
        engine.write([card(f"n{n}", "道路") for n in range(50)])
        totals: list[int] = []
        ended = threading.Event()

        def reading() -> None:
            while not ended.is_set():
                answer = engine.search(words("道路"), offset=0, limit=50, newest=False)
                engine.read(answer.hits)
                totals.append(answer.total)

        reader = threading.Thread(target=reading)
        reader.start()
        for round_ in range(2, 8):
            engine.write([card(f"n{n}", "道路", version=round_) for n in range(50)])
        ended.set()
        reader.join()
        assert set(totals) == {50}
