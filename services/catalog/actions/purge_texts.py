"""Take a leak out of what the catalog keeps beside the record: attachments, the waiting list, receipts, outcomes.

The record itself lost the text in the transaction of the `vanish` or of the sealing version; the streams are
`shared/erasing.py`'s, the bytes that PostgreSQL leaves behind `shared/purging.py`'s. Attachments leave the web at
once; texts and streams wait until the relay has sent what replaces them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.store_blob import REMOVING
from services.catalog.batch import locking
from services.catalog.blobs import BlobStore, NoSuchBlob
from shared.session import together

TABLES = (
    "catalog.outbox",
    "catalog.item",
    "catalog.version",
    "catalog.waiting",
    "catalog.receipt",
    "catalog.relation",
    "catalog.parked",
    "catalog.blob",
    "catalog.purge",
)
"""Where texts, hashes and names of files were."""


@dataclass(frozen=True)
class Leak:
    """One item with versions that must go."""

    item_id: str
    department: str
    source_id: str
    versions: frozenset[int]
    """Empty: only its attachments leave the web. 0 (`writing.NEVER_PUBLIC`): what had no version."""
    noted_at: datetime
    """When the last of its versions was noted."""
    replaced: bool
    """Whether the relay has sent the event that takes its place."""


async def due_leaks(session: AsyncSession) -> list[Leak]:
    """Return what is due."""
    rows = (
        await session.execute(
            text(
                "SELECT i.item_id::text, i.department, i.source_id, bool_and(o.sent) AS sent, "
                "coalesce(max(p.noted_at) FILTER (WHERE NOT p.only_files), max(p.noted_at)) AS noted_at, "
                "coalesce(array_agg(p.version) FILTER (WHERE NOT p.only_files), '{}') AS versions "
                "FROM catalog.purge p JOIN catalog.item i USING (item_id) JOIN catalog.outbox o USING (outbox_id) "
                "WHERE p.done_at IS NULL GROUP BY 1, 2, 3 ORDER BY 1"
            )
        )
    ).all()
    return [
        Leak(
            item_id=row.item_id,
            department=row.department,
            source_id=row.source_id,
            versions=frozenset(row.versions),
            noted_at=row.noted_at,
            replaced=row.sent,
        )
        for row in rows
    ]


async def purge_texts(session: AsyncSession, leaks: Sequence[Leak]) -> None:
    """Empty what the catalog's tables still hold of *leaks*."""
    keys = {"d": [leak.department for leak in leaks], "s": [leak.source_id for leak in leaks]}
    *_, parked = await together(
        session,
        *((statement, keys) for statement in (_WAITING, _RECEIPTS, _OUTCOMES, _NAMED, _PARKED)),
    )
    about = {(f"intake.{leak.department}.items", leak.source_id) for leak in leaks}
    dropped = [row.parked_id for row in parked if (row.subject, source_of(row.raw)) in about]
    if dropped:
        await session.execute(
            text("DELETE FROM catalog.parked WHERE parked_id = ANY(:dropped)"), {"dropped": dropped}
        )


def source_of(raw: bytes) -> str | None:
    """Return which item of its department the event *raw* is about; None where it is no event."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    source = found.get("subject") if isinstance(found, dict) else None
    return source if isinstance(source, str) else None


_KEYS = "unnest(CAST(:d AS text[]), CAST(:s AS text[])) AS k(d, s)"
_WAITING = (
    "UPDATE catalog.waiting w SET event = '{}', content_sha256 = '', attributes = NULL FROM "
    + _KEYS
    + " "
    "WHERE w.department = k.d AND w.source_id = k.s AND w.decision IS NOT NULL"
)
_RECEIPTS = (
    "UPDATE catalog.receipt r SET content_sha256 = '' FROM " + _KEYS + " JOIN catalog.item i "
    "ON i.department = k.d AND i.source_id = k.s WHERE r.department = k.d AND r.outcome ->> 'source_id' = k.s "
    "AND coalesce(CAST(r.outcome ->> 'version' AS int), 0) < i.version"
)
_OUTCOMES = (
    "UPDATE catalog.outbox o SET body = jsonb_set(CAST(o.body AS jsonb), '{data,problems}', '[]')::text FROM "
    + _KEYS
    + " WHERE o.stream = 'OUTCOMES' AND o.subject = 'outcomes.' || k.d || '.items' "
    "AND o.body LIKE '%intake.rejected.v1%' AND CAST(o.body AS jsonb) ->> 'subject' = k.s"
)
_PARKED = (
    "SELECT DISTINCT p.parked_id, p.subject, p.raw FROM catalog.parked p JOIN "
    + _KEYS
    + " ON p.subject = 'intake.' || k.d || '.items'"
)
_NAMED = (
    # what such an item did to others stands in their versions with its title: `settle_validity` seals these
    "INSERT INTO catalog.unsettled (department, source_id) SELECT DISTINCT t.department, t.source_id "
    "FROM catalog.version v JOIN catalog.outbox o USING (outbox_id) JOIN catalog.item t USING (item_id), "
    "jsonb_path_query(CAST(nullif(o.body, '') AS jsonb), '$.data.validity_by[*].source') AS said, "
    + _KEYS
    + " WHERE v.by_event IS NULL AND said #>> '{}' = k.d || '/' || k.s"
)


# --- attachments


async def purge_files(session: AsyncSession, leaks: Sequence[Leak], *, blobs: BlobStore) -> None:
    """Hide from the web, or remove for good, the attachments of *leaks* that no published item refers to.

    What another item that waits refers to is hidden, not removed.
    """
    ids = [leak.item_id for leak in leaks]
    _, noted = await together(session, REMOVING, (_NOTED, {"ids": ids}))
    columns = list(zip(*noted, strict=True)) or [()] * 3
    dealt = dict(zip(("ids", "versions", "noted"), map(list, columns), strict=True))
    rows = (
        await session.execute(
            text(
                "SELECT f.sha256, i.department, bool_or(NOT p.only_files OR i.state IN ('gone', 'redirect')) AS goes "
                f"FROM {_DEALT} JOIN catalog.item i USING (item_id), jsonb_array_elements_text(p.files) AS f(sha256) "
                "GROUP BY 1, 2 ORDER BY 1, 2"
            ),
            dealt,
        )
    ).all()
    hashes = sorted({row.sha256 for row in rows})
    owners = await _owners(session, hashes)
    # Nobody may publish one of these files between our look and its removal.
    await together(session, locking(owners))
    used = await _used(session, hashes, owners)
    kept_for_others = used | await _awaited(session, hashes, owners)
    for row in rows:
        if row.goes and (row.department, row.sha256) not in kept_for_others:
            await session.execute(
                text("DELETE FROM catalog.blob WHERE department = :d AND sha256 = :s"),
                {"d": row.department, "s": row.sha256},
            )
    shown = {sha256 for _, sha256 in used}
    kept = {
        found.sha256
        for found in await session.execute(
            text("SELECT DISTINCT sha256 FROM catalog.blob WHERE sha256 = ANY(:s)"), {"s": hashes}
        )
    }
    for sha256 in hashes:
        await _take_away(blobs, sha256, shown=sha256 in shown, kept=sha256 in kept)
    await session.execute(
        text(
            "UPDATE catalog.purge u SET files = NULL, done_at = CASE WHEN u.only_files THEN now() END "
            f"FROM {_DEALT} WHERE (u.item_id, u.version, u.noted_at) = (p.item_id, p.version, p.noted_at)"
        ),
        dealt,
    )


_NOTED = (
    "SELECT item_id, version, noted_at FROM catalog.purge "
    "WHERE done_at IS NULL AND item_id = ANY(CAST(:ids AS uuid[]))"
)
_DEALT = (
    "unnest(CAST(:ids AS uuid[]), CAST(:versions AS int[]), CAST(:noted AS timestamptz[])) AS k(id, n, at) "
    "JOIN catalog.purge p ON p.item_id = k.id AND p.version = k.n AND p.noted_at = k.at AND p.done_at IS NULL"
)
"""What was noted before we looked; what is noted meanwhile is for the next look."""


async def _take_away(blobs: BlobStore, sha256: str, *, shown: bool, kept: bool) -> None:
    if shown:
        return
    if not kept:
        await blobs.remove(sha256)
        return
    try:
        await blobs.move(sha256, "held")
    except NoSuchBlob:
        return


async def _owners(session: AsyncSession, hashes: Iterable[str]) -> list[str]:
    rows = await session.execute(
        text("SELECT DISTINCT department FROM catalog.blob WHERE sha256 = ANY(:s) ORDER BY 1"),
        {"s": list(hashes)},
    )
    return [row.department for row in rows]


async def _used(
    session: AsyncSession, hashes: Iterable[str], owners: Iterable[str]
) -> set[tuple[str, str]]:
    """Return (department, sha256) of what readers can still reach: that of versions that are shown."""
    found: Any = await session.execute(
        text(
            "SELECT DISTINCT i.department, m[1] AS sha256 FROM catalog.item i JOIN catalog.version v USING (item_id) "
            "JOIN catalog.outbox o ON o.outbox_id = v.outbox_id, "
            "LATERAL regexp_matches(o.body, '\"sha256\"\\s*:\\s*\"([0-9a-f]{64})\"', 'g') AS m "
            "WHERE i.department = ANY(:d) AND i.state = 'published' AND o.body LIKE '%\"attachments\":[{%' "
            "AND m[1] = ANY(:s) AND NOT EXISTS (SELECT 1 FROM catalog.version w WHERE w.item_id = v.item_id "
            "AND w.version > v.version AND w.change = 'withdrawal')"
        ),
        {"d": list(owners), "s": list(hashes)},
    )
    return {(row.department, row.sha256) for row in found}


async def _awaited(
    session: AsyncSession, hashes: Iterable[str], owners: Iterable[str]
) -> set[tuple[str, str]]:
    """Return (department, sha256) of what items refer to that are held or scheduled."""
    found: Any = await session.execute(
        text(
            "SELECT DISTINCT w.department, f #>> '{}' AS sha256 FROM catalog.waiting w, "
            "jsonb_path_query(CAST(w.event AS jsonb), '$.attachments[*].sha256') AS f "
            "WHERE w.decision IS NULL AND w.department = ANY(:d) AND f #>> '{}' = ANY(:s)"
        ),
        {"d": list(owners), "s": list(hashes)},
    )
    return {(row.department, row.sha256) for row in found}
