"""Take an item with personal data (公示) out of every sink when its time is over (`remove_after`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.prepare_events import incoming
from services.catalog.batch import locking
from services.catalog.doors import Doors
from shared.events.intake import WithdrawalData
from shared.events.outcomes import Outcome
from shared.session import together

REASON = "公示期已满，按规定撤下。"


async def remove_due(session: AsyncSession, *, now: datetime, doors: Doors) -> list[Outcome]:
    """Withdraw, as `gone`, what was published only until now."""
    await together(session, locking(row.department for row in await _due(session)))
    rows = await _due(session)
    if not rows:
        return []
    events = [
        incoming(
            WithdrawalData(kind="gone", reason=REASON),
            department=row.department,
            source_id=row.source_id,
            event_id=f"remove-after-{row.item_id}-{row.version}",
            released="clock",
        )
        for row in rows
    ]
    return await accept_items(session, events, now=now, doors=doors)


async def _due(session: AsyncSession) -> Sequence[Any]:
    rows = await session.execute(
        text(
            "SELECT item_id, version, department, source_id FROM catalog.item WHERE remove_after <= now() "
            "AND state = 'published' ORDER BY remove_after, item_id LIMIT 100"
        )
    )
    return rows.all()
