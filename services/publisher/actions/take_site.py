"""Take the lists of the whole site, and the passing of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.queue_everything import queue_everything
from services.publisher.actions.queue_paths import queue_paths
from services.publisher.actions.settle_lists import lists_of
from services.publisher.reads.frame import entries_of
from services.publisher.rules import dirt
from services.publisher.rules.dirt import LIST
from services.publisher.rules.places import place_kept
from services.publisher.tables import item, listing, site
from shared.events.record import SiteState


async def take_site(session: AsyncSession, states: Sequence[SiteState]) -> None:
    """Store lists that are newer than what is held; the day changes what depends on time, the others every page."""
    newest: dict[str, SiteState] = {}
    for state in states:
        if state.key not in newest or newest[state.key].version < state.version:
            newest[state.key] = state
    everything = False
    for key in sorted(newest):
        before = await _keep(session, newest[key])
        if before is _STALE:
            continue
        if key == "day":
            await _pass_time(session, before, newest[key].value)
        elif before != newest[key].value:
            everything = True
            if key == "catalogue":
                await queue_paths(session, _entries(before))
    if everything:
        await queue_everything(session)


_STALE = object()
_EVER = datetime(1, 1, 2, tzinfo=UTC)


async def _keep(session: AsyncSession, state: SiteState) -> Any:
    """Store *state* if it is newer; return the value before it (None: there was none), or `_STALE`."""
    held = await session.execute(
        select(site.c.version, site.c.value).where(site.c.key == state.key).with_for_update()
    )
    before = held.first()
    if before is not None and before.version >= state.version:
        return _STALE
    statement = insert(site).values(
        key=state.key, version=state.version, sequence=state.sequence, value=state.value
    )
    columns = {name: column for name, column in statement.excluded.items() if name != "key"}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[site.c.key],
            set_=columns,
            where=site.c.version < statement.excluded.version,
        )
    )
    return before.value if before is not None else None


def _entries(catalogue: Any) -> list[dirt.Dirt]:
    """Return the pages of the entries of a catalogue that is no more: those that are in no newer one go."""
    return [dirt.entry(("", code), dirt.LATER) for code in entries_of(catalogue or {})]


async def _pass_time(session: AsyncSession, before: Any, value: dict[str, Any]) -> None:
    """Queue the pages and lists of items whose period was not over yet, and what says when something was due."""
    since = datetime.fromisoformat(before["at"]) if before else _EVER
    timed = and_(
        item.c.period.is_not(None), or_(item.c.closes_at.is_(None), item.c.closes_at > since)
    )
    rows = await session.execute(select(item.c.item_id, item.c.url).where(timed))
    found = [dirt.refresh(row.item_id, row.url) for row in rows]
    placed = await session.execute(
        select(listing).join(item, item.c.item_id == listing.c.item_id).where(timed)
    )
    found += await lists_of(session, [place_kept(row) for row in placed], LIST)
    found += dirt.site_pages()
    if not before or before["today"] != value["today"]:
        found += await _blank_entries(session)
    await queue_paths(session, found)


async def _blank_entries(session: AsyncSession) -> list[dirt.Dirt]:
    """Return the pages of entries that bodies have left blank: they say when something should have appeared."""
    rows = await session.execute(
        text(
            "SELECT d.code, e.value->>'code' AS entry FROM publisher.department d, publisher.site s, "
            "jsonb_array_elements(s.value->'entries') AS e (value) WHERE s.key = 'catalogue' "
            "AND e.value->>'frequency' IN ('weekly', 'biweekly', 'monthly', 'quarterly', 'yearly') "
            "AND NOT EXISTS (SELECT 1 FROM publisher.bucket b WHERE b.department = d.code "
            "AND b.entry = e.value->>'code' AND b.step = 0 AND b.listed > 0)"
        )
    )
    return [dirt.entry((row.code, row.entry), dirt.LATER) for row in rows]
