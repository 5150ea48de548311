"""Index numbers follow the operator's rule, and no two items can get one number."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.numbering import BadRule, index_numbers

DAY = date(2026, 3, 5)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{department}-{class}-{yyyy}-{serial:05d}", "JTJ-REGULATION-2026-00012"),
        ("{department}/{yyyymm}-{serial}", "JTJ/202603-12"),
        ("{department}〔{yyyy}〕{serial}号", "JTJ〔2026〕12号"),
        ("{serial:03d}/{department}/{yyyymmdd}", "012/JTJ/20260305"),
    ],
)
def test_a_rule_composes_numbers(rule: str, expected: str) -> None:
    """Department, class, day and a padded serial stand where the rule says."""
    numbers = index_numbers(rule)
    assert (
        numbers.number(department="jtj", catalogue="regulation.normative", day=DAY, serial=12)
        == expected
    )


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("{department}-{yyyy}", "serial"),
        ("{serial}-{yyyy}", "department"),
        ("{department}-{serial}-{serial}", "exactly once"),
        ("{department}{serial}", "neighbours"),
        ("{serial}{department}", "neighbours"),
        ("{department}-{month}-{serial}", "month"),
        ("{department.__class__}-{serial}", "No field"),
        ("{department}-{serial:x}", "formats"),
        ("{department}-{serial:99999999d}", "formats"),
        ("{department:>99999}-{serial}", "formats"),
        ("{department!r}-{serial}", "No field"),
        ("{department-{serial}", "braces"),
        ("<b>{department}-{serial}", "letters"),
        ("{department} {serial}", "letters"),
    ],
)
def test_a_bad_rule_is_refused_at_the_start(rule: str, word: str) -> None:
    """What cannot work is named in both languages before anything is numbered."""
    with pytest.raises(BadRule, match=word) as refusal:
        index_numbers(rule)
    assert any("\u4e00" <= char <= "\u9fff" for char in str(refusal.value))


CODE = st.from_regex(r"[a-z][a-z0-9-]{1,5}", fullmatch=True)
PLACE = st.tuples(
    CODE,
    st.sampled_from(["notice", "plan"]),
    st.dates(date(2026, 12, 30), date(2027, 1, 2)),
    st.integers(1, 200),
)


@given(
    st.sampled_from(
        [
            "{department}-{class}-{yyyy}-{serial:02d}",
            "{department}{yyyy}/{serial}",
            "{serial}-{department}{class}",
        ]
    ),
    PLACE,
    PLACE,
)
def test_two_serials_never_give_one_number(
    rule: str, first: tuple[str, str, date, int], second: tuple[str, str, date, int]
) -> None:
    """Equal numbers come from one counter and one serial only."""
    numbers = index_numbers(rule)
    scopes = [numbers.scope(department=d, catalogue=c, day=day) for d, c, day, _ in (first, second)]
    made = [
        numbers.number(department=d, catalogue=c, day=day, serial=n)
        for d, c, day, n in (first, second)
    ]
    assert (made[0] == made[1]) == (scopes[0] == scopes[1] and first[3] == second[3])
