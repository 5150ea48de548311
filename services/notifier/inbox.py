"""Events in: the record, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.keep_names import keep_names
from services.notifier.actions.queue_notices import Seen, queue_notices
from services.notifier.matcher import Matcher
from shared import failpoints
from shared.bus import hears
from shared.events.record import AnyRecord, RecordEvent, parse_record
from shared.purging import note_purges

log = structlog.get_logger()


@hears("RECORD", durable="notifier", parse=parse_record, pace=0.25)
async def on_record(
    events: Sequence[AnyRecord],
    session: AsyncSession,
    now: datetime,
    *,
    matcher: Matcher,
    timezone: str,
) -> None:
    """Keep the names and queue one mail or webhook per notice and matching subscriber."""
    await keep_names(
        session, [event.data for event in events if not isinstance(event, RecordEvent)]
    )
    seen = [
        Seen(event.data, event.statesha256, event.trace)
        for event in events
        if isinstance(event, RecordEvent)
    ]
    if not seen:
        return
    queued = await queue_notices(session, seen, matcher=matcher, timezone=timezone, now=now)
    await note_purges(session, "notifier", (each.state for each in seen))
    await failpoints.reach("mail.queued")
    if queued:
        log.info("notices_queued", service="notifier", deliveries=queued, items=len(seen))
