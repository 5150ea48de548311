"""Anti-entropy of delivery: what an EFFECTS event lost, the projections' `/internal/shown` still tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.catalog.actions.note_visible import note_visible
from shared.events.effects import Visible


async def hear_shown(
    sessions: async_sessionmaker[AsyncSession],
    client: httpx.AsyncClient,
    projections: Mapping[str, str],
    *,
    token: str,
) -> None:
    """Read what each projection shows and note first visibilities that are not known yet."""
    for service, address in projections.items():
        after: str | None = "00000000-0000-0000-0000-000000000000"
        while after:
            answer = await client.get(
                address, params={"after": after}, headers={"Authorization": f"Bearer {token}"}
            )
            answer.raise_for_status()
            page: dict[str, Any] = answer.json()
            async with sessions.begin() as session:
                await note_visible(session, [_visible(service, row) for row in page["shown"]])
            after = page.get("next")


def _visible(service: str, row: dict[str, Any]) -> Visible:
    return Visible(
        service=service,
        department="",
        item_id=UUID(row["item_id"]),
        version=row["version"],
        visible_at=datetime.fromisoformat(row["since"]),
    )
