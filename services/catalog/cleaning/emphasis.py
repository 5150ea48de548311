"""Chinese emphasis: `**公告：**内容` is strong, although CommonMark says it is not.

Source: CommonMark CJK-friendly amendments (commonmark-spec#650): punctuation beside a delimiter run counts only
when it is not itself CJK, and a CJK character on the other side of it counts like white space.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category, east_asian_width

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline.state_inline import Scanned, StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType
from typing_extensions import override

_EMOJI_IDEOGRAPHS = frozenset(
    {
        0x1F201,
        0x1F21A,
        0x1F22F,
        *range(0x1F232, 0x1F237),
        *range(0x1F238, 0x1F23B),
        0x1F250,
        0x1F251,
    }
)
_HANGUL = ((0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7FB))


@lru_cache(maxsize=8192)
def is_cjk(char: str) -> bool:
    """Say whether *char* is Chinese, Japanese or Korean: letter, sign or full-width punctuation, but no emoji."""
    code = ord(char)
    if any(first <= code <= last for first, last in _HANGUL):
        return True
    if east_asian_width(char) not in "WFH":
        return False
    if 0x1F000 <= code <= 0x1FAFF:
        return 0x1F200 <= code <= 0x1F2FF and code not in _EMOJI_IDEOGRAPHS
    return not (code < 0x2E80 and category(char) == "So")


@lru_cache(maxsize=8192)
def _is_punctuation(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)


class _State(StateInline):
    @override
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        """Scan a run of emphasis marks and say whether it can open or close; the library calls it by this name."""
        marker, end = self.src[start], start
        while end < self.posMax and self.src[end] == marker:
            end += 1
        before, selected = self._before(start)
        after = self.src[end] if end < self.posMax else " "
        space_before, space_after = isWhiteSpace(ord(before)), isWhiteSpace(ord(after))
        mark_before, mark_after = _is_punctuation(before), _is_punctuation(after)
        cjk_before, cjk_after = is_cjk(before) or selected, is_cjk(after)
        foreign_before, foreign_after = mark_before and not cjk_before, mark_after and not cjk_after
        left = not space_after and (
            not foreign_after or space_before or foreign_before or cjk_before
        )
        right = not space_before and (
            not foreign_before or space_after or foreign_after or cjk_after
        )
        return Scanned(
            can_open=left and (canSplitWord or not right or mark_before),
            can_close=right and (canSplitWord or not left or mark_after),
            length=end - start,
        )

    def _before(self, start: int) -> tuple[str, bool]:
        """Return the character before *start*, looking through a variation selector, and whether an ideographic
        or full-width one stood there.
        """
        if start == 0:
            return " ", False
        char = self.src[start - 1]
        if "\U000e0100" <= char <= "\U000e01ef":
            return char, True
        if "\ufe00" <= char <= "\ufe0e" and start > 1:
            char = self.src[start - 2]
            return char, char in "‘’“”" and self.src[start - 1] == "\ufe01"
        return char, False


class _Inline(ParserInline):
    @override
    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Parse as the library does, with our state."""
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def chinese_emphasis(md: MarkdownIt) -> None:
    """Make *md* read emphasis beside Chinese punctuation (a plugin of markdown-it)."""
    inline = _Inline()
    inline.ruler, inline.ruler2 = md.inline.ruler, md.inline.ruler2
    md.inline = inline
