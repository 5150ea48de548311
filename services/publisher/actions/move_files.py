"""Switch a tree in a bucket, where there is no rename: move what waits, some at a time, and find what is too much.

Nobody writes pages while a group is moved (`change_trees`), so that no older file covers a newer one; between groups
everybody may. A crash leaves rows that wait, and the next look goes on.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.queue_paths import Sessions, change_trees
from services.publisher.store import SiteStore
from services.publisher.tables import tree, tree_file

GROUP = 500
"""Files moved at a time: about a second in which no page is written."""


async def move_waiting(sessions: Sessions, store: SiteStore) -> list[str]:
    """Move all of the tree being built that waits: pages of items first, what leads to them after.

    Returns what is served and that tree does not have.
    """
    while True:
        async with sessions.begin() as session:
            await change_trees(session)
            number = await _building(session)
            keys = await _waiting(session, number) if number is not None else []
            if number is None or not keys:
                break
            await asyncio.to_thread(store.move, number, keys)
            await session.execute(
                text(
                    "UPDATE publisher.tree_file SET waits = false WHERE tree_id = :tree AND key = ANY(:keys)"
                ),
                {"tree": number, "keys": keys},
            )
    return await _strays(sessions, store, number) if number is not None else []


async def finish_moving(
    session: AsyncSession, store: SiteStore, number: int, strays: list[str]
) -> bool:
    """Remove what is too much, while nobody writes; False if more has come to wait meanwhile."""
    if await _waiting(session, number):
        return False
    await asyncio.to_thread(store.remove, await _not_in_tree(session, number, strays))
    await forget_files(session)
    return True


async def forget_files(session: AsyncSession) -> None:
    """Forget all notes: no tree is built beside the served one any more."""
    await session.execute(tree_file.delete())


async def _strays(sessions: Sessions, store: SiteStore, number: int) -> list[str]:
    served, strays = store.served(), []
    while some := await asyncio.to_thread(next, served, None):
        async with sessions() as session:
            strays += await _not_in_tree(session, number, some)
    return strays


async def _not_in_tree(session: AsyncSession, number: int, keys: list[str]) -> list[str]:
    """Return those of *keys* that tree *number* does not have."""
    found = await session.execute(
        text(
            "SELECT k.key FROM unnest(CAST(:keys AS text[])) AS k (key) WHERE NOT EXISTS ("
            "SELECT 1 FROM publisher.tree_file f WHERE f.tree_id = :tree AND f.key = k.key)"
        ),
        {"tree": number, "keys": keys},
    )
    return [row.key for row in found]


async def _building(session: AsyncSession) -> int | None:
    return (
        await session.execute(select(tree.c.tree_id).where(tree.c.standing == "building"))
    ).scalar()


async def _waiting(session: AsyncSession, number: int) -> list[str]:
    found = await session.execute(
        text(
            "SELECT key FROM publisher.tree_file WHERE tree_id = :tree AND waits ORDER BY lists, key LIMIT :group"
        ),
        {"tree": number, "group": GROUP},
    )
    return [row.key for row in found]
