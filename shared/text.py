"""Chinese text: plain text of HTML, folding, cutting into terms, and spellings of document numbers.

One analysis for every engine and for saved searches: an index holds what `cut` returns, so a change
here is a new `ANALYSER` and makes every index rebuild itself.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from importlib.metadata import version
from typing import NamedTuple

import opencc
import rjieba

ANALYSER = (
    f"2 rjieba-{version('rjieba')} opencc-{version('opencc')} unicode-{unicodedata.unidata_version}"
)
"""Name of this analysis; an index made with another one is not comparable."""

_HAN = "〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_HAN_RUN = re.compile(f"[{_HAN}]+")
_WORD_RUN = re.compile(f"[^\\W_{_HAN}]+")
_RUN = re.compile(f"[{_HAN}]+|[^\\W_{_HAN}]+")
_UNIT = re.compile(f"[{_HAN}]|[^\\W_{_HAN}]+")
_POSSESSIVE = re.compile(r"(?<=\w)['’]s\b")
_UNSEEN = re.compile(
    "[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]+"
)
_WIDE = re.compile("[\uff01-\uff5e]")
_WIDER = ord("\uff01") - ord("!")
"""How far the wide form of a sign of ASCII is from its own place."""

_PIECE = re.compile(r".{1,4000}(?:\n|\Z)|.{4000}", re.DOTALL)
"""Long texts are worked on in pieces: the libraries keep the interpreter to themselves while they work."""

_SIMPLIFIED = opencc.OpenCC("t2s")
_REGIONS = tuple(
    (opencc.OpenCC(there), opencc.OpenCC(back))
    for there, back in (("s2twp", "t2s"), ("s2t", "tw2sp"))
)
_CUT = rjieba.Jieba()
for _word in "公租房 廉租房 保租房 三公经费 学区 停课 封路 一卡通 文号 索引号".split():
    _CUT.add_word(_word, 1000, "n")  # the field's own words, which the dictionary would take apart

# --- HTML to text --------------------------------------------------------------------------------

_TAG = re.compile(
    r"""<!--.*?-->|<(/?)([a-zA-Z][a-zA-Z0-9]*)(?:[^<>"']|"[^"]*"|'[^']*')*>""", re.DOTALL
)
_UNREAD = re.compile(r"<(script|style|template)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_CELL = frozenset({"td", "th"})
_INLINE = frozenset(  # a list of words reads better than a list of strings
    "a abbr b bdi bdo big cite code data del dfn em font i img ins kbd label mark q rp rt ruby s samp small span "
    "strike strong sub sup time tt u var wbr".split()
)
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0\u3000]+")
_LINES = re.compile(r"[ \t]*\n\s*")


def plain(fragment: str) -> str:
    """Return the text of a cleaned HTML fragment: one block a line, cells parted by a blank, no markup."""
    text = _TAG.sub(_break, _UNREAD.sub(" ", fragment))
    text = _BLANKS.sub(" ", html.unescape(text))
    return _LINES.sub("\n", text).strip()


def _break(tag: re.Match[str]) -> str:
    name = (tag[2] or "").lower()
    if not name or name in _INLINE:
        return ""
    return " " if name in _CELL else "\n"


# --- folding -------------------------------------------------------------------------------------


def fold(text: str) -> str:
    """Return *text* in one form: half width, lower case, Simplified characters, nothing invisible.

    Simplified and Traditional meet because both are folded to Simplified, in the index and in the question.
    """
    return "".join(map(_fold_piece, _PIECE.findall(text)))


def _fold_piece(text: str) -> str:
    narrow = _WIDE.sub(_half, _UNSEEN.sub("", text))
    if not unicodedata.is_normalized("NFKC", narrow):  # making it so takes ten times as long
        narrow = unicodedata.normalize("NFKC", narrow)
    narrow = narrow.lower()
    return narrow if narrow.isascii() else str(_SIMPLIFIED.convert(narrow))


def _half(wide: re.Match[str]) -> str:
    return chr(ord(wide[0]) - _WIDER)


@lru_cache(maxsize=65536)
def _fold_one(character: str) -> str:
    folded = fold(character)
    return folded if len(folded) == 1 else character.lower()[:1]


def fold_in_place(text: str) -> str:
    """Return *text* folded character by character: position n of the answer stands for position n of *text*."""
    folded = fold(text)
    return folded if len(folded) == len(text) else "".join(map(_fold_one, text))


def compact(text: str) -> str:
    """Return only the letters, digits and characters of *text*, folded: equal for titles that read the same."""
    return "".join(c for c in fold(text) if c.isalnum())


# --- cutting -------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def regional(word: str) -> tuple[str, ...]:
    """Return what a folded word is called on the other side of the strait, folded (信息 → 资讯, 资讯 → 信息)."""
    called = (str(back.convert(there.convert(word))) for there, back in _REGIONS)
    return tuple(dict.fromkeys(other for other in called if other != word))


_NUMERAL = "〇零一二三四五六七八九"
_PLACES = dict(zip("条款项章节编", ("tiao", "kuan", "xiang", "zhang", "jie", "bian"), strict=True))
_ORDINAL = re.compile(f"第([0-9{_NUMERAL}十百千]{{1,9}})([{''.join(_PLACES)}])")


class Terms(NamedTuple):
    """A text as an index holds it; repetitions are kept, they count."""

    words: list[str]
    """Words, the long ones also in parts (无障碍设施 → 障碍, 设施, 无障碍设施); 第五十四条 is one word."""
    bigrams: list[str]
    """Every pair of neighbouring Chinese characters."""
    characters: list[str]
    """Every Chinese character and every other word unstemmed, in order: what an exact "…" is compared with."""


def cut(text: str) -> Terms:
    """Return the terms of *text*, folded."""
    folded = _with_ordinals(fold(text))
    runs = _HAN_RUN.findall(folded)
    return Terms(
        words=[*_latin(folded), *_cut_runs(runs)],
        bigrams=[run[i : i + 2] for run in runs for i in range(len(run) - 1)],
        characters=_UNIT.findall(folded),
    )


def words(text: str) -> list[str]:
    """Return the words of *text* in order, folded, none of them inside another."""
    folded = _POSSESSIVE.sub("", _with_ordinals(fold(text)))
    return [
        word
        for run in _RUN.findall(folded)
        for word in (_CUT.cut(run) if is_han(run) else [stem(run)])
    ]


def _with_ordinals(folded: str) -> str:
    """Make each place in a text one word, however its number is written: 第五十四条, 第54条 → `tiao54`.

    Their characters would only make texts look alike that have nothing in common.
    """
    return _ORDINAL.sub(lambda m: f" {_PLACES[m[2]]}{_value(m[1])} ", folded)


def _cut_runs(runs: list[str]) -> list[str]:
    pieces = _PIECE.findall("\n".join(runs))
    return [word for piece in pieces for word in _CUT.cut_for_search(piece) if word != "\n"]


def _latin(folded: str) -> list[str]:
    return [stem(word) for word in _WORD_RUN.findall(_POSSESSIVE.sub("", folded))]


def stem(word: str) -> str:
    """Return *word* without an English plural ending (policies → policy); other words as they are."""
    if len(word) < 4 or not word.endswith("s") or not word.isascii():  # "gas", "bus" stay
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]


def is_han(text: str) -> bool:
    """Say whether *text* is Chinese characters only."""
    return _HAN_RUN.fullmatch(text) is not None


# --- document numbers 文号 and index numbers 索引号 --------------------------------------------------

_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_RANKS = {"十": 10, "百": 100, "千": 1000}
_YEAR_IN_WORDS = re.compile(f"[〔\\[(【﹝]\\s*([{_NUMERAL}]{{4}})\\s*[〕\\])】﹞]")
_SERIAL_IN_WORDS = re.compile("第?([〇零一二三四五六七八九十百]{1,5})号")
_FILLERS = re.compile(
    r"字?第\s*(?=\d)|字(?=[^\w]*\d)|(?<=[0-9a-z])\s*号(?:文件|文)?|(?<=\d)\s*年(?=\W*第?\W*\d)"
)
_GROUP = re.compile(f"[{_HAN}]+|[a-z]+|[0-9]+")
_OPEN, _CLOSE = "〔\\[(（【［﹝", "〕\\])）】］﹞"
_SERIAL = re.compile(
    f"[{_OPEN}]\\s*[0-9０-９{_NUMERAL}]{{4}}\\s*[{_CLOSE}]\\s*第?\\s*[0-9０-９]{{1,6}}\\s*[号號]"
    "|(?:[0-9０-９]{4}年)?(?:字?第|(?<=令))\\s*[0-9０-９]{1,11}[A-Za-z]?\\s*[号號]"
)
_SIGN = re.compile(f"[{_HAN}]{{1,16}}(?:[（(][一二三四五六七八九十][)）][{_HAN}]*)?\\s*$")


def number_key(text: str) -> str:
    """Return the one key of a document or index number in any spelling.

    Brackets, blanks, width, script, 第, 字 and 号 make no difference: `国办发〔2025〕12号`, `国办发[2025]12`
    and `國辦發 2025 第12號` all give `国办发-2025-12`; `000014349/2006-00208` gives `14349-2006-208`.
    """
    return "-".join(
        group.lstrip("0") or "0" if group.isdigit() else group for group in _groups(text)
    )


def number_solid(text: str) -> str:
    """Return the number without any separation, for spellings that have lost it (国办发202512)."""
    return "".join(_groups(text))


def _groups(text: str) -> list[str]:
    folded = _YEAR_IN_WORDS.sub(lambda m: f"〔{m[1].translate(_DIGITS)}〕", fold(text))
    folded = _SERIAL_IN_WORDS.sub(lambda m: f"第{_value(m[1])}号", folded)
    groups: list[str] = []
    for group in _GROUP.findall(_FILLERS.sub(" ", folded)):
        if groups and is_han(group) and is_han(groups[-1]):
            groups[-1] += group
        else:
            groups.append(group)
    return groups


def _value(numeral: str) -> str:
    """Return a numeral below 10,000 in digits (十二 → 12, 一百零三 → 103, 二〇二五 → 2025, 012 → 12)."""
    if not set(numeral) & set(_RANKS):
        return numeral.translate(_DIGITS).lstrip("0") or "0"
    total, digit = 0, 0
    for sign in numeral:
        if sign in _RANKS:
            total += (digit or 1) * _RANKS[sign]
            digit = 0
        else:
            digit = int(sign.translate(_DIGITS))
    return str(total + digit)


def find_numbers(text: str) -> list[str]:
    """Return the document numbers that stand in running text, as printed; words before them may cling to them."""
    if "号" not in text and "號" not in text:
        return []
    found = []
    for serial in _SERIAL.finditer(text):
        sign = _SIGN.search(text, max(0, serial.start() - 24), serial.start())
        if sign:
            found.append(sign[0] + serial[0])
    return found
