"""Dates relative to the day of the demonstration, so that what is open there is open today.

`[[day+12]]` → 2026-12-05 · `[[日+12]]` → 12月5日（周六） · `[[年月日+12]]` → 2026年12月5日 ·
`[[at+12 17:30]]` → 2026-12-05T17:30:00+08:00. Negative numbers lie in the past.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_TOKEN = re.compile(
    r"\[\[(?P<form>day|日|年月日|at)(?P<days>[+-]\d+)(?: (?P<clock>\d{1,2}:\d{2}))?\]\]"
)
_WEEKDAYS = "一二三四五六日"


def dated(today: date, zone: ZoneInfo) -> Callable[[str], str]:
    """Return the function that puts real dates for the tokens of a text."""

    def put(match: re.Match[str]) -> str:
        day = today + timedelta(days=int(match["days"]))
        match match["form"]:
            case "day":
                return day.isoformat()
            case "日":
                return f"{day.month}月{day.day}日（周{_WEEKDAYS[day.weekday()]}）"
            case "年月日":
                return f"{day.year}年{day.month}月{day.day}日"
        clock = time.fromisoformat((match["clock"] or "0:00").zfill(5))
        return datetime.combine(day, clock, tzinfo=zone).isoformat()

    return lambda text: _TOKEN.sub(put, text)
