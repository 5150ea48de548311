"""Cut the days that are too long for one list into parts of 200 places, which do not move while items only come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.count_buckets import Counted
from services.publisher.rules import dirt
from services.publisher.rules.dirt import LIST, PART, Bucket, Dirt
from services.publisher.rules.places import Move, cut_day
from services.publisher.tables import bucket as table

_END = 2**63 - 1
Parts = dict[int, dict[str, Any]]
"""Number of a part → its counters."""


async def part_days(
    session: AsyncSession, days: Sequence[Counted], moves: Sequence[Move]
) -> list[Dirt]:
    """Keep the parts of *days* in line with their members; return the lists that this changes.

    A new item comes last, so that only the last part is read; one that comes late or leaves moves those behind it.
    """
    found: list[Dirt] = []
    for counted in days:
        day = counted.bucket
        stored = await _stored(session, day)
        touched = [move for move in moves if _touches(move, day)]
        wanted, keeps = await _wanted(session, day, stored, touched)
        changed = await _keep(session, day, stored, wanted, keeps)
        changed |= _entered(touched, wanted)
        if dirt.is_calendar(day.scope):
            rows = [Bucket(*day.scope, PART, day.start, part) for part in sorted(changed)]
            found += [dirt.calendar(part, LIST) for part in rows]
            if day.department and not day.entry and rows:
                found += [*(dirt.sitemap(part) for part in rows), dirt.sitemap_index()]
    return found


def _touches(move: Move, day: Bucket) -> bool:
    return any(
        place.day == day.start and day.scope in place.scopes
        for place in (move.old, move.new)
        if place
    )


async def _stored(session: AsyncSession, day: Bucket) -> list[Any]:
    rows = await session.execute(
        select(table)
        .where(
            table.c.department == day.department,
            table.c.entry == day.entry,
            table.c.step == PART,
            table.c.start == day.start,
        )
        .order_by(table.c.part)
    )
    return list(rows)


async def _wanted(
    session: AsyncSession, day: Bucket, stored: Sequence[Any], touched: Sequence[Move]
) -> tuple[Parts, int]:
    """Return the parts that may differ from what is stored, and how many of the stored ones stay where they are."""
    turns = [
        place.turn for move in touched if not move.stays for place in (move.old, move.new) if place
    ]
    keeps = _index(stored, min(turns)) if turns and stored else (len(stored) if stored else 0)
    wanted: Parts = {}
    if turns or not stored:
        first = stored[keeps].from_turn if stored and keeps else -1
        for offset, part in enumerate(cut_day(await _members(session, day, first, _END))):
            wanted[keeps + 1 + offset] = part
    for one in {_index(stored, move.new.turn) for move in touched if move.stays and stored}:
        if one < keeps:
            before = stored[one + 1].from_turn if one + 1 < len(stored) else _END
            (wanted[one + 1],) = cut_day(
                await _members(session, day, stored[one].from_turn, before), whole=True
            )
    return wanted, keeps


def _index(stored: Sequence[Any], turn: int) -> int:
    """Return the index of the stored part that *turn* falls into; what comes before all falls into the first."""
    return max((n for n, part in enumerate(stored) if part.from_turn <= turn), default=0)


async def _members(session: AsyncSession, day: Bucket, first: int, before: int) -> list[Any]:
    rows = await session.execute(
        text(
            "SELECT m.turn, m.listed, m.sequence, i.updated_at FROM publisher.member m "
            "JOIN publisher.item i USING (item_id) WHERE m.department = :department AND m.entry = :entry "
            "AND m.day = :day AND m.turn >= :first AND m.turn < :before ORDER BY m.turn, m.item_id"
        ),
        {
            "department": day.department,
            "entry": day.entry,
            "day": day.start,
            "first": first,
            "before": before,
        },
    )
    return list(rows)


def _entered(touched: Sequence[Move], wanted: Parts) -> set[int]:
    """Return the parts whose members *touched* changes, whatever is counted: one may leave as another comes."""
    starts = sorted((part["from_turn"], number) for number, part in wanted.items())
    turns = {place.turn for move in touched for place in (move.old, move.new) if place}
    return {
        max((number for start, number in starts if start <= turn), default=starts[0][1])
        for turn in turns
        if starts
    }


async def _keep(
    session: AsyncSession, day: Bucket, stored: Sequence[Any], wanted: Parts, keeps: int
) -> set[int]:
    """Store what differs; return the numbers of parts whose list changes, with those beside new or former ones."""
    old = {row.part: row for row in stored}
    differing = {
        part for part, new in wanted.items() if part not in old or _differs(old[part], new)
    }
    last = max([keeps, *wanted])
    surplus = {part for part in old if part > last}
    key = {"department": day.department, "entry": day.entry, "step": PART, "start": day.start}
    if surplus:
        await session.execute(
            delete(table).where(
                *(table.c[name] == value for name, value in key.items()), table.c.part.in_(surplus)
            )
        )
    if differing:
        statement = insert(table)
        fresh = {
            name: statement.excluded[name]
            for name in ("slots", "listed", "sequence", "at", "from_turn")
        }
        await session.execute(
            statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=fresh),
            [{**key, "part": part, **wanted[part]} for part in sorted(differing)],
        )
    turned = {
        part
        for part in differing
        if part not in old or (old[part].listed == 0) != (wanted[part]["listed"] == 0)
    }
    beside = {near for part in turned | surplus for near in (part - 1, part + 1)} & {
        *old,
        *wanted,
    } - surplus
    return differing | surplus | beside


def _differs(row: Any, new: dict[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in new.items())
