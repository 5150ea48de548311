"""After a restore: a new epoch, in which every projection rebuilds what it shows and tells nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.prepare_events import incoming
from services.catalog.batch import locking
from services.catalog.doors import Doors
from services.catalog.rules import Incoming
from shared.events.intake import WithdrawalData
from shared.session import together

REASON = "备份之后已撤下。"
REPLACED = "原文已依法封存，更正后的文本将重新公开。"


@dataclass(frozen=True)
class Withdrawn:
    """An item that is known to have been withdrawn after the backup."""

    department: str
    source_id: str
    kind: str
    reason: str
    redirect_to: str | None = None


@dataclass(frozen=True)
class Sealed:
    """A version whose text is known to have been sealed after the backup; *at* tells it from one of another history."""

    department: str
    source_id: str
    version: int
    at: datetime


async def begin_epoch(session: AsyncSession, *, epoch: UUID) -> None:
    """Give the record another epoch."""
    await session.execute(text("UPDATE catalog.head SET epoch = :epoch"), {"epoch": epoch})


async def withdraw_again(
    session: AsyncSession, known: Sequence[Withdrawn], *, epoch: UUID, now: datetime, doors: Doors
) -> list[str]:
    """Withdraw those of *known* that the record shows otherwise; return their names, `department/source_id`.

    Also what only waits to be published, and what leaked and was refused: it was withdrawn later than it waits.
    """
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
            remembered=False,  # not `released`: it takes what waits of the item along
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
    """Return the state of those of *known* that are there: on the record, or only on the waiting list."""
    rows = await session.execute(
        text(
            "SELECT k.department, k.source_id, coalesce(i.state, 'waiting') AS state FROM "
            "unnest(CAST(:departments AS text[]), CAST(:sources AS text[]), CAST(:kinds AS text[])) "
            "AS k(department, source_id, kind) LEFT JOIN catalog.item i USING (department, source_id) "
            "WHERE i.item_id IS NOT NULL OR EXISTS (SELECT 1 FROM catalog.waiting w WHERE w.department = k.department "
            "AND w.source_id = k.source_id AND (w.decision IS NULL OR k.kind = 'vanish'))"
        ),
        {
            "departments": [each.department for each in known],
            "sources": [each.source_id for each in known],
            "kinds": [each.kind for each in known],
        },
    )
    return {(row.department, row.source_id): row.state for row in rows}


# --- what was sealed since


async def seal_again(
    session: AsyncSession, known: Sequence[Sealed], *, epoch: UUID, now: datetime, doors: Doors
) -> list[str]:
    """Seal those of *known* that the record holds in clear; return their names, `department/source_id v<n>`.

    A seal always takes the newest text there is, so the one that replaced it is not in the backup: the item is gone
    until its department sends that again. Later versions go as well: their histories have the notes.
    """
    await together(session, locking(each.department for each in known))
    rows = (await session.execute(text(_IN_CLEAR), _columns(known))).all()
    events = [_sealing(row, epoch) for row in rows]
    if events:
        await accept_items(session, events, now=now, doors=doors)
    return [f"{row.department}/{row.source_id} v{n}" for row in rows for n in row.versions]


def _sealing(row: Any, epoch: UUID) -> Incoming:
    titled = row.state == "withdrawn" and row.version not in row.versions
    kind = row.state if titled or row.state == "vanish" else "gone"
    event = incoming(
        WithdrawalData(kind=kind, reason=row.reason or REPLACED),
        department=row.department,
        source_id=row.source_id,
        event_id=f"resealed-{epoch}-{row.item_id}",
        released="clock",  # a correction that waits goes on waiting
    )
    return replace(event, sealing=tuple(range(min(row.versions), row.version + 1)))


_IN_CLEAR = (
    "SELECT i.item_id, i.department, i.source_id, i.version, i.state, CAST(o.body AS jsonb) #>> '{data,reason}' AS reason, "
    "array_agg(v.version ORDER BY v.version) AS versions FROM unnest(CAST(:departments AS text[]), "
    "CAST(:sources AS text[]), CAST(:versions AS int[]), CAST(:ats AS timestamptz[])) AS k(d, s, n, at) "
    "JOIN catalog.item i ON i.department = k.d AND i.source_id = k.s JOIN catalog.outbox o USING (outbox_id) "
    "JOIN catalog.version v ON v.item_id = i.item_id AND v.version = k.n AND v.at = k.at AND v.sha256 <> '' "
    "GROUP BY i.item_id, o.body ORDER BY i.item_id"
)


def _columns(known: Sequence[Sealed]) -> dict[str, Any]:
    return {
        "departments": [each.department for each in known],
        "sources": [each.source_id for each in known],
        "versions": [each.version for each in known],
        "ats": [each.at for each in known],
    }
