"""Events in: the record, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.search.actions.index_states import Seen, index_states
from services.search.actions.keep_names import keep_names
from services.search.engines.shelf import Shelf
from services.search.names import NameBoard
from services.search.tables import SCHEMA
from shared import failpoints
from shared.bus import hears
from shared.events.effects import VisibleEvent, visible
from shared.events.record import AnyRecord, RecordEvent, parse_record
from shared.purging import note_purges

log = structlog.get_logger()


@hears("RECORD", durable="search", parse=parse_record)
async def on_record(
    events: Sequence[AnyRecord],
    session: AsyncSession,
    now: datetime,
    *,
    shelf: Shelf,
    names: NameBoard,
    zone: tzinfo,
) -> Sequence[VisibleEvent]:
    """Index a batch in one commit, keep the names, and say what became visible."""
    if await keep_names(session, [e.data for e in events if not isinstance(e, RecordEvent)]):
        await names.read(session)
    seen = [Seen(e.data, e.statesha256, e.trace) for e in events if isinstance(e, RecordEvent)]
    shown = await index_states(session, seen, shelf=shelf, zone=zone, now=now)
    await failpoints.reach("index.noted")
    await note_purges(session, SCHEMA, (each.state for each in seen))
    if shown:
        log.info("states_indexed", service="search", items=len(shown))
    return [
        visible(
            "search",
            each.item_id,
            each.version,
            department=each.department,
            at=each.at,
            trace=each.trace,
        )
        for each in shown
    ]
