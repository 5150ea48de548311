"""Trees of files: begin one beside the living, let it be served when it is whole, remove those before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.publisher.actions.queue_everything import queue_everything
from services.publisher.actions.queue_paths import change_trees, hold_trees
from services.publisher.rules.dirt import TRIES
from services.publisher.store import SiteStore
from services.publisher.tables import dirty, tree
from shared.web.frame import asset_files

log = structlog.get_logger()
Sessions = async_sessionmaker[AsyncSession]


async def begin_tree(sessions: Sessions, store: SiteStore, *, digest: str) -> int:
    """Begin a tree beside the living one and queue every path for it; one that is being built already is given up.

    From the moment the tree is known, every change is queued for it too: what comes meanwhile is replayed.
    """
    async with sessions.begin() as session:
        await change_trees(session)
        await _give_up_building(session)
        number = ((await session.execute(select(func.max(tree.c.tree_id)))).scalar() or 0) + 1
        await asyncio.to_thread(_begin, store, number)
        await session.execute(
            insert(tree).values(tree_id=number, standing="building", digest=digest)
        )
    async with sessions.begin() as session:
        await hold_trees(session)
        await queue_everything(session, tree=number)
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


def _begin(store: SiteStore, number: int) -> None:
    store.begin(number)
    store.write(number, dict(asset_files()))


async def first_tree(sessions: Sessions, store: SiteStore, *, digest: str) -> None:
    """Have a tree that is served: at the very first start an empty one with the pages that need no item.

    A tree whose files are gone, or that was written by other templates, is replaced by a new one beside it.
    """
    async with sessions.begin() as session:
        await change_trees(session)
        current = (
            await session.execute(select(tree).where(tree.c.standing.in_(("living", "frozen"))))
        ).first()
        if current is None:
            number = ((await session.execute(select(func.max(tree.c.tree_id)))).scalar() or 0) + 1
            await asyncio.to_thread(_begin, store, number)
            await session.execute(
                insert(tree).values(tree_id=number, standing="living", digest=digest)
            )
            await queue_everything(session, tree=number)
            await asyncio.to_thread(store.serve, number)
            return
        building = (
            await session.execute(select(tree).where(tree.c.standing == "building"))
        ).first()
    whole = await asyncio.to_thread(store.serving) == current.tree_id
    if whole:
        await asyncio.to_thread(store.write, current.tree_id, dict(asset_files()))
    fit = whole and current.standing == "living" and current.digest == digest
    if not fit and (building is None or building.digest != digest):
        await begin_tree(sessions, store, digest=digest)


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
    async with sessions.begin() as session:
        await change_trees(session)
        if not await _is_whole(session):
            return False
        built = (
            await session.execute(select(tree.c.tree_id).where(tree.c.standing == "building"))
        ).scalar_one()
        await session.execute(
            update(tree).where(tree.c.standing.in_(("living", "frozen"))).values(standing="old")
        )
        await session.execute(update(tree).where(tree.c.tree_id == built).values(standing="living"))
        await _take_over(session, built)
        await _show_all(session)
        await asyncio.to_thread(store.serve, built)
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
        select(tree.c.standing, tree.c.tree_id).where(tree.c.standing.in_(("living", "building")))
    )
    return {row.standing: row.tree_id for row in rows}
