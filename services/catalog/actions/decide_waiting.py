"""Decide about a held item: approve it with a recorded reason, or return it to its department."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.prepare_events import restored
from services.catalog.batch import locking
from services.catalog.doors import Doors
from services.catalog.rules import Unreadable
from shared import failpoints
from shared.db import unreachable
from shared.errors import Problem, Refused
from shared.events.outcomes import Outcome
from shared.session import together


class NothingWaits(Refused):
    """没有这条待审信息，或已经处理。 / Nothing waits under this number, or it has been decided."""

    status = 404


class ReasonMissing(Refused):
    """请写明理由。 / Give a reason."""


async def decide_waiting(
    session: AsyncSession,
    waiting_id: int,
    *,
    approve: bool,
    by: str,
    reason: str,
    now: datetime,
    doors: Doors,
) -> Outcome:
    """Release the held event, or return it; its department hears either on OUTCOMES.

    Raises `NothingWaits`, `ReasonMissing`.
    """
    if not reason.strip():
        raise ReasonMissing
    row = await _close(
        session,
        waiting_id,
        "approved" if approve else "returned",
        by=by,
        reason=reason.strip(),
        now=now,
    )
    event = restored(row, released="person") if approve else _returned(row, reason.strip())
    [outcome] = await accept_items(session, [event], now=now, doors=doors)
    return outcome


async def _close(
    session: AsyncSession,
    waiting_id: int,
    decision: str,
    *,
    by: str,
    reason: str | None,
    now: datetime,
) -> Any:
    await _lock(session, "waiting_id = :id", id=waiting_id)
    row = (
        await session.execute(
            text(
                "UPDATE catalog.waiting SET decision = :decision, decided_at = :now, decided_by = :by, reason = :reason "
                "WHERE waiting_id = :id AND decision IS NULL AND kind = 'held' RETURNING *"
            ),
            {"decision": decision, "now": now, "by": by, "reason": reason, "id": waiting_id},
        )
    ).one_or_none()
    if row is None:
        raise NothingWaits(str(waiting_id))
    return row


async def _lock(session: AsyncSession, where: str, **values: Any) -> None:
    """Lock the departments of waiting rows before the rows, in the order in which intake locks them."""
    rows = await session.execute(
        text(f"SELECT DISTINCT department FROM catalog.waiting WHERE decision IS NULL AND {where}"),
        values,
    )
    await together(session, locking(row.department for row in rows))


def _returned(row: Any, reason: str) -> Unreadable:
    problem = Problem(
        path="/data",
        code="returned",
        message=f"审核退回：{reason} / Returned by the reviewer: {reason}",
        fix="请按理由修改后重新报送。 / Change it accordingly and send it again.",
    )
    return Unreadable(row.event_id, row.department, [problem], row.source_id)


async def release_all(
    sessions: async_sessionmaker[AsyncSession], *, now: datetime, doors: Doors
) -> None:
    """Release what is due; where that fails, one by one, so that only what is broken stays.

    Raises an `ExceptionGroup` of what has stayed.
    """
    try:
        async with sessions.begin() as session:
            await release_due(session, now=now, doors=doors)
        return
    except Exception as error:
        if unreachable(error):
            raise
    async with sessions() as session:
        rows = await session.execute(
            text(f"SELECT waiting_id FROM catalog.waiting WHERE {_DUE} ORDER BY publish_at"),
            {"now": now},
        )
        ids = [row.waiting_id for row in rows]
    broken: list[Exception] = []
    for waiting_id in ids:
        try:
            async with sessions.begin() as session:
                await release_due(session, now=now, doors=doors, only=waiting_id)
        except Exception as error:  # noqa: BLE001 -- it must not keep the others back
            broken.append(error)
    if broken:
        raise ExceptionGroup("not released", broken)


async def release_due(
    session: AsyncSession, *, now: datetime, doors: Doors, only: int | None = None
) -> list[Outcome]:
    """Publish what was scheduled for a time that has come by the database's clock, and by ours: *now*."""
    due = f"{_DUE} AND (CAST(:only AS bigint) IS NULL OR waiting_id = :only)"
    await _lock(session, due, now=now, only=only)
    rows = (
        await session.execute(
            text(
                "UPDATE catalog.waiting SET decision = 'released', decided_at = now() WHERE waiting_id IN ("
                f"SELECT waiting_id FROM catalog.waiting WHERE {due} "
                "ORDER BY publish_at LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING *"
            ),
            {"now": now, "only": only},
        )
    ).all()
    if not rows:
        return []
    released = [restored(row, released="clock") for row in rows]
    outcomes = await accept_items(session, released, now=now, doors=doors)
    await failpoints.reach("release.judged")
    return outcomes


_DUE = "decision IS NULL AND kind = 'scheduled' AND publish_at <= least(now(), CAST(:now AS timestamptz))"
"""One clock that is fast releases nothing early."""
