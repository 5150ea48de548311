"""Names of bodies, entries and the site, as the record says them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.tables import directory
from shared.events.record import DepartmentState, SiteState


async def keep_names(session: AsyncSession, states: Iterable[DepartmentState | SiteState]) -> None:
    """Store the newest state of each body and list; older ones are ignored."""
    newest: dict[str, dict[str, Any]] = {}
    for state in states:
        key = _key(state)
        if key and (key not in newest or newest[key]["sequence"] < state.sequence):
            newest[key] = {
                "key": key,
                "version": state.version,
                "sequence": state.sequence,
                "epoch": state.epoch,
                "state": state.model_dump(mode="json", by_alias=True),
            }
    if not newest:
        return
    rows = insert(directory).values([newest[key] for key in sorted(newest)])
    columns = {name: rows.excluded[name] for name in ("version", "sequence", "epoch", "state")}
    newer = or_(
        directory.c.epoch.is_distinct_from(rows.excluded.epoch),
        directory.c.sequence < rows.excluded.sequence,
    )
    await session.execute(
        rows.on_conflict_do_update(index_elements=["key"], set_=columns, where=newer)
    )


def _key(state: DepartmentState | SiteState) -> str | None:
    if isinstance(state, DepartmentState):
        return f"department:{state.code}"
    return state.key if state.key in ("catalogue", "settings") else None
