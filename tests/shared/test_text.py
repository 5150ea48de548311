"""Chinese text: folding, cutting, and document numbers in every spelling."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import (
    ANALYSER,
    compact,
    cut,
    find_numbers,
    fold,
    fold_in_place,
    number_key,
    number_solid,
    plain,
    regional,
    stem,
    words,
)


def test_plain_text_keeps_blocks_apart_and_loses_all_markup():
    """Blocks and rows are lines, cells are parted by a blank, inline tags leave no trace."""
    html = (
        '<h2 id="a>b">一、<b>标题</b></h2><p>甲&lt;乙&amp;丙<br>丁</p><!-- no -->'
        "<table><tr><td>路段</td><td>S207</td></tr></table><script>x()</script>"
    )
    assert plain(html) == "一、标题\n甲<乙&丙\n丁\n路段 S207"


@given(st.text())
def test_plain_text_of_anything_never_fails(text: str):
    """Whatever stands there, a text comes back."""
    assert isinstance(plain(f"<p>{text}"), str)


def test_scripts_widths_and_cases_are_folded_into_one():
    """Simplified and Traditional, full and half width, capitals and small letters meet."""
    assert fold("學區劃分ＡＢｃ１２") == "学区划分abc12"
    assert fold("学\u200b区") == "学区"


@given(st.text("，。：（）ＡｂＣ９！～ﬁ①㎏か\u3099\uff9eｶ\u0301eé國a 한가"))
def test_the_short_way_of_folding_is_the_whole_way(text: str):
    """Wide signs are replaced by hand; the outcome is what Unicode's NFKC says, combining marks included."""
    assert fold(text) == fold(unicodedata.normalize("NFKC", text))


@given(st.text(max_size=200))
def test_folding_in_place_keeps_every_position(text: str):
    """Position n of the folded text stands for position n of the text."""
    assert len(fold_in_place(text)) == len(text)


def test_a_text_is_cut_into_words_pairs_and_characters():
    """Words, also those inside long ones; pairs that no cutting splits; characters with other words in order."""
    terms = cut("无障碍設施 S207")
    assert {"障碍", "设施", "s207"} <= set(terms.words)
    assert terms.bigrams == ["无障", "障碍", "碍设", "设施"]
    assert terms.characters == ["无", "障", "碍", "设", "施", "s207"]


def test_a_place_in_a_law_is_one_word_however_it_is_written():
    """第五十四条 and 第54条 are the same word, and their characters are no terms."""
    terms = cut("民法典第五十四条第二款")
    assert terms.words[:2] == cut("第54条第２款").words == ["tiao54", "kuan2"]
    assert terms.bigrams == ["民法", "法典"]
    assert terms.characters == ["民", "法", "典", "tiao54", "kuan2"]
    assert words("第一千零七十九条") == ["tiao1079"]


def test_pairs_do_not_reach_over_punctuation():
    """What a comma parts is no pair."""
    assert cut("停水，停电").bigrams == ["停水", "停电"]


def test_words_stand_in_order_and_scripts_of_other_peoples_are_whole():
    """A mixed sentence is cut in its order; words of other scripts stay whole."""
    assert words("S207石桥段封闭，children's schools مرحبا") == [
        "s207", "石桥", "段", "封闭", "children", "school", "مرحبا",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "root"),
    [
        ("policies", "policy"), ("schools", "school"), ("fees", "fee"), ("taxes", "taxe"), ("bus", "bus"),
        ("address", "address"), ("status", "status"), ("gas", "gas"), ("学s", "学s"),
    ],
)  # fmt: skip
def test_english_plurals_lose_their_ending_and_nothing_else(word: str, root: str):
    """Light stemming: plural endings only."""
    assert stem(word) == root


def test_a_word_has_its_name_on_the_other_side_of_the_strait():
    """政府信息 and 政府資訊 are the same to a reader."""
    assert regional("信息") == ("资讯",)
    assert regional("资讯") == ("信息",)
    assert regional("道路") == ()


def test_titles_that_read_the_same_are_the_same():
    """Brackets, blanks, width and script do not part titles."""
    assert compact("关于《A 办法》的通知（試行）") == compact("關於〈Ａ办法〉的通知(试行)")


SPELLINGS = [
    "国办发〔2025〕12号", "国办发[2025]12号", "国办发(2025)12号", "国办发（2025）12号", "国办发【2025】12号",
    "国办发［2025］12号", "國辦發〔2025〕12號", "国办发2025 12号", "国办发 〔2025〕 12 号", "国办发〔２０２５〕１２号",
    "国办发〔2025〕12", "国办发〔2025〕第12号", "国办发2025年12号", "国办发2025年第12号文", "国办发〔2025〕012号",
    "国办发〔二〇二五〕十二号", "国办发〔2025〕12号文件", "国办发字〔2025〕12号",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_document_number_has_one_key_in_every_spelling(spelling: str):
    """However it is typed, 国办发〔2025〕12号 is one number."""
    assert number_key(spelling) == "国办发-2025-12"


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("中华人民共和国国务院令第295号", "中华人民共和国国务院令-295"),
        ("国家税务总局公告2015年第41号", "国家税务总局公告-2015-41"),
        ("金管銀(四)字第09600498322號", "金管银四-9600498322"),
        ("新廣一字第0970620117Z號", "新广一-970620117-z"),
        ("000014349/2006-00208", "14349-2006-208"),
        ("禾政发3号", "禾政发-3"),
        ("第一百零三号", "103"),
    ],
)
def test_numbers_of_other_forms_have_their_key(number: str, key: str):
    """Orders, letters of Taiwan and index numbers."""
    assert number_key(number) == key


def test_different_numbers_have_different_keys():
    """Year and serial number never run together in the key."""
    keys = {number_key(n) for n in ("沪府〔2019〕11号", "沪府〔201〕911号", "沪府办〔2019〕11号")}
    assert len(keys) == 3


def test_a_number_without_separation_is_compared_solid():
    """What has lost every separation still equals the number."""
    assert number_solid("国办发202512") == number_solid("国办发〔2025〕12号")


def test_numbers_are_found_in_running_text():
    """Citations are found as printed, with other years and orders beside them."""
    text = "根据《条例》（国务院令第295号）和《通知》（國發〔2018〕39號），2025年12月1日起施行。"
    assert find_numbers(text) == ["国务院令第295号", "國發〔2018〕39號"]


def test_a_long_text_of_digits_is_searched_in_no_time():
    """Text made to be hard is no harder than other text."""
    assert find_numbers("第〔2025〕" * 20_000) == []
    assert plain('<a title="' * 20_000) is not None


SAMPLE = (
    "青禾縣人民政府關於印發《高龄津贴发放办法》的通知（禾政发〔2026〕3号）第五十四条 S207省道石桥段封路，"
    "The councils' policies；公租房、三公经费，Ａ１ مرحبا"
)


def test_another_way_of_cutting_has_another_name():
    """An index made with another analysis must be known as such: a new result here needs a new number in `ANALYSER`."""
    result = hashlib.sha256(repr(cut(SAMPLE)).encode()).hexdigest()[:12]
    assert (ANALYSER.split()[0], result) == ("2", "db51749a819c")
