"""Cards, questions, order and snippets: pure rules."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.search.rules.ask import Hit
from services.search.rules.card import CARD, TOMBSTONE, entry_and_above, tails
from services.search.rules.question import NUMBER, PART, TITLE, understand
from services.search.rules.ranking import ranked
from services.search.rules.snippet import LONG, Mark, snippet
from shared.text import ANALYSER
from tests.search.items import card

# --- cards


def test_a_card_holds_title_summary_text_and_names():
    """Everything that a reader may remember of an item is searched."""
    made = card(
        "a",
        "石桥段封闭",
        "<p>绕行县道</p>",
        summary="桥墩损坏",
        keywords=["加固"],
        issuing_body="交通局",
        attachments=[
            {"name": "绕行图.pdf", "media_type": "application/pdf", "sha256": "0" * 64, "size": 1}
        ],
    )
    for word in ("石桥", "绕行", "桥墩", "加固", "交通局", "图", "县政府"):
        assert word in made.words.split(), word
    assert made.stored.text == "绕行县道"
    assert "绕行" not in made.title.split()


def test_a_withdrawn_item_keeps_title_and_number_only():
    """Neither its text nor its summary is in the index."""
    made = card(
        "a",
        "石桥段封闭",
        "<p>绕行县道</p>",
        summary="桥墩",
        state="withdrawn",
        document_number="禾发〔2026〕1号",
    )
    assert "绕行" not in made.words
    assert "桥墩" not in made.words
    assert made.stored.text == ""
    assert made.stored.facts["summary"] is None
    assert "=禾发-2026-1" in made.numbers
    assert made.spent


@pytest.mark.parametrize("kind", ["gone", "redirect", "vanish"])
def test_a_gone_item_leaves_nothing_but_its_version(kind: str):
    """The card of a tombstone holds no word of it."""
    made = card("a", "石桥段封闭", "<p>绕行</p>", state=kind, version=7, sequence=9)
    assert (made.version, made.sequence, made.marks) == (7, 9, [TOMBSTONE])
    assert (made.words, made.title, made.title_key, made.stored.facts) == ("", "", "", {})


def test_the_day_of_publication_is_that_of_the_site():
    """Late in the evening of Greenwich it is already tomorrow; told history counts first."""
    made = card("a", "x", published_at="2026-12-31T16:30:00Z")
    assert (made.year, date.fromordinal(made.day)) == (2027, date(2027, 1, 1))
    old = card("b", "x", first_published_on="2014-05-06")
    assert (old.year, date.fromordinal(old.day)) == (2014, date(2014, 5, 6))
    assert old.order < made.order


def test_an_entry_counts_for_those_above_it():
    """A filter for a parent entry holds for its children."""
    assert entry_and_above("budget.final") == ["budget", "budget.final"]
    assert entry_and_above("other") == ["other"]


def test_several_numbers_in_one_field_are_several_keys():
    """A number of three bodies is found by each of its parts."""
    made = card("a", "x", document_number="經工字第09604602800號;文壹字第0962123282號")
    assert {"=经工-9604602800", "=文壹-962123282"} <= set(made.numbers)


def test_tails_leave_out_the_beginning_or_the_year():
    """People say 国务院令第295号 and 禾政发3号."""
    assert "~国务院令-295" in tails("中华人民共和国国务院令-295")
    assert {"~禾政发-2026-3", "~禾政发-3", "~政发-3"} <= set(tails("禾政发-2026-3"))
    assert "~发-3" not in tails("禾政发-2026-3")
    assert tails("2026") == tails("禾政发") == []


# --- questions


@pytest.mark.parametrize(
    ("q", "needs"),
    [
        ("路为什么封了", 2),
        ("老人补贴多少钱", 2),
        ("学区怎么划", 2),
        ("什么", 1),
        ("的", 1),
        ("how to apply", 1),
    ],
)
def test_phrases_of_asking_are_no_needs(q: str, needs: int):
    """Only what carries meaning must be met; a question of nothing else is taken as it is."""
    assert len(understand(q).needs) == needs


def test_what_is_left_out_is_said():
    """The zero-hit page names it."""
    assert understand("学区怎么划").dropped == ("怎么",)
    assert understand("什么").dropped == ()


def test_words_that_mean_the_same_meet_the_same_need():
    """An everyday word is met by the office's word for it."""
    [need, _] = understand("老人补贴").needs
    assert len(need) > 1


@pytest.mark.parametrize(
    "q", ["路为什么封了", "2026年预算", "第三轮公告", "县政府", "2026年11月", ""]
)
def test_questions_that_are_no_numbers(q: str):
    """Words, dates and years are searched as words."""
    assert understand(q).number == ()


@pytest.mark.parametrize(
    "q", ["禾政发3号", "国办发〔2025〕12号", "000014349/2006-00208", "国办发 2025 12", "12345"]
)
def test_questions_that_may_be_numbers(q: str):
    """What looks like a number is first asked for as one."""
    assert understand(q).number != ()


def test_straight_quotes_are_phrases():
    """Text in straight quotes must stand as it is; one quote alone is nothing."""
    assert understand('"封闭施工" 石桥').phrases == (("封", "闭", "施", "工"),)
    assert understand('"封闭施工').phrases == ()
    assert understand("“封闭施工”").phrases == ()


@given(st.text(max_size=300))
def test_any_text_is_a_question(q: str):
    """Nothing that is typed fails, and no question asks for more than an engine can bear."""
    understood = understand(q)
    assert len(understood.score) < 600
    assert len(understood.needs) <= 64


# --- order


def _hit(name: str, score: float, day: int = 0, *, spent: bool = False) -> Hit:
    return Hit(name, score, day, spent)


def _order(*hits: Hit) -> list[object]:
    return [hit.handle for hit in ranked(hits)]


def test_numbers_stand_before_titles_before_parts_before_words():
    """What the question names comes first, whatever else fits."""
    hits = [_hit("words", 90), _hit("part", PART), _hit("title", TITLE), _hit("number", NUMBER)]
    assert _order(*hits) == ["number", "title", "part", "words"]


def test_of_one_number_by_a_part_the_newest_comes_first():
    """禾政发3号 means that of this year."""
    hits = [_hit("old", PART + 99, 1), _hit("new", PART + 1, 400, spent=True)]
    assert _order(*hits) == ["new", "old"]


def test_of_one_title_what_holds_comes_first():
    """A repealed text stands behind the one in force, even when it is newer."""
    hits = [_hit("spent", TITLE + 9, 500, spent=True), _hit("holds", TITLE, 1)]
    assert _order(*hits) == ["holds", "spent"]


def test_freshness_and_validity_decide_between_near_scores_only():
    """New before old and valid before repealed, unless the words say otherwise."""
    assert _order(_hit("old", 10.5, 0), _hit("new", 10, 3000)) == ["new", "old"]
    assert _order(_hit("old", 15, 0), _hit("new", 10, 3000)) == ["old", "new"]
    assert _order(_hit("spent", 11, spent=True), _hit("holds", 10)) == ["holds", "spent"]
    assert _order(_hit("spent", 30, spent=True), _hit("holds", 10)) == ["spent", "holds"]


# --- snippets


def test_a_snippet_takes_the_sentence_that_holds_most():
    """Whole sentences, in the order of the text."""
    text = "第一句没有。石桥段封闭施工，车辆绕行。最后一句只有石桥。"
    marked = [Mark("石桥", 4), Mark("绕行", 4)]
    shown = snippet(text, marked)
    assert shown.startswith("<mark>石桥</mark>段封闭施工，车辆<mark>绕行</mark>。")
    assert "第一句" not in shown


def test_a_snippet_prefers_the_questions_own_words():
    """A word that means the same marks, and weighs less."""
    text = (
        "问路况打公路养护中心，二十四小时有人接听。" * 3
        + "因桥墩支座损坏，大货车通行有危险，这里从今天晚上十点起封了路，抢修完成以后再通车，期间请大家从沿河路绕行，不要靠近。"
    )
    shown = snippet(text, understand("路为什么封了").marked)
    assert "因桥墩" in shown


def test_traditional_text_is_marked_by_simplified_words():
    """What is shown stays in its script."""
    assert snippet("學區劃分如下。", [Mark("学区", 4)]) == "<mark>學區</mark>劃分如下。"


def test_latin_words_are_marked_whole():
    """A word is no part of another; a plural ending belongs to it."""
    text = "Schools and scholars. A preschool is no school."
    shown = snippet(text, [Mark("school", 12)])
    assert "<mark>School</mark>s" in shown
    assert "preschool" in shown
    assert "pre<mark>" not in shown


def test_without_any_word_the_beginning_is_shown():
    """Whole sentences from the start."""
    assert snippet("第一句。第二句。", []) == "第一句。第二句。"
    assert snippet("", [Mark("石桥", 4)]) == ""


def test_a_sentence_without_end_is_cut():
    """A sentence of thousands of characters gives a snippet of readable length with the word in it."""
    text = "很长，" * 2000 + "石桥" + "，很长" * 2000
    shown = snippet(text, [Mark("石桥", 4)])
    assert "<mark>石桥</mark>" in shown
    assert len(shown) < 2 * LONG


@given(st.text(max_size=400), st.lists(st.text(min_size=1, max_size=4), max_size=5))
def test_a_snippet_is_the_text_escaped_and_nothing_else(text: str, words: list[str]):
    """Only `<mark>` is markup, and what it holds stands in the text."""
    shown = snippet(text, [Mark(word, 1) for word in words if word.strip()])
    assert not re.search(r"<(?!/?mark>)", shown)
    bare = unescape(re.sub(r"</?mark>", "", shown))
    for part in bare.split(" … "):
        assert part.strip() in text.replace("\n", " ")


def test_another_layout_of_a_card_has_another_name():
    """An index of other cards must be known as such: a new result needs a new number in `CARD` (or in `ANALYSER`)."""
    made = card(
        "a",
        "石桥段封闭",
        "<p>绕行<b>县道</b></p><table><tr><td>甲</td><td>乙</td></tr></table>",
        summary="桥墩",
        document_number="禾政发〔2026〕3号",
        index_number="QH-1",
        catalogue="budget.final",
        genre="通告",
        topics=["交通"],
        keywords=["加固"],
        validity="amended",
        relations=[{"type": "interprets", "target": "gov/b"}],
    )
    result = hashlib.sha256(repr(made).encode()).hexdigest()[:12]
    assert (CARD, ANALYSER.split()[0], result) == ("1", "2", "e7317075579d")
