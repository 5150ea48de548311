"""Take events of the record: keep the newest states, dirty what they change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import tzinfo
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.queue_paths import hold_trees, queue_paths
from services.publisher.actions.settle_lists import lists_of, settle_lists
from services.publisher.actions.take_bodies import know_departments, take_departments
from services.publisher.actions.take_site import take_site
from services.publisher.rules import dirt, items
from services.publisher.rules.dirt import Dirt
from services.publisher.rules.places import place_kept
from services.publisher.tables import item, item_version, link, listing
from shared.arrays import inserting, renewing
from shared.events.record import AnyRecord, DepartmentEvent, ItemState, RecordEvent, SiteEvent
from shared.purging import note_purges, sealed
from shared.session import together


async def take_record(session: AsyncSession, events: Sequence[AnyRecord], *, zone: tzinfo) -> None:
    """Store what is newer than what is held, in any order and repetition, and queue the paths it dirties."""
    await hold_trees(session)
    await take_site(session, [event.data for event in events if isinstance(event, SiteEvent)])
    await take_departments(
        session, [event.data for event in events if isinstance(event, DepartmentEvent)]
    )
    records = [event for event in events if isinstance(event, RecordEvent)]
    if records:
        await _take_items(session, records, zone=zone)


async def _take_items(
    session: AsyncSession, records: Sequence[RecordEvent], *, zone: tzinfo
) -> None:
    await know_departments(session, [event.data for event in records])
    ids = await _keep_versions(session, records)
    if not ids:
        return
    newest = _newest([event for event in records if event.data.item_id in ids])
    changed = await _keep_newest(session, newest, zone=zone)
    await _seal_late(session, ids.difference(changed))
    await _purge(session, ids)
    await _seal(session, newest.values())
    former = await _keep_links(session, [newest[one].data for one in changed])
    standing = await session.execute(
        text(
            "SELECT item_id, url, standing FROM publisher.item WHERE item_id = ANY(:ids) ORDER BY url"
        ),
        {"ids": list(ids)},
    )
    rows = standing.all()
    # The queue's rows of the items come before everything else that is locked: they keep a renderer away.
    traces = {one: newest[one].trace for one in changed}
    await queue_paths(
        session,
        [
            dirt.item(row.item_id, row.url, standing=row.standing, trace=traces.get(row.item_id))
            for row in rows
        ],
    )
    await queue_paths(session, former)
    withdrawn = [row.item_id for row in rows if row.standing != "published"]
    if withdrawn:
        await settle_lists(session, withdrawn, lists_first=True)


def _newest(records: Sequence[RecordEvent]) -> dict[UUID, RecordEvent]:
    found: dict[UUID, RecordEvent] = {}
    for event in records:
        known = found.get(event.data.item_id)
        if known is None or known.data.version < event.data.version:
            found[event.data.item_id] = event
    return found


async def _keep_versions(session: AsyncSession, records: Sequence[RecordEvent]) -> set[UUID]:
    """Store versions not seen before; return their items."""
    rows = {
        (event.data.item_id, event.data.version): {
            "item_id": event.data.item_id,
            "version": event.data.version,
            "sequence": event.data.sequence,
            "sha256": event.statesha256,
            "standing": event.data.state,
            "state": as_json(event.data),
        }
        for event in records
    }
    [stored] = await together(session, _KEEP_VERSIONS([rows[key] for key in sorted(rows)]))
    return set(stored.scalars())


_KEEP_VERSIONS = inserting(item_version, tail="ON CONFLICT DO NOTHING RETURNING item_id")


def as_json(state: ItemState) -> str:
    """Return the public state as JSON text, without the epoch: a restore does not change what was said."""
    return state.model_dump_json(by_alias=True, exclude={"epoch"}, exclude_none=True)


async def _keep_newest(
    session: AsyncSession, newest: dict[UUID, RecordEvent], *, zone: tzinfo
) -> list[UUID]:
    """Store each item's newest state where it is newer than what is held; return the items that changed."""
    rows: list[dict[str, Any]] = [
        {
            "item_id": one,
            "sequence": event.data.sequence,
            "sha256": event.statesha256,
            "state": as_json(event.data),
            **items.scalars(event.data, zone),
        }
        for one, event in sorted(newest.items())
    ]
    [changed] = await together(session, _KEEP_NEWEST(rows))
    return sorted(changed.scalars())


_KEEP_NEWEST = inserting(
    item,
    tail=f"ON CONFLICT (item_id) {renewing(item)} "
    "WHERE item.version < excluded.version RETURNING item_id",
)


async def _purge(session: AsyncSession, ids: set[UUID]) -> None:
    """Remove the texts that a later version took away for good."""
    await session.execute(
        text(
            "UPDATE publisher.item_version v SET state = NULL FROM publisher.item_version later "
            "WHERE v.item_id = ANY(:ids) AND v.state IS NOT NULL AND later.item_id = v.item_id "
            "AND later.version > v.version AND later.standing = ANY(:purging)"
        ),
        {"ids": list(ids), "purging": sorted(items.PURGING)},
    )


async def _seal(session: AsyncSession, newest: Collection[RecordEvent]) -> None:
    """Remove text and hash of the versions that the newest states call sealed."""
    found = sealed(event.data for event in newest)
    if not found:
        return
    ids, versions = zip(*found, strict=True)
    await session.execute(
        text(
            "UPDATE publisher.item_version v SET state = NULL, sha256 = '' FROM unnest(CAST(:ids AS uuid[]), "
            "CAST(:versions AS int[])) AS k(id, n) WHERE v.item_id = k.id AND v.version = k.n"
        ),
        {"ids": list(ids), "versions": list(versions)},
    )
    await note_purges(session, "publisher", (event.data for event in newest))


async def _seal_late(session: AsyncSession, late: Collection[UUID]) -> None:
    """Do the same for versions that come after the state which seals them; they are purged once more."""
    if late:
        await session.execute(text(_SEAL_LATE), {"ids": sorted(late)})


_SEAL_LATE = (
    "WITH late AS (UPDATE publisher.item_version v SET state = NULL, sha256 = '' FROM publisher.item i, "
    "jsonb_array_elements(CAST(i.state AS jsonb) -> 'history') AS h WHERE i.item_id = ANY(:ids) "
    "AND v.item_id = i.item_id AND v.state IS NOT NULL AND h -> 'sealed' = 'true' "
    "AND v.version = CAST(h ->> 'version' AS int) RETURNING v.item_id, v.version) "
    "INSERT INTO publisher.purge (item_id, version) SELECT item_id, version FROM late "
    "ON CONFLICT (item_id, version) DO UPDATE SET noted_at = excluded.noted_at, done_at = NULL"
)


async def _keep_links(session: AsyncSession, states: Sequence[ItemState]) -> list[Dirt]:
    """Store what *states* say of other items; return what shows those that are not spoken of any more."""
    said = [
        {"item_id": state.item_id, "type": relation.type, "target": relation.target, "place": place}
        for state in states
        for place, relation in reversed(list(enumerate(state.relations)))
    ]
    kept = {(row["item_id"], row["type"], row["target"]): row for row in said}
    dropped = await session.execute(
        text(
            "DELETE FROM publisher.link l WHERE l.item_id = ANY(:ids) AND NOT EXISTS (SELECT 1 FROM "
            "unnest(CAST(:sources AS uuid[]), CAST(:types AS text[]), CAST(:targets AS text[])) AS k (s, y, t) "
            "WHERE (k.s, k.y, k.t) = (l.item_id, l.type, l.target)) RETURNING l.target, l.type"
        ),
        {
            "ids": [state.item_id for state in states],
            "sources": [key[0] for key in kept],
            "types": [key[1] for key in kept],
            "targets": [key[2] for key in kept],
        },
    )
    former = dropped.all()
    if kept:
        statement = insert(link)
        statement = statement.on_conflict_do_update(
            index_elements=[link.c.item_id, link.c.type, link.c.target],
            set_={"place": statement.excluded.place},
        )
        await session.execute(statement, [kept[key] for key in sorted(kept)])
    return await _former_targets(
        session,
        {row.target for row in former},
        explained={row.target for row in former if row.type == "interprets"},
    )


async def _former_targets(
    session: AsyncSession, keys: Collection[str], *, explained: Collection[str]
) -> list[Dirt]:
    """Return what shows items that are not spoken of any more: their pages, and lists with the badge of an explained one."""
    if not keys:
        return []
    rows = await session.execute(
        select(listing, item.c.key, item.c.url)
        .join(item, listing.c.item_id == item.c.item_id)
        .where(item.c.key.in_(keys))
    )
    found = rows.all()
    places = [place_kept(row) for row in found if row.key in explained]
    pages = [dirt.refresh(row.item_id, row.url) for row in found]
    return pages + await lists_of(session, places, dirt.LIST)
