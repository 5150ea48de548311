"""Periods in which something is open: pending, open, over, and how long is left. No clock: the record's day decides."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal

from services.publisher.pages.views import SiteView
from shared.events.intake import Period
from shared.events.record import ItemState
from shared.web import dates
from shared.web.dates import Lang
from shared.web.frame import say

Phase = Literal["pending", "open", "over"]

_LAST_MINUTE = (23, 59)


def phase(period: Period, at: datetime) -> Phase:
    """Say where *at* stands to the period."""
    if period.opens_at and at < period.opens_at:
        return "pending"
    if period.closes_at and at >= period.closes_at:
        return "over"
    return "open"


def waits_for_day(state: ItemState, at: datetime) -> bool:
    """Say whether the item's page must be rendered again when a day or a deadline passes."""
    return (
        state.period is not None
        and state.state == "published"
        and phase(state.period, at) != "over"
    )


def moment_of(site: SiteView, state: ItemState) -> datetime:
    """Return the newest instant that the record knows for this item: the newest day event, or its own last change."""
    if site.now:
        return max(site.now, state.updated_at)
    midnight = datetime.combine(site.today, time(), dates.zone(site.settings.timezone))
    return max(midnight, state.updated_at)


def last_day(closes_at: datetime, timezone: str) -> date:
    """Return the last day of a period; one that closes at midnight ends with the day before."""
    return (dates.local(closes_at, timezone) - timedelta(microseconds=1)).date()


def left(period: Period, today: date, lang: Lang, timezone: str) -> str:
    """Return how long an open period lasts: 还剩 3 天, 今天 17:30 截止, or 进行中 when it has no end."""
    if period.closes_at is None:
        return say("open-now", lang)
    days = (last_day(period.closes_at, timezone) - today).days
    if days > 1:
        return say("days-left", lang, n=days)
    if days == 1:
        return say("one-day-left", lang)
    if _whole_day(period.closes_at, timezone):
        return say("closes-today", lang)
    return say("closes-today-at", lang, time=dates.clock(dates.local(period.closes_at, timezone)))


def end(closes_at: datetime, lang: Lang, timezone: str, near: int | None = None) -> str:
    """Return the end of a period: with its time of day unless that is the end of the day.

    The year is left out when it is *near*.
    """
    if _whole_day(closes_at, timezone):
        day = last_day(closes_at, timezone)
        return dates.weekday(day, lang) if day.year == near else dates.full(day, lang)
    here = dates.local(closes_at, timezone)
    return dates.brief(here, lang) if here.year == near else dates.moment(here, lang)


def beginning(opens_at: datetime, lang: Lang, timezone: str, near: int | None = None) -> str:
    """Return the beginning of a period: with its time of day unless that is midnight."""
    here = dates.local(opens_at, timezone)
    if (here.hour, here.minute) == (0, 0):
        return dates.weekday(here, lang) if here.year == near else dates.full(here, lang)
    return dates.brief(here, lang) if here.year == near else dates.moment(here, lang)


def span(period: Period, lang: Lang, timezone: str, near: int | None = None) -> str:
    """Return both ends of a period as a reader says them; the year is left out where it is *near*."""
    begins = beginning(period.opens_at, lang, timezone, near) if period.opens_at else ""
    ends = end(period.closes_at, lang, timezone, near) if period.closes_at else ""
    if begins and ends:
        return say("from-to", lang, begin=begins, end=ends)
    if ends:
        return say("until", lang, end=ends)
    return say("since", lang, begin=begins) if begins else ""


def _whole_day(closes_at: datetime, timezone: str) -> bool:
    here = dates.local(closes_at, timezone)
    return (here.hour, here.minute) in {(0, 0), _LAST_MINUTE}
