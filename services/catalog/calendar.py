"""Working days by the official calendar: statutory holidays and make-up workdays 调休. Pure; never raises for a date.

The official notice for a year comes out late in the year before. Years after the last one known are provisional:
they have the statutory days of fixed date and no make-up workdays, and clocks must be recomputed when the notice
is entered. Source: State Council notices as kept by `chinese_calendar`; Order 795 (2024) on public holidays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

from chinese_calendar import constants

_FIXED = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))
_DAY = timedelta(days=1)
LONGEST = 3660
"""Calendar days that a count looks ahead at most."""


@dataclass(frozen=True, slots=True)
class Year:
    """One year's exceptions from Monday to Friday."""

    holidays: frozenset[date]
    """Weekdays (and weekend days) that are off."""
    workdays: frozenset[date]
    """Weekend days that are worked."""
    provisional: bool = False


@cache
def official(year: int) -> Year:
    """Return the table of *year*; provisional when no notice for it is known."""
    holidays = frozenset(day for day in constants.holidays if day.year == year)
    if holidays:
        return Year(holidays, frozenset(day for day in constants.workdays if day.year == year))
    return Year(
        frozenset(date(year, month, day) for month, day in _FIXED), frozenset(), provisional=True
    )


@dataclass(frozen=True, slots=True)
class Calendar:
    """The official calendar, with years that the operator entered since."""

    entered: Mapping[int, Year] = field(default_factory=dict)

    def year(self, year: int) -> Year:
        """Return the table that holds for *year*."""
        return self.entered.get(year) or official(year)

    def is_workday(self, day: date) -> bool:
        """Say whether *day* is worked."""
        table = self.year(day.year)
        if day in table.workdays:
            return True
        return day.weekday() < 5 and day not in table.holidays

    def is_provisional(self, day: date) -> bool:
        """Say whether the notice for the year of *day* is still to come."""
        return self.year(day.year).provisional

    def after(self, day: date, workdays: int) -> date:
        """Return the last day of a limit of *workdays* that begins the day after *day* (Civil Code, Art. 201)."""
        left = max(workdays, 0)
        last = day
        for _ in range(LONGEST):
            if not left or last == date.max:
                break
            last += _DAY
            left -= self.is_workday(last)
        return last

    def between(self, first: date, last: date) -> int:
        """Return how many working days lie after *first*, up to and with *last*; 0 when *last* is not later."""
        days = min((last - first).days, LONGEST)
        return sum(self.is_workday(first + timedelta(days=n)) for n in range(1, days + 1))
