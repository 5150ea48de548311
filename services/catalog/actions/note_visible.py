"""Note when a projection showed a version for the first time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.events.effects import Visible


async def note_visible(session: AsyncSession, effects: Sequence[Visible]) -> None:
    """Store *effects*; the first time stays, whatever is said later."""
    if not effects:
        return
    await session.execute(
        text(
            "INSERT INTO catalog.visible (service, item_id, version, visible_at) SELECT * FROM unnest("
            "CAST(:services AS text[]), CAST(:items AS uuid[]), CAST(:versions AS int[]), CAST(:times AS timestamptz[])) "
            "ON CONFLICT DO NOTHING"
        ),
        {
            "services": [e.service for e in effects],
            "items": [e.item_id for e in effects],
            "versions": [e.version for e in effects],
            "times": [e.visible_at for e in effects],
        },
    )
