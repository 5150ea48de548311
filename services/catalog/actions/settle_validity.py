"""Let what items say of each other, and the end of their validity, act on public validity: a minor version each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import rules
from services.catalog.announcing import record_event
from services.catalog.batch import Key, effects_of, locking, standing_of
from services.catalog.tables import outbox
from services.catalog.writing import NEVER_PUBLIC, Changes, purging
from shared.outbox import announce, reserve_ids
from shared.session import together


async def settle_validity(
    session: AsyncSession, keys: Collection[Key], *, now: datetime, zone: ZoneInfo
) -> int:
    """Give each of *keys* whose public validity is not what follows today a new minor version; return how many.

    The caller holds the locks of their departments. Items that nobody can see stay as they are. Versions that say
    what made them, where that has vanished since, are sealed: they and those after them repeat its title.
    """
    places = {"d": [d for d, _ in sorted(keys)], "s": [s for _, s in sorted(keys)]}
    # what is noted after the first statement stays noted: the others may not see yet what it is about
    _, rows, tied, naming = await together(
        session, (_SETTLED, places), (_ITEMS, places), (_EFFECTS, places), (_NAMING, places)
    )
    effects = effects_of(tied)
    first = {row.item_id: row.version for row in naming}
    changed = 0
    for row in rows:
        acting = effects.get((row.department, row.source_id), [])
        sealing = range(first.get(row.item_id, row.version + 1), row.version + 1)
        following = _following(row, acting, sealing, now, zone)
        if following is not None:
            await _write(session, row, following, now)
            changed += 1
    return changed


async def settle_due(session: AsyncSession, *, now: datetime, zone: ZoneInfo) -> int:
    """Settle what another body's item, a person or a day has touched; return how many items changed."""
    rows = await session.execute(
        text("SELECT DISTINCT department, source_id FROM catalog.unsettled ORDER BY 1, 2 LIMIT 100")
    )
    keys = [(row.department, row.source_id) for row in rows]
    if not keys:
        return 0
    await together(session, locking(department for department, _ in keys))
    return await settle_validity(session, keys, now=now, zone=zone)


_KEYS = "unnest(CAST(:d AS text[]), CAST(:s AS text[])) AS k(d, s)"
_ITEMS = (
    "SELECT i.*, c.names, convert_to(o.body, 'UTF8') AS body FROM catalog.item i JOIN catalog.outbox o USING (outbox_id) "
    f"JOIN catalog.department c ON c.code = i.department JOIN {_KEYS} ON i.department = k.d AND i.source_id = k.s "
    "WHERE i.state = 'published' ORDER BY i.item_id FOR UPDATE OF i"
)
_EFFECTS = (
    f"SELECT r.* FROM catalog.relation r JOIN {_KEYS} ON r.target_department = k.d AND r.target_source_id = k.s "
    "WHERE r.decision IN ('own', 'confirmed')"
)
_NAMING = (
    "SELECT i.item_id, min(v.version) AS version FROM catalog.item i "
    f"JOIN {_KEYS} ON i.department = k.d AND i.source_id = k.s "
    "JOIN catalog.version v ON v.item_id = i.item_id AND v.by_event IS NULL JOIN catalog.outbox o "
    "ON o.outbox_id = v.outbox_id CROSS JOIN "
    "jsonb_path_query(CAST(nullif(o.body, '') AS jsonb), '$.data.validity_by[*].source') AS said "
    "JOIN catalog.item x ON x.department = split_part(said #>> '{}', '/', 1) "
    "AND x.source_id = substr(said #>> '{}', strpos(said #>> '{}', '/') + 1) JOIN catalog.purge p "
    f"ON p.item_id = x.item_id AND p.version = {NEVER_PUBLIC} AND p.noted_at >= v.at GROUP BY 1"
)
"""The first version of each that a vanished item made, as its note says with the title."""
_SETTLED = (
    f"DELETE FROM catalog.unsettled u USING {_KEYS} WHERE u.department = k.d AND u.source_id = k.s"
)


def _following(
    row: Any, effects: list[rules.Effect], sealing: Sequence[int], now: datetime, zone: ZoneInfo
) -> rules.NextState | None:
    public = to_json(from_json(row.body)["data"])
    standing = standing_of(row, public=public)
    who = rules.Identity(
        row.item_id, row.url, row.index_number, row.published_at, row.first_published_on
    )
    turn = rules.Turn(who, standing, rules.Office(row.department, row.names), now, effects)
    return rules.settled(turn, row.source_id, row.declared, zone, sealing=sealing)


async def _write(
    session: AsyncSession, row: Any, following: rules.NextState, now: datetime
) -> None:
    [outbox_id] = await reserve_ids(session, outbox, 1)
    said = record_event(
        following, outbox_id=outbox_id, department=row.department, source_id=row.source_id, now=now
    )
    await announce(session, outbox, [said], now=now)
    values = {
        "id": row.item_id,
        "version": following.version,
        "now": now,
        "history": to_json(following.history).decode(),
        "notice_note": following.notice_note,
        "outbox_id": outbox_id,
        "change": following.change,
        "sha256": following.sha256,
    }
    sealed = Changes(purges=[(row.item_id, version) for version in following.sealed])
    writing = [(_UPDATE_ITEM, values), (_ADD_VERSION, values), *purging(sealed, now)]
    await together(session, *writing)


_UPDATE_ITEM = (
    "UPDATE catalog.item SET version = :version, updated_at = :now, history = CAST(:history AS jsonb), "
    "notice_note = :notice_note, outbox_id = :outbox_id WHERE item_id = :id"
)
_ADD_VERSION = (
    "INSERT INTO catalog.version (item_id, version, at, change, sha256, outbox_id) "
    "VALUES (:id, :version, :now, :change, :sha256, :outbox_id)"
)
