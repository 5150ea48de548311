"""What stands around a list or a body: neighbours, leaves, bodies above."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.rules.dirt import FULL, Bucket

_KEYS = (
    "unnest(CAST(:departments AS text[]), CAST(:entries AS text[]), CAST(:steps AS smallint[]), CAST(:starts AS date[])) "
    "AS k (department, entry, step, start)"
)


def _arrays(buckets: Sequence[Bucket]) -> dict[str, object]:
    return {
        "departments": [bucket.department for bucket in buckets],
        "entries": [bucket.entry for bucket in buckets],
        "steps": [bucket.step for bucket in buckets],
        "starts": [bucket.start for bucket in buckets],
    }


async def neighbours(session: AsyncSession, buckets: Sequence[Bucket]) -> list[Bucket]:
    """Return the nearest lists before and after each of *buckets* that have items, of the same step.

    Days have neighbours only within their month, and only where it is split.
    """
    if not buckets:
        return []
    within = (
        "AND (k.step <> 3 OR (date_trunc('month', b.start) = date_trunc('month', k.start) AND EXISTS ("
        "SELECT 1 FROM publisher.bucket m WHERE (m.department, m.entry, m.step, m.part) = (k.department, k.entry, 2, 0) "
        "AND m.start = date_trunc('month', k.start)::date AND m.slots > :full)))"
    )
    same = "b.department = k.department AND b.entry = k.entry AND b.step = k.step AND b.part = 0 AND b.listed > 0"
    rows = await session.execute(
        text(
            f"SELECT n.* FROM {_KEYS}, LATERAL ("
            f"(SELECT b.department, b.entry, b.step, b.start FROM publisher.bucket b WHERE {same} AND b.start < k.start {within} "
            "ORDER BY b.start DESC LIMIT 1) UNION ALL "
            f"(SELECT b.department, b.entry, b.step, b.start FROM publisher.bucket b WHERE {same} AND b.start > k.start {within} "
            "ORDER BY b.start LIMIT 1)) n"
        ),
        {**_arrays(buckets), "full": FULL},
    )
    return [Bucket(*row) for row in rows]


async def leaves_of(session: AsyncSession, months: Sequence[Bucket]) -> list[Bucket]:
    """Return every day of *months* that has places, and every part of these days."""
    rows = await session.execute(
        text(
            f"SELECT b.department, b.entry, b.step, b.start, b.part FROM publisher.bucket b, {_KEYS} "
            "WHERE b.department = k.department AND b.entry = k.entry AND b.step IN (3, 4) "
            "AND b.start >= k.start AND b.start < (k.start + interval '1 month')::date"
        ),
        _arrays(months),
    )
    return [Bucket(*row) for row in rows]


async def ancestors(session: AsyncSession, codes: Collection[str]) -> list[str]:
    """Return the bodies above *codes*: their pages show roll-up counts."""
    rows = await session.execute(
        text(
            "WITH RECURSIVE up (code) AS (SELECT parent FROM publisher.department WHERE code = ANY(:codes) "
            "UNION SELECT d.parent FROM publisher.department d JOIN up ON d.code = up.code) "
            "SELECT code FROM up WHERE code IS NOT NULL ORDER BY code"
        ),
        {"codes": list(codes)},
    )
    return list(rows.scalars())
