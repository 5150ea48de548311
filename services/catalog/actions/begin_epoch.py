"""After a restore: a new epoch, in which every projection rebuilds what it shows and tells nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.prepare_events import incoming
from services.catalog.batch import locking
from services.catalog.doors import Doors
from shared.events.intake import WithdrawalData
from shared.session import together

REASON = "备份之后已撤下。"


@dataclass(frozen=True)
class Withdrawn:
    """An item that is known to have been withdrawn after the backup."""

    department: str
    source_id: str
    kind: str
    reason: str
    redirect_to: str | None = None


async def begin_epoch(session: AsyncSession, *, epoch: UUID) -> None:
    """Give the record another epoch."""
    await session.execute(text("UPDATE catalog.head SET epoch = :epoch"), {"epoch": epoch})


async def withdraw_again(
    session: AsyncSession, known: Sequence[Withdrawn], *, epoch: UUID, now: datetime, doors: Doors
) -> list[str]:
    """Withdraw those of *known* that the record shows otherwise; return their names, `department/source_id`."""
    await together(session, locking(each.department for each in known))
    standing = await _standing(session, known)
    due = [
        each
        for each in known
        if standing.get((each.department, each.source_id), each.kind) != each.kind
    ]
    events = [
        incoming(
            _withdrawal(each),
            department=each.department,
            source_id=each.source_id,
            event_id=f"restored-{epoch}-{number}",
            released="clock",
        )
        for number, each in enumerate(due)
    ]
    if events:
        await accept_items(session, events, now=now, doors=doors)
    return [f"{each.department}/{each.source_id}" for each in due]


def _withdrawal(each: Withdrawn) -> WithdrawalData:
    """Return the withdrawal; a redirect within the site has lost its target's name and becomes `gone`."""
    outside = (each.redirect_to or "").startswith("https://")
    kind = "gone" if each.kind == "redirect" and not outside else each.kind
    target = each.redirect_to if kind == "redirect" else None
    return WithdrawalData(kind=cast("Any", kind), reason=each.reason or REASON, redirect_to=target)


async def _standing(
    session: AsyncSession, known: Sequence[Withdrawn]
) -> dict[tuple[str, str], str]:
    rows = await session.execute(
        text(
            "SELECT i.department, i.source_id, i.state FROM catalog.item i "
            "JOIN unnest(CAST(:departments AS text[]), CAST(:sources AS text[])) AS k(department, source_id) "
            "USING (department, source_id)"
        ),
        {
            "departments": [each.department for each in known],
            "sources": [each.source_id for each in known],
        },
    )
    return {(row.department, row.source_id): row.state for row in rows}
