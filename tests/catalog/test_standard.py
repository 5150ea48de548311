"""The standard catalogue, the labels and the official calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog import standard
from services.catalog.calendar import Calendar, Year

CODES = (
    "organisation regulation regulation.normative interpretation plan statistics permit penalty budget budget.final fee "
    "procurement resource project welfare emergency inspection recruitment notice consultation response news guide "
    "annual-report other"
).split()


def test_the_codes_are_those_of_the_standard() -> None:
    """Codes are stable: every one of them, and no other, in the order of the menu."""
    assert [entry.code for entry in standard.entries()] == CODES
    assert standard.codes() == set(CODES)


def test_every_entry_is_named_in_three_languages_and_hangs_in_the_tree() -> None:
    """No language falls back to another, and a child's code begins with its parent's."""
    for entry in standard.entries():
        assert entry.names.zh_hans and entry.names.zh_hant and entry.names.en
        assert entry.parent == (entry.code.rpartition(".")[0] or None)


def test_limits_keep_within_the_law() -> None:
    """Article 26 allows 20 working days at most; emergencies have 24 hours, penalties and permits 7 days."""
    entries = {entry.code: entry for entry in standard.entries()}
    assert all((entry.limit_days or 0) <= 20 for entry in entries.values())
    assert entries["emergency"].limit_hours == 24
    assert entries["penalty"].limit_days == entries["permit"].limit_days == 7
    assert [code for code, entry in entries.items() if entry.hidden] == ["news"]


def test_labels_exist_in_three_languages() -> None:
    """Genres and the 22 first-level topics are labelled by hand."""
    vocabulary = standard.vocabulary()
    assert len(vocabulary["topics"]) == 22
    assert {"notice", "decision", "interpretation"} <= set(vocabulary["genres"])
    for labels in (*vocabulary["topics"].values(), *vocabulary["genres"].values()):
        assert set(labels) == {"zh-Hans", "zh-Hant", "en"}


@pytest.mark.parametrize(
    ("day", "is_worked"),
    [
        (date(2026, 11, 23), True),
        (date(2026, 11, 22), False),
        (date(2026, 10, 1), False),
        (date(2025, 9, 28), True),
        (date(2025, 10, 8), False),
        (date(2027, 1, 1), False),
        (date(2027, 1, 4), True),
    ],
)
def test_working_days_follow_the_official_calendar(day: date, is_worked: bool) -> None:
    """Holidays are off, make-up Sundays are worked, and later years know the fixed holidays."""
    assert Calendar().is_workday(day) is is_worked


def test_a_limit_counts_from_the_day_after() -> None:
    """Weekends and holidays do not count."""
    assert Calendar().after(date(2026, 11, 20), 1) == date(2026, 11, 23)
    assert Calendar().after(date(2025, 9, 30), 1) == date(2025, 10, 9)
    assert Calendar().after(date(2026, 11, 21), 0) == date(2026, 11, 21)


def test_a_year_without_its_notice_is_provisional_until_entered() -> None:
    """The operator's table replaces the provisional one."""
    day = date(2027, 2, 8)
    assert Calendar().is_provisional(day)
    assert not Calendar().is_provisional(date(2026, 5, 6))
    entered = Calendar({2027: Year(frozenset({day}), frozenset({date(2027, 2, 13)}))})
    assert not entered.is_provisional(day)
    assert not entered.is_workday(day)
    assert entered.is_workday(date(2027, 2, 13))


@given(st.dates(), st.integers(-5, 60))
def test_the_calendar_never_raises(day: date, limit: int) -> None:
    """Any date and limit give a day that is not earlier, with as many working days between."""
    calendar = Calendar()
    last = calendar.after(day, limit)
    assert last >= day
    if last < date.max - timedelta(days=1):
        assert calendar.between(day, last) == max(limit, 0)
