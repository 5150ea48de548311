"""When a blank entry should have been filled at the latest."""

from __future__ import annotations

from datetime import date, timedelta


def due_on(frequency: str, today: date) -> date | None:
    """Return the last day of the newest whole period before *today*; None for what is due on no date."""
    if frequency in {"weekly", "biweekly"}:
        return today - timedelta(days=today.weekday() + 1)
    if frequency == "monthly":
        return today.replace(day=1) - timedelta(days=1)
    if frequency == "quarterly":
        return date(today.year, today.month - (today.month - 1) % 3, 1) - timedelta(days=1)
    if frequency == "yearly":
        return date(today.year - 1, 12, 31)
    return None
