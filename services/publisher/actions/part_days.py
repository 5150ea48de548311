"""Cut the days that are too long for one list into parts of 200 places, which never move while items only come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.count_buckets import Counted
from services.publisher.rules import dirt
from services.publisher.rules.dirt import FULL, LIST, PART, Bucket, Dirt
from services.publisher.rules.places import Move
from services.publisher.tables import bucket as table


async def part_days(
    session: AsyncSession, days: Sequence[Counted], moves: Sequence[Move]
) -> list[Dirt]:
    """Keep the parts of *days* in line with their members; return the lists that this changes.

    A new item comes last, so that only the last part is read; one that comes late or leaves moves those behind it.
    """
    found: list[Dirt] = []
    for counted in days:
        day = counted.bucket
        touched = [move for move in moves if _touches(move, day)]
        stored = await _stored(session, day)
        begin = _first_place(touched, stored)
        wanted = await _cut(session, day, stored, begin)
        changed = await _keep(session, day, stored, wanted)
        if dirt.is_calendar(day.scope):
            rows = [Bucket(*day.scope, PART, day.start, part) for part in changed]
            found += [dirt.calendar(part, LIST) for part in rows]
            if day.department and not day.entry:
                found += [dirt.sitemap(part) for part in rows] + [dirt.sitemap_index()]
    return found


def _touches(move: Move, day: Bucket) -> bool:
    return any(
        place is not None and place.day == day.start and day.scope in place.scopes
        for place in (move.old, move.new)
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


def _first_place(touched: Sequence[Move], stored: Sequence[Any]) -> int:
    """Return the index of the first stored part that has to be cut again."""
    lowest = min(
        place.first_sequence
        for move in touched
        for place in (move.old, move.new)
        if place is not None
    )
    return max((n for n, part in enumerate(stored) if part.from_sequence <= lowest), default=0)


async def _cut(
    session: AsyncSession, day: Bucket, stored: Sequence[Any], begin: int
) -> dict[int, dict[str, Any]]:
    """Return the parts from the one at *begin* on, as the members make them."""
    rows = await session.execute(
        text(
            "SELECT m.first_sequence, m.listed, m.sequence, i.updated_at FROM publisher.member m "
            "JOIN publisher.item i USING (item_id) WHERE m.department = :department AND m.entry = :entry "
            "AND m.day = :day AND m.first_sequence >= :first ORDER BY m.first_sequence, m.item_id"
        ),
        {
            "department": day.department,
            "entry": day.entry,
            "day": day.start,
            "first": stored[begin].from_sequence if stored and begin else -1,
        },
    )
    members = list(rows)
    parts: dict[int, dict[str, Any]] = {}
    for offset in range(0, len(members), FULL):
        chunk = members[offset : offset + FULL]
        newest = max(chunk, key=lambda row: row.sequence)
        parts[begin + 1 + offset // FULL] = {
            "slots": len(chunk),
            "listed": sum(row.listed for row in chunk),
            "sequence": newest.sequence,
            "at": newest.updated_at,
            "from_sequence": chunk[0].first_sequence,
        }
    return parts


async def _keep(
    session: AsyncSession, day: Bucket, stored: Sequence[Any], wanted: dict[int, dict[str, Any]]
) -> set[int]:
    """Store what differs; return the numbers of parts whose list changes, with those beside new ones."""
    old = {row.part: row for row in stored}
    differing = {
        part for part, new in wanted.items() if part not in old or _differs(old[part], new)
    }
    surplus = {part for part in old if part > max(wanted, default=0)}
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
            for name in ("slots", "listed", "sequence", "at", "from_sequence")
        }
        await session.execute(
            statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=fresh),
            [{**key, "part": part, **wanted[part]} for part in sorted(differing)],
        )
    appearing = {part for part in wanted if part not in old} | surplus
    beside = {part - 1 for part in appearing} & {*old, *wanted}
    return differing | surplus | beside


def _differs(row: Any, new: dict[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in new.items())
