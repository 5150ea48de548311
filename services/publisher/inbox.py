"""What the publisher hears: the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.take_record import take_record
from shared.bus import hears
from shared.events.record import AnyRecord, parse_record


@hears("RECORD", durable="publisher", parse=parse_record)
async def on_record(
    events: Sequence[AnyRecord], session: AsyncSession, now: datetime, *, zone: tzinfo
) -> None:
    """Keep the newest states and queue what they dirty; the renderer writes it after the commit."""
    del now
    await take_record(session, events, zone=zone)
