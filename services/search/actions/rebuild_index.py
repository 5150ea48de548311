"""Make the index anew beside the living one, from the record feed, and swap the two."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.search.actions.index_states import Seen
from services.search.actions.keep_names import row_of
from services.search.engines.engine import Engine
from services.search.engines.shelf import Shelf
from services.search.rules.card import card_of
from services.search.tables import directory, tables
from shared import failpoints
from shared.events.record import AnyRecord, ItemState, RecordEvent, parse_record
from shared.feed import RecordFeed
from shared.position import named_in

log = structlog.get_logger()

_ROWS = 1000


class EpochChanged(Exception):
    """The record began a new epoch while it was read; begin again."""


@dataclass
class Rebuilt:
    """What a rebuild read: which version of each item is shown now, and the names."""

    epoch: UUID | None = None
    through: int = 0
    items: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, dict[str, Any]] = field(default_factory=dict)


async def rebuild_index(shelf: Shelf, feed: RecordFeed, zone: tzinfo) -> Rebuilt:
    """Rebuild and swap; searches and the living index go on meanwhile, writes wait only for the last few events.

    Raises `FeedUnreachable`, and then nothing has changed.
    """
    async with shelf.rebuilding:
        name, engine = await asyncio.to_thread(shelf.begin)
        retired: Engine = engine
        try:
            rebuilt = Rebuilt()
            await _fill(rebuilt, engine, feed, zone)
            await failpoints.reach("rebuild.filled")
            async with shelf.turn:
                await _fill(rebuilt, engine, feed, zone)
                if rebuilt.epoch is not None:
                    retired = await asyncio.to_thread(shelf.swap, name, engine, rebuilt.epoch)
                if shelf.shared:  # what another copy wrote to the index before until the swap
                    await _fill(rebuilt, shelf.engine, feed, zone)
        finally:
            await asyncio.to_thread(shelf.drop, retired)
    log.info("index_rebuilt", service="search", items=len(rebuilt.items), through=rebuilt.through)
    return rebuilt


async def replace_rows(session: AsyncSession, rebuilt: Rebuilt, *, now: datetime) -> None:
    """Make the tables say what *rebuilt* shows: after a restore their versions may be ahead of the record's."""
    await session.execute(delete(tables.shown))
    await session.execute(delete(directory))
    rows = [{**row, "since": now} for row in rebuilt.items.values()]
    for n in range(0, len(rows), _ROWS):
        await session.execute(insert(tables.shown), rows[n : n + _ROWS])
    if rebuilt.names:
        await session.execute(insert(directory), list(rebuilt.names.values()))


async def _fill(rebuilt: Rebuilt, engine: Engine, feed: RecordFeed, zone: tzinfo) -> None:
    """Read the feed from where *rebuilt* stands to its head."""
    while True:
        page = await feed.read(rebuilt.through)
        if rebuilt.epoch not in (None, page.epoch):
            raise EpochChanged
        rebuilt.epoch = page.epoch
        if page.events:
            await asyncio.to_thread(_apply, rebuilt, engine, page.events, zone)
        ended = page.through >= page.head or page.through <= rebuilt.through
        rebuilt.through = max(rebuilt.through, page.through)
        if ended:
            return


def _apply(rebuilt: Rebuilt, engine: Engine, raw: Sequence[bytes], zone: tzinfo) -> None:
    newest: dict[UUID, ItemState] = {}
    for event in _readable(raw):
        if isinstance(event, RecordEvent):
            if _newer(rebuilt, event):
                newest[event.data.item_id] = event.data
                rebuilt.items[event.data.item_id] = _row(Seen(event.data, event.statesha256))
        else:
            _keep_name(rebuilt, event)
    engine.write([card_of(state, zone) for state in newest.values()])


def _readable(raw: Sequence[bytes]) -> Iterator[AnyRecord]:
    """Read events; one that cannot be read is left out: who hears the record parks it."""
    for one in raw:
        try:
            event = parse_record(one)
        except (ValueError, RecursionError) as error:
            log.error(
                "event_left_out",
                service="search",
                sequence=named_in(one)[0],
                reason=type(error).__name__,
            )
            continue
        yield event


def _newer(rebuilt: Rebuilt, event: RecordEvent) -> bool:
    held = rebuilt.items.get(event.data.item_id)
    return held is None or int(held["version"]) < event.data.version


def _row(seen: Seen) -> dict[str, Any]:
    state = seen.state
    return {
        "item_id": state.item_id,
        "version": state.version,
        "sequence": state.sequence,
        "sha256": seen.sha256,
    }


def _keep_name(rebuilt: Rebuilt, event: AnyRecord) -> None:
    if not isinstance(event, RecordEvent):
        row = row_of(event.data)
        rebuilt.names[row["key"]] = row
