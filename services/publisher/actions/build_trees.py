"""Trees of files: begin one beside the living, let it be served when it is whole, remove those before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.move_files import finish_moving, forget_files, move_waiting
from services.publisher.actions.note_files import note_aside
from services.publisher.actions.queue_everything import queue_everything
from services.publisher.actions.queue_paths import Sessions, change_trees
from services.publisher.rules.dirt import TRIES
from services.publisher.store import SiteStore
from services.publisher.tables import dirty, tree
from shared import failpoints
from shared.web.frame import asset_files

log = structlog.get_logger()


async def begin_tree(sessions: Sessions, store: SiteStore, *, digest: str) -> int:
    """Begin a tree beside the living one and queue every path for it; one that is being built already is given up.

    From the moment the tree is known, every change is queued for it too: what comes meanwhile is replayed. The tree
    and its queue begin in one transaction: a tree without a queue would be whole, and an empty site be served.
    """
    async with sessions.begin() as session:
        await change_trees(session)
        await _give_up_building(session)
        if (current := await _current(session)) is not None:
            await _claim(store, current.tree_id)
        number = ((await session.execute(select(func.max(tree.c.tree_id)))).scalar() or 0) + 1
        await _begin(session, store, number)
        await session.execute(
            insert(tree).values(tree_id=number, standing="building", digest=digest)
        )
        await queue_everything(session, tree=number)
    await failpoints.reach("tree.begun")
    log.info("tree_begun", service="publisher", tree=number)
    return number


async def _give_up_building(session: AsyncSession) -> None:
    building = (
        (await session.execute(select(tree.c.tree_id).where(tree.c.standing == "building")))
        .scalars()
        .all()
    )
    await session.execute(update(tree).where(tree.c.tree_id.in_(building)).values(standing="old"))
    await session.execute(dirty.delete().where(dirty.c.tree_id.in_(building)))
    await forget_files(session)


async def _begin(session: AsyncSession, store: SiteStore, number: int) -> None:
    """Start tree *number* with the files that no page makes."""
    await asyncio.to_thread(store.begin, number)
    written = await asyncio.to_thread(store.write, number, dict(asset_files()))
    if written.aside:
        await note_aside(session, number, written.aside, lists=False)


async def first_tree(sessions: Sessions, store: SiteStore, *, digest: str) -> None:
    """Have a tree that is served: at the very first start an empty one with the pages that need no item.

    A tree whose files are gone, or that was written by other templates, is replaced by a new one beside it.
    """
    async with sessions.begin() as session:
        await change_trees(session)
        current = await _current(session)
        if current is None:
            current = await _very_first(session, store, digest=digest)
        claimed = await _claim(store, current.tree_id)
        building = (
            await session.execute(select(tree).where(tree.c.standing == "building"))
        ).first()
    whole = not claimed and await asyncio.to_thread(store.serving) == current.tree_id
    if whole:
        await asyncio.to_thread(store.write, current.tree_id, dict(asset_files()))
    fit = whole and current.standing == "living" and current.digest == digest
    if not fit and (claimed or building is None or building.digest != digest):
        await begin_tree(sessions, store, digest=digest)


async def _current(session: AsyncSession) -> Any:
    """Return the row of the tree that is served, if there is one."""
    current = tree.c.standing.in_(("living", "frozen"))
    return (await session.execute(select(tree).where(current))).first()


async def _very_first(session: AsyncSession, store: SiteStore, *, digest: str) -> Any:
    """Begin a living tree; what another database left in a bucket stays served until ours is whole beside it."""
    found = await asyncio.to_thread(store.serving) if store.shares_keys else None
    if found is not None:
        await session.execute(insert(tree).values(tree_id=found, standing="frozen", digest=""))
        return await _current(session)
    number = ((await session.execute(select(func.max(tree.c.tree_id)))).scalar() or 0) + 1
    await _claim(store, number)
    await _begin(session, store, number)
    await session.execute(insert(tree).values(tree_id=number, standing="living", digest=digest))
    await queue_everything(session, tree=number)
    await asyncio.to_thread(store.serve, number)
    return await _current(session)


async def _claim(store: SiteStore, number: int) -> bool:
    """Let a bucket that serves nothing, a new or an emptied one, serve tree *number*; True if that was needed."""
    if not store.shares_keys or await asyncio.to_thread(store.serving) is not None:
        return False
    await asyncio.to_thread(store.serve, number)
    return True


async def serve_built(
    sessions: Sessions,
    store: SiteStore,
    *,
    caught_up: Callable[[], Awaitable[bool]] | None = None,
) -> bool:
    """Serve the tree that is being built, if nothing is left to write in it; True when that happened.

    After a restore it is served only once *caught_up* says that the whole record has been read: before, it may be
    whole and yet lack most items.
    """
    async with sessions.begin() as session:
        if not await _is_whole(session):
            return False
        frozen = (await session.execute(select(tree).where(tree.c.standing == "frozen"))).first()
    if frozen is not None and caught_up is not None and not await caught_up():
        return False
    strays = await move_waiting(sessions, store) if store.shares_keys else []
    async with sessions.begin() as session:
        await change_trees(session)
        if not await _is_whole(session):
            return False
        built = (
            await session.execute(select(tree.c.tree_id).where(tree.c.standing == "building"))
        ).scalar_one()
        if store.shares_keys and not await finish_moving(session, store, built, strays):
            return False
        await session.execute(
            update(tree).where(tree.c.standing.in_(("living", "frozen"))).values(standing="old")
        )
        await session.execute(update(tree).where(tree.c.tree_id == built).values(standing="living"))
        await _take_over(session, built)
        await _show_all(session)
        await failpoints.reach("tree.switching")
        await asyncio.to_thread(store.serve, built)
        await failpoints.reach("tree.served")
    if store.shares_keys:
        await asyncio.to_thread(store.drop, built)
    log.info("tree_served", service="publisher", tree=built)
    return True


async def _take_over(session: AsyncSession, built: int) -> None:
    """Let the new tree have the items that the old one had not come to: they are not in lists yet."""
    await session.execute(
        text(
            "INSERT INTO publisher.dirty (tree_id, path, kind, args, rank) SELECT :built, path, kind, args, rank "
            "FROM publisher.dirty WHERE tree_id <> :built AND kind = 'item' AND path NOT LIKE '%#refresh' "
            "ORDER BY path ON CONFLICT DO NOTHING"
        ),
        {"built": built},
    )
    await session.execute(dirty.delete().where(dirty.c.tree_id != built))


async def _is_whole(session: AsyncSession) -> bool:
    found = await session.execute(
        text(
            "SELECT NOT EXISTS (SELECT 1 FROM publisher.dirty d WHERE d.tree_id = t.tree_id AND d.tries < :tries) "
            "FROM publisher.tree t WHERE t.standing = 'building'"
        ),
        {"tries": TRIES},
    )
    return bool(found.scalar())


async def _show_all(session: AsyncSession) -> None:
    """Note what the new tree shows and the old one did not: after a restore. Nobody is told."""
    await session.execute(
        text(
            "DELETE FROM publisher.shown s WHERE NOT EXISTS (SELECT 1 FROM publisher.item i WHERE i.item_id = s.item_id)"
        )
    )
    await session.execute(
        text(
            "INSERT INTO publisher.shown AS s (item_id, version, sequence, sha256, since) "
            "SELECT i.item_id, i.version, i.sequence, i.sha256, now() FROM publisher.item i "
            "JOIN publisher.listing USING (item_id) WHERE NOT EXISTS (SELECT 1 FROM publisher.shown k "
            "WHERE k.item_id = i.item_id AND k.version = i.version AND k.sequence = i.sequence) "
            "AND NOT EXISTS (SELECT 1 FROM publisher.dirty d WHERE d.path = i.url) "
            "ON CONFLICT (item_id) DO UPDATE SET version = excluded.version, sequence = excluded.sequence, "
            "sha256 = excluded.sha256, since = excluded.since"
        )
    )


async def drop_old(sessions: Sessions, store: SiteStore) -> int:
    """Remove the trees that were served or given up before; return how many."""
    async with sessions.begin() as session:
        rows = (
            (await session.execute(select(tree.c.tree_id).where(tree.c.standing == "old")))
            .scalars()
            .all()
        )
    for number in rows:
        await asyncio.to_thread(store.drop, number)
        async with sessions.begin() as session:
            await session.execute(tree.delete().where(tree.c.tree_id == number))
    return len(rows)


async def forget_record(session: AsyncSession) -> None:
    """Forget everything that the record of another epoch said; the served tree stays as it is until a new one is whole."""
    await change_trees(session)
    names = "item item_version link department site listing member bucket dirty".split()
    await session.execute(text("TRUNCATE " + ", ".join(f"publisher.{name}" for name in names)))
    await session.execute(update(tree).where(tree.c.standing == "living").values(standing="frozen"))


async def current_trees(session: AsyncSession) -> dict[str, int]:
    """Return standing → number of the trees that are written now."""
    rows = await session.execute(
        text(
            "SELECT standing, tree_id FROM publisher.tree WHERE standing IN ('living', 'building')"
        )
    )
    return {row.standing: row.tree_id for row in rows}
