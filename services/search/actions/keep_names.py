"""Keep the names of bodies and lists, as the record says them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.search.tables import directory
from shared.events.record import DepartmentState, SiteState


async def keep_names(session: AsyncSession, states: Iterable[DepartmentState | SiteState]) -> bool:
    """Store the newest state of each body and list, ignoring older ones; say whether there were any."""
    newest: dict[str, dict[str, Any]] = {}
    for state in states:
        row = row_of(state)
        if row["key"] not in newest or newest[row["key"]]["sequence"] < state.sequence:
            newest[row["key"]] = row
    if not newest:
        return False
    rows = insert(directory).values([newest[key] for key in sorted(newest)])
    changed = {name: rows.excluded[name] for name in ("version", "sequence", "epoch", "state")}
    newer = or_(
        directory.c.epoch.is_distinct_from(rows.excluded.epoch),
        directory.c.sequence < rows.excluded.sequence,
    )
    await session.execute(
        rows.on_conflict_do_update(index_elements=["key"], set_=changed, where=newer)
    )
    return True


def row_of(state: DepartmentState | SiteState) -> dict[str, Any]:
    """Return the row that holds *state*."""
    key = f"department:{state.code}" if isinstance(state, DepartmentState) else f"site:{state.key}"
    return {
        "key": key,
        "version": state.version,
        "sequence": state.sequence,
        "epoch": state.epoch,
        "state": state.model_dump_json(by_alias=True),
    }
