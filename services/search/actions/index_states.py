"""Index the newest states of items, and note which version is shown since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.search.engines.engine import Engine
from services.search.engines.shelf import Shelf
from services.search.rules.card import card_of
from services.search.tables import tables
from shared.arrays import inserting
from shared.events.record import ItemState
from shared.session import together


@dataclass(frozen=True)
class Seen:
    """An item's state as the record says it, with the SHA-256 of it."""

    state: ItemState
    sha256: str
    trace: str | None = None
    """The `traceparent` of the event that says it."""


@dataclass(frozen=True)
class Shown:
    """A version that is visible for the first time."""

    item_id: UUID
    department: str
    version: int
    at: datetime
    trace: str | None = None


async def index_states(
    session: AsyncSession, seen: Sequence[Seen], *, shelf: Shelf, zone: tzinfo, now: datetime
) -> list[Shown]:
    """Index what is newer than what is held, in one commit; return what became visible.

    The index is written before the transaction commits: a crash between the two repeats the work, and never leaves
    a row that says more than the index shows.
    """
    started = time.monotonic()
    newer = await _newer(session, seen)
    if not newer:
        return []
    async with shelf.turn:
        await asyncio.to_thread(write_states, shelf.engine, [each.state for each in newer], zone)
        shelf.belong_to(newer[0].state.epoch)
    at = now + timedelta(seconds=time.monotonic() - started)
    noted = await _note(session, newer, at)
    return [
        Shown(each.state.item_id, each.state.department.code, each.state.version, at, each.trace)
        for each in newer
        if each.state.item_id in noted
    ]


def write_states(engine: Engine, states: Sequence[ItemState], zone: tzinfo) -> None:
    """Write the cards of *states*, except where the index already holds a newer version (a rebuild came first)."""
    held = engine.versions([str(state.item_id) for state in states])
    engine.write(
        [
            card_of(state, zone)
            for state in states
            if held.get(str(state.item_id), 0) <= state.version
        ]
    )


async def _newer(session: AsyncSession, seen: Sequence[Seen]) -> list[Seen]:
    """Return the newest state of each item, where it is newer than the version that is held."""
    newest: dict[UUID, Seen] = {}
    for each in seen:
        known = newest.get(each.state.item_id)
        if known is None or known.state.version < each.state.version:
            newest[each.state.item_id] = each
    if not newest:
        return []
    rows = await session.execute(
        text("SELECT item_id, version FROM search.shown WHERE item_id = ANY(:ids)"),
        {"ids": list(newest)},
    )
    held = {row.item_id: row.version for row in rows}
    return [each for key, each in newest.items() if held.get(key, 0) < each.state.version]


async def _note(session: AsyncSession, newer: Sequence[Seen], at: datetime) -> set[UUID]:
    """Note what is shown; return the items that no other copy of the service has noted in the meantime."""
    values = [
        {
            "item_id": each.state.item_id,
            "version": each.state.version,
            "sequence": each.state.sequence,
            "sha256": each.sha256,
            "since": at,
        }
        for each in sorted(newer, key=lambda each: each.state.item_id)
    ]
    [noted] = await together(session, _NOTE(values))
    return {row.item_id for row in noted}


_NOTE = inserting(
    tables.shown,
    tail="ON CONFLICT (item_id) DO UPDATE SET version = excluded.version, sequence = excluded.sequence, "
    "sha256 = excluded.sha256, since = excluded.since WHERE shown.version < excluded.version "
    "RETURNING item_id",
)
