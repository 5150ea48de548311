"""Count a batch of moves in the buckets: no list ever counts rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.rules.dirt import FULL, MONTH, YEAR, Bucket, following_month
from services.publisher.rules.places import Delta
from shared.session import together

_KEYS = (
    "unnest(CAST(:departments AS text[]), CAST(:entries AS text[]), CAST(:steps AS smallint[]), CAST(:starts AS date[])) "
    "AS k (department, entry, step, start)"
)
_NEVER = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Counted:
    """A counter before and after."""

    bucket: Bucket
    old_slots: int
    slots: int
    old_listed: int
    listed: int

    @property
    def appears(self) -> bool:
        """Whether the list comes to have items, or to have none."""
        return (self.old_listed == 0) != (self.listed == 0)

    @property
    def splits(self) -> bool:
        """Whether it passes the size at which it splits, in either direction."""
        return (self.old_slots > FULL) != (self.slots > FULL)


async def count_buckets(session: AsyncSession, deltas: Mapping[Bucket, Delta]) -> list[Counted]:
    """Add *deltas* to the counters, locked in the order of their keys; return them before and after."""
    order = sorted(deltas)
    keys = _key_arrays(order)
    more = {
        "slots": [deltas[bucket].slots for bucket in order],
        "listed": [deltas[bucket].listed for bucket in order],
        "sequences": [deltas[bucket].sequence for bucket in order],
        "ats": [deltas[bucket].at for bucket in order],
    }
    _, before, _ = await together(
        session, (_BEGIN, {**keys, "never": _NEVER}), (_LOCK, keys), (_ADD, {**keys, **more})
    )
    old = {Bucket(row.department, row.entry, row.step, row.start): row for row in before}
    for bucket in order:
        if deltas[bucket].recount:
            await _recount_newest(session, bucket)
    return [_counted(bucket, old[bucket], deltas[bucket]) for bucket in order]


_BEGIN = (
    "INSERT INTO publisher.bucket (department, entry, step, start, part, slots, listed, sequence, at) "
    f"SELECT k.*, 0, 0, 0, 0, :never FROM {_KEYS} ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING"
)
_LOCK = (
    f"SELECT b.* FROM publisher.bucket b JOIN {_KEYS} USING (department, entry, step, start) WHERE b.part = 0 "
    "ORDER BY b.department, b.entry, b.step, b.start FOR UPDATE OF b"
)
_ADD = (
    "UPDATE publisher.bucket b SET slots = b.slots + k.slots, listed = b.listed + k.listed, "
    "sequence = greatest(b.sequence, k.sequence), "
    "at = CASE WHEN k.sequence > b.sequence THEN k.at ELSE b.at END "
    "FROM unnest(CAST(:departments AS text[]), CAST(:entries AS text[]), CAST(:steps AS smallint[]), "
    "CAST(:starts AS date[]), CAST(:slots AS integer[]), CAST(:listed AS integer[]), "
    "CAST(:sequences AS bigint[]), CAST(:ats AS timestamptz[])) "
    "AS k (department, entry, step, start, slots, listed, sequence, at) "
    "WHERE (b.department, b.entry, b.step, b.start, b.part) = (k.department, k.entry, k.step, k.start, 0)"
)


def _counted(bucket: Bucket, row: Any, delta: Delta) -> Counted:
    return Counted(
        bucket, row.slots, row.slots + delta.slots, row.listed, row.listed + delta.listed
    )


def _key_arrays(order: Sequence[Bucket]) -> dict[str, Any]:
    return {
        "departments": [bucket.department for bucket in order],
        "entries": [bucket.entry for bucket in order],
        "steps": [bucket.step for bucket in order],
        "starts": [bucket.start for bucket in order],
    }


def last_day(bucket: Bucket) -> date:
    """Return the last day of a bucket."""
    start = bucket.start
    if bucket.step == YEAR:
        return date(start.year, 12, 31)
    if bucket.step == MONTH:
        return date.fromordinal(following_month(start).toordinal() - 1)
    return start if bucket.step > MONTH else date.max


async def _recount_newest(session: AsyncSession, bucket: Bucket) -> None:
    """Look the newest sequence of a bucket up again, because an item left it (its dates or its entry changed)."""
    if bucket.entry == "~corrections":
        return
    await session.execute(
        text(
            "UPDATE publisher.bucket b SET sequence = coalesce(n.sequence, 0), at = coalesce(n.updated_at, :never) "
            "FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT m.sequence, i.updated_at FROM publisher.member m "
            "JOIN publisher.item i USING (item_id) WHERE m.department = :department AND m.entry = :entry "
            "AND m.day BETWEEN :start AND :last ORDER BY m.sequence DESC LIMIT 1) n ON true "
            "WHERE b.department = :department AND b.entry = :entry AND b.step = :step AND b.start = :start AND b.part = 0"
        ),
        {
            "department": bucket.department,
            "entry": bucket.entry,
            "step": bucket.step,
            "start": bucket.start,
            "last": last_day(bucket),
            "never": _NEVER,
        },
    )
