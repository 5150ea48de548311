"""The short way of cleaning gives what the long way gives."""

from __future__ import annotations

from typing import Literal
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog import cleaning
from services.catalog.cleaning.quick import clean_quickly

_FIRST = st.sampled_from("公青石“《（【〔「")
_REST = st.sampled_from("公青，。；：、！？”’）》〕】」—…·％.,:;/()+-019AZaz  ")
_LINES = st.builds(
    lambda first, rest: first + "".join(rest).strip(), _FIRST, st.lists(_REST, max_size=60)
)
_TEXTS = st.builds(
    lambda lines, gaps: "".join(line + gap for line, gap in zip(lines, gaps, strict=False)),
    st.lists(_LINES, min_size=1, max_size=8),
    st.lists(st.sampled_from(["\n", "\n\n", "\n\n"]), min_size=8, max_size=8),
)


def the_long_way(form: Literal["markdown", "text"], content: str) -> str:
    """Clean *content* without the short way."""
    with mock.patch.object(cleaning, "clean_quickly", return_value=None):
        return cleaning.clean_body(form, content)


@settings(max_examples=300, deadline=None)
@given(content=_TEXTS, form=st.sampled_from(["markdown", "text"]))
def test_both_ways_agree(content: str, form: Literal["markdown", "text"]) -> None:
    """Whatever goes the short way comes out as from the long way."""
    quick = clean_quickly(form, content)
    if quick is not None:
        assert quick == the_long_way(form, content)


@pytest.mark.parametrize(
    "content",
    [
        "**公告：**内容",
        "1. 一\n2. 二",
        "# 标题",
        "公告 <b>",
        "公告 & 通知",
        "　　缩进",
        "公告|表格",
        "公告[一](x)",
        "公\n---",
    ],
)
def test_markup_goes_the_long_way(content: str) -> None:
    """Anything that may be markup is not taken for plain words."""
    assert clean_quickly("markdown", content) is None


def test_a_notice_goes_the_short_way() -> None:
    """Paragraphs of words with numbers and Latin words are what it is for."""
    text = "因路面抢修，S207线石桥段封闭。\n\n咨询电话：0551-60030120（工作日）。"
    assert clean_quickly("markdown", text) == the_long_way("markdown", text)
