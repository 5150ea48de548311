"""Dates as readers say them: 11月23日（周一）, 23 Nov 2026, 还剩 3 天. Pure functions of dates and a language."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

Lang = Literal["zh-Hans", "zh-Hant", "en"]
LANGS: tuple[Lang, ...] = ("zh-Hans", "zh-Hant", "en")

_WEEKDAYS: dict[str, str] = {"zh-Hans": "周", "zh-Hant": "週"}
_CHINESE_DAYS = "一二三四五六日"
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_FULL_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_ENGLISH_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()


@lru_cache(maxsize=8)
def zone(name: str) -> ZoneInfo:
    """Return the time zone of *name*, read once."""
    return ZoneInfo(name)


def local(moment: datetime, timezone: str) -> datetime:
    """Return an aware instant in the site's time zone."""
    return moment.astimezone(zone(timezone))


def day(value: date, lang: Lang) -> str:
    """Return 2026年11月23日, or 23 Nov 2026."""
    if lang == "en":
        return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"
    return f"{value.year}年{value.month}月{value.day}日"


def weekday(value: date, lang: Lang) -> str:
    """Return 11月23日（周一）, or Mon 23 Nov: for days whose year is plain from the context."""
    if lang == "en":
        return f"{_ENGLISH_DAYS[value.weekday()]} {value.day} {_MONTHS[value.month - 1]}"
    return f"{value.month}月{value.day}日（{_WEEKDAYS[lang]}{_CHINESE_DAYS[value.weekday()]}）"


def full(value: date, lang: Lang) -> str:
    """Return 2026年11月23日（周一）, or Mon 23 Nov 2026."""
    if lang == "en":
        return f"{weekday(value, lang)} {value.year}"
    return f"{value.year}年{weekday(value, lang)}"


def month(year: int, number: int, lang: Lang) -> str:
    """Return 2026年11月, or November 2026."""
    if lang == "en":
        return f"{_FULL_MONTHS[number - 1]} {year}"
    return f"{year}年{number}月"


def year(number: int, lang: Lang) -> str:
    """Return 2026年, or 2026."""
    return str(number) if lang == "en" else f"{number}年"


def clock(value: datetime) -> str:
    """Return 17:30; *value* is local already."""
    return f"{value.hour:02}:{value.minute:02}"


def moment(value: datetime, lang: Lang) -> str:
    """Return 2026年11月23日（周一）17:30, or Mon 23 Nov 2026, 17:30; *value* is local already."""
    return full(value, lang) + _at(value, lang)


def brief(value: datetime, lang: Lang) -> str:
    """Return 11月23日（周一）17:30, or Mon 23 Nov, 17:30: for moments near the day of the page."""
    return weekday(value, lang) + _at(value, lang)


def _at(value: datetime, lang: Lang) -> str:
    return f"{', ' if lang == 'en' else ''}{clock(value)}"
