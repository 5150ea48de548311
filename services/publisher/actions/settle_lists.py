"""Settle the lists: count items at the places that their newest states ask for, and queue the lists this changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.count_buckets import Counted, count_buckets
from services.publisher.actions.part_days import part_days
from services.publisher.actions.queue_paths import queue_paths
from services.publisher.reads.around import ancestors, leaves_of, neighbours
from services.publisher.rules import dirt
from services.publisher.rules.dirt import DAY, FULL, LIST, LISTS_FIRST, MONTH, YEAR, Bucket, Dirt
from services.publisher.rules.places import CORRECTIONS, Move, Moves, place_kept, place_of
from services.publisher.tables import listing, member
from shared.arrays import inserting, renewing
from shared.session import together


async def settle_lists(
    session: AsyncSession, ids: Sequence[UUID], *, lists_first: bool = False
) -> None:
    """Bring members, counters and the queue in line with the newest states of *ids*.

    After their pages are written: all of them. Before (`lists_first`, a withdrawal): those whose pages are
    there already; the others are not in any list yet.
    """
    moves = await _moves(session, ids, known_only=lists_first)
    if not moves:
        return
    rank = LISTS_FIRST if lists_first else LIST
    await _keep_members(session, moves)
    counts = Moves()
    for move in moves:
        counts.add(move)
    counted = await count_buckets(session, counts.deltas)
    parts = await part_days(
        session, [one for one in counted if one.bucket.step == DAY and one.slots > FULL], moves
    )
    found = [*_lists(counted, rank), *await _days(session, counted, rank), *parts]
    found += await _beside(session, counted, rank)
    scopes = {one.bucket.scope for one in counted}
    found += [row for scope in sorted(scopes - {CORRECTIONS}) for row in dirt.fronts(scope, rank)]
    found += [
        dirt.department(code, rank)
        for code in await ancestors(session, {code for code, _ in scopes if code})
    ]
    found += _corrections(moves, rank)
    found += await _others(session, moves, rank)
    await queue_paths(session, found)


async def _moves(session: AsyncSession, ids: Sequence[UUID], *, known_only: bool) -> list[Move]:
    rows, listed = await together(
        session, (_PLACES, {"ids": list(ids)}), (_KEPT, {"ids": list(ids)})
    )
    kept = {row.item_id: place_kept(row) for row in listed}
    moves = [
        Move(row.item_id, kept.get(row.item_id), place_of(row), row.updated_at) for row in rows
    ]
    return [
        move for move in moves if move.old != move.new and (move.old is not None or not known_only)
    ]


_PLACES = (
    "SELECT item_id, scopes, day, turn, sequence, standing, title, url, document_number, effective_on, updated_at, "
    "corrected_year FROM publisher.item WHERE item_id = ANY(:ids)"
)
_KEPT = "SELECT * FROM publisher.listing WHERE item_id = ANY(:ids)"


async def _keep_members(session: AsyncSession, moves: Sequence[Move]) -> None:
    """Write members and listings of *moves*; rows whose key changed go first."""
    gone = [move.item_id for move in moves if move.old is not None and not move.stays]
    rows = [
        {
            "department": scope[0],
            "entry": scope[1],
            "day": move.new.day,
            "turn": move.new.turn,
            "item_id": move.item_id,
            "sequence": move.new.sequence,
            "listed": move.new.listed,
        }
        for move in moves
        for scope in move.new.scopes
    ]
    listings = [{"item_id": move.item_id, **_listing(move)} for move in moves]
    await together(
        session,
        *(
            [("DELETE FROM publisher.member WHERE item_id = ANY(:ids)", {"ids": gone})]
            if gone
            else []
        ),
        _WRITE_MEMBERS(rows),
        _WRITE_LISTINGS(listings),
    )


_WRITE_MEMBERS = inserting(
    member,
    tail="ON CONFLICT (department, entry, day, turn, item_id) "
    "DO UPDATE SET sequence = excluded.sequence, listed = excluded.listed",
)
_WRITE_LISTINGS = inserting(listing, tail="ON CONFLICT (item_id) " + renewing(listing))


def _listing(move: Move) -> dict[str, Any]:
    place = move.new
    return {
        "scopes": [list(scope) for scope in place.scopes],
        "day": place.day,
        "turn": place.turn,
        "sequence": place.sequence,
        "listed": place.listed,
        "corrected_year": place.corrected_year,
        "face": place.face,
    }


def _lists(counted: Sequence[Counted], rank: int) -> list[Dirt]:
    """Return the calendar lists of years and months that were counted in, and the leaves of the sitemaps."""
    found: list[Dirt] = []
    for one in counted:
        bucket = one.bucket
        if bucket.step < DAY and dirt.is_calendar(bucket.scope):
            found.append(dirt.calendar(bucket, rank if bucket.step == MONTH else dirt.after(rank)))
        if bucket.step == MONTH and bucket.department and not bucket.entry:
            found.append(dirt.sitemap(bucket))
            if one.appears or one.splits:
                found.append(dirt.sitemap_index())
    return found


async def _days(session: AsyncSession, counted: Sequence[Counted], rank: int) -> list[Dirt]:
    """Return the lists of days: those counted in, of months that are split; all of a month that splits now."""
    months = {one.bucket: one for one in counted if one.bucket.step == MONTH}
    days = [
        one.bucket
        for one in counted
        if one.bucket.step == DAY and months[_month(one.bucket)].slots > FULL
    ]
    splitting = [month for month, one in months.items() if one.splits]
    if splitting:
        days += await leaves_of(session, splitting)
    return [row for day in days if dirt.is_calendar(day.scope) for row in day_rows(day, rank)]


def day_rows(day: Bucket, rank: int) -> list[Dirt]:
    """Return the paths of one day's list: the page, and for a body's own list the leaf of its sitemap."""
    rows = [dirt.calendar(day, rank)]
    if day.department and not day.entry:
        rows += (
            [dirt.sitemap(day), dirt.sitemap_index()] if day.step == DAY else [dirt.sitemap(day)]
        )
    return rows


def _month(day: Bucket) -> Bucket:
    return Bucket(day.department, day.entry, MONTH, day.start.replace(day=1))


async def _beside(session: AsyncSession, counted: Sequence[Counted], rank: int) -> list[Dirt]:
    """Return the lists next to those that appear or disappear: they lead to them."""
    changed = [one.bucket for one in counted if one.appears and YEAR <= one.bucket.step <= DAY]
    changed = [bucket for bucket in changed if dirt.is_calendar(bucket.scope)]
    return [dirt.calendar(bucket, rank) for bucket in await neighbours(session, changed)]


def _corrections(moves: Sequence[Move], rank: int) -> list[Dirt]:
    years = {place.corrected_year for move in moves for place in (move.old, move.new) if place}
    years.discard(None)
    return [
        dirt.corrections(year, rank) for year in sorted({*years, None} if years else set(), key=str)
    ]


async def _others(session: AsyncSession, moves: Sequence[Move], rank: int) -> list[Dirt]:
    """Return what other items' pages and rows say of *moves*: only where their face changed."""
    if not await _tied(session, moves):
        return []
    answer = await session.execute(
        text(
            "UPDATE publisher.link l SET visible = i.standing = 'published', day = i.day, "
            "turn = i.turn FROM publisher.item i "
            "WHERE l.item_id = ANY(:ids) AND i.item_id = l.item_id AND (l.visible, l.day, l.turn) "
            "IS DISTINCT FROM (i.standing = 'published', i.day, i.turn) RETURNING l.item_id"
        ),
        {"ids": [move.item_id for move in moves]},
    )
    relinked = set(answer.scalars())
    turned = [move.item_id for move in moves if move.item_id in relinked or _turns(move)]
    if not turned:
        return []
    rows = await session.execute(
        text(
            "SELECT DISTINCT i.item_id, i.url FROM publisher.item i JOIN publisher.listing USING (item_id) WHERE i.item_id IN ("
            " SELECT l.item_id FROM publisher.link l JOIN publisher.item me ON l.target = me.key WHERE me.item_id = ANY(:ids)"
            " UNION SELECT t.item_id FROM publisher.link l JOIN publisher.item t ON t.key = l.target WHERE l.item_id = ANY(:ids)"
            " UNION SELECT r.item_id FROM publisher.item r JOIN publisher.item me ON r.redirect_to = me.url"
            " WHERE me.item_id = ANY(:ids))"
        ),
        {"ids": turned},
    )
    found = [dirt.refresh(row.item_id, row.url, min(rank, dirt.REFRESH)) for row in rows]
    return found + await _explained(session, turned, rank)


async def _tied(session: AsyncSession, moves: Sequence[Move]) -> bool:
    """Say whether any of *moves* speaks of another item, or is spoken of: most are not."""
    found = await session.execute(
        text(
            "SELECT EXISTS (SELECT 1 FROM publisher.link WHERE item_id = ANY(:ids)) "
            "OR EXISTS (SELECT 1 FROM publisher.item me WHERE me.item_id = ANY(:ids) "
            "AND (EXISTS (SELECT 1 FROM publisher.link l WHERE l.target = me.key) "
            "OR EXISTS (SELECT 1 FROM publisher.item r WHERE r.redirect_to = me.url)))"
        ),
        {"ids": [move.item_id for move in moves]},
    )
    return bool(found.scalar())


def _turns(move: Move) -> bool:
    """Say whether readers of other pages see a difference."""
    return move.old is None or (move.old.face, move.old.listed) != (move.new.face, move.new.listed)


async def _explained(session: AsyncSession, ids: Sequence[UUID], rank: int) -> list[Dirt]:
    """Return the lists of the items that *ids* interpret: their rows bear a badge."""
    rows = await session.execute(
        text(
            "SELECT DISTINCT p.* FROM publisher.link l JOIN publisher.item t ON t.key = l.target "
            "JOIN publisher.listing p ON p.item_id = t.item_id WHERE l.item_id = ANY(:ids) AND l.type = 'interprets'"
        ),
        {"ids": list(ids)},
    )
    return await lists_of(session, [place_kept(row) for row in rows], rank)


async def lists_of(session: AsyncSession, places: Sequence[Any], rank: int) -> list[Dirt]:
    """Return every list that shows a row of an item at one of *places*."""
    wanted = {(scope, place.day, place.turn) for place in places for scope in place.scopes}
    if not wanted:
        return []
    rows = await session.execute(
        text(
            "SELECT w.*, coalesce(m.slots, 0) AS month_slots, coalesce(d.slots, 0) AS day_slots, "
            "(SELECT max(p.part) FROM publisher.bucket p WHERE p.department = w.department AND p.entry = w.entry "
            " AND p.step = 4 AND p.start = w.day AND p.from_turn <= w.turn) AS part "
            "FROM unnest(CAST(:departments AS text[]), CAST(:entries AS text[]), CAST(:days AS date[]), "
            "CAST(:firsts AS bigint[])) AS w (department, entry, day, turn) "
            "LEFT JOIN publisher.bucket m ON (m.department, m.entry, m.step, m.part) = (w.department, w.entry, 2, 0) "
            "AND m.start = date_trunc('month', w.day)::date "
            "LEFT JOIN publisher.bucket d ON (d.department, d.entry, d.step, d.part) = (w.department, w.entry, 3, 0) "
            "AND d.start = w.day"
        ),
        {
            "departments": [one[0][0] for one in wanted],
            "entries": [one[0][1] for one in wanted],
            "days": [one[1] for one in wanted],
            "firsts": [one[2] for one in wanted],
        },
    )
    found: list[Dirt] = []
    for row in rows:
        scope = (row.department, row.entry)
        found += dirt.fronts(scope, rank)
        if dirt.is_calendar(scope):
            found.append(dirt.calendar(_leaf(row), rank))
    return found


def _leaf(row: Any) -> Bucket:
    """Return the calendar list that holds the rows of a day."""
    if row.month_slots <= FULL:
        return Bucket(row.department, row.entry, MONTH, row.day.replace(day=1))
    if row.day_slots <= FULL or row.part is None:
        return Bucket(row.department, row.entry, DAY, row.day)
    return Bucket(row.department, row.entry, dirt.PART, row.day, row.part)
