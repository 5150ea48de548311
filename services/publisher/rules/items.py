"""What the lists, the index of the publisher and the clock need to know of one item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from services.publisher.pages.periods import phase
from services.publisher.pages.views import Badge
from shared.events.intake import Period
from shared.events.record import HistoryEntry, ItemState

TOMBSTONES = frozenset({"gone", "redirect", "vanish"})
"""States that leave every list; `withdrawn` keeps its row with a badge."""
PURGING = frozenset({"gone", "redirect", "vanish"})
"""States that remove the versions before them for good."""
SYSTEM_WORD = "政府信息公开"
"""Topic or keyword of what stands behind the entrance 政府信息公开制度."""
SYSTEM, ON_APPLICATION = "~system", "~on-application"
"""Lists that are no catalogue entry: the second and the fifth entrance."""

Scope = tuple[str, str]
"""Department code and entry code; empty means all of them."""


def entry_with_parents(code: str) -> list[str]:
    """Return an entry's code and those above it: `budget.final` → `budget.final`, `budget`."""
    parts = code.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


def scopes(state: ItemState) -> list[Scope]:
    """Return every list scope that *state* belongs to, sorted."""
    entries = ["", *entry_with_parents(state.catalogue)]
    if SYSTEM_WORD in {*state.topics, *state.keywords}:
        entries.append(SYSTEM)
    if state.disclosure == "on_application":
        entries.append(ON_APPLICATION)
    return sorted(
        (department, entry) for department in ("", state.department.code) for entry in entries
    )


def day_of(state: ItemState, zone: tzinfo) -> date:
    """Return the 发布日期 by which lists are ordered: `first_published_on`, or the local day of publication."""
    return state.first_published_on or local_day(state.published_at, zone)


def local_day(at: datetime, zone: tzinfo) -> date:
    """Return the local date of an instant."""
    return at.astimezone(zone).date()


@dataclass(frozen=True)
class Correction:
    """The newest correction or withdrawal of an item."""

    version: int
    at: datetime
    note: str | None


def correction(state: ItemState) -> Correction | None:
    """Return what 更正与撤回 says of *state*: its withdrawal, or its newest major change since it was published."""
    if state.state != "published":
        return Correction(state.version, state.updated_at, state.reason)
    entry = _newest_major(state.history)
    return Correction(entry.version, entry.at, entry.note) if entry else None


def _newest_major(history: Iterable[HistoryEntry]) -> HistoryEntry | None:
    """Return the newest major change that was no first publication, nor one anew after a withdrawal."""
    found: HistoryEntry | None = None
    before: HistoryEntry | None = None
    for entry in sorted(history, key=lambda one: one.version):
        if entry.change == "withdrawal":
            found = None
        elif entry.change == "major" and before is not None and before.change != "withdrawal":
            found = entry
        before = entry
    return found


_TIES = 11
"""Bits of the serial that part items published at the same instant: those of one batch."""
_START = datetime(1970, 1, 1, tzinfo=UTC)


def turn_of(state: ItemState) -> int:
    """Return the order of an item among those of its day: by first publication, then by its serial.

    The sequence of its first version would be the same order, but who reads the record after a withdrawal never
    learns it; this follows from any version's state.
    """
    micros = (state.published_at - _START) // timedelta(microseconds=1)
    serial = state.url.rstrip("/").rpartition("/")[2]
    return (micros << _TIES) | (int(serial) % (1 << _TIES) if serial.isdecimal() else 0)


def scalars(state: ItemState, zone: tzinfo) -> dict[str, Any]:
    """Return the columns of `item` that lists and queries read, as plain values."""
    corrected = correction(state)
    return {
        "department": state.department.code,
        "key": f"{state.department.code}/{state.source_id}",
        "url": state.url,
        "version": state.version,
        "standing": state.state,
        "scopes": [list(scope) for scope in scopes(state)],
        "title": state.title,
        "summary": (state.summary or "")[:500] or None,
        "catalogue": state.catalogue,
        "genre": state.genre,
        "language": state.language,
        "document_number": state.document_number,
        "validity": state.validity,
        "on_application": state.disclosure == "on_application",
        "urgent": state.important or state.catalogue == "emergency",
        "attachments": len(state.attachments),
        "phone": state.contact.phone if state.contact else None,
        "period": state.period.model_dump(mode="json") if state.period else None,
        "opens_at": state.period.opens_at if state.period else None,
        "closes_at": state.period.closes_at if state.period else None,
        "day": day_of(state, zone),
        "turn": turn_of(state),
        "published_at": state.published_at,
        "updated_at": state.updated_at,
        "effective_on": state.effective_on,
        "reason": state.reason,
        "redirect_to": state.redirect_to,
        "corrected_version": corrected.version if corrected else None,
        "corrected_at": corrected.at if corrected else None,
        "corrected_year": local_day(corrected.at, zone).year if corrected else None,
        "correction_note": corrected.note if corrected else None,
    }


def badges(row: Any, *, now: datetime | None, explained: bool) -> tuple[Badge, ...]:
    """Return what a list row of *row* (columns of `item`) says beside its title at the record's instant *now*."""
    found: list[Badge] = []
    if explained:
        found.append("explained")
    if row.standing == "withdrawn":
        return (*found, "withdrawn")
    if row.corrected_version is not None:
        found.append("corrected")
    if row.validity in {"amended", "repealed", "expired"}:
        found.append(row.validity)
    if row.on_application:
        found.append("on_application")
    if row.period:
        stage = phase(Period.model_validate(row.period), max(now or row.updated_at, row.updated_at))
        if stage != "pending":
            found.append("ongoing" if stage == "open" else "closed")
    return tuple(found)


def visible_versions(kept: Iterable[tuple[int, str, bool]], state: ItemState) -> list[int]:
    """Return the versions of *state*'s item that have a page of their own, ascending.

    *kept* holds (version, standing, has text). Sealed ones have none; neither has a withdrawal of any kind, nor
    what lies before one (the record feed leaves that out for ever), nor anything while the item is withdrawn.
    """
    if state.state != "published":
        return []
    rows = list(kept)
    withdrawals = (entry.version for entry in state.history if entry.change == "withdrawal")
    floor = max(withdrawals, default=0)
    sealed = {entry.version for entry in state.history if entry.sealed}
    return sorted(
        version
        for version, standing, has_text in rows
        if standing == "published"
        and has_text
        and floor < version <= state.version
        and version not in sealed
    )
