"""Queue dirty paths, for the tree that is served and for the one being built beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.publisher.rules.dirt import Dirt
from shared.db import lock_key

Sessions = async_sessionmaker[AsyncSession]
_TREES = lock_key("publisher trees")


async def hold_trees(session: AsyncSession) -> None:
    """Keep the set of trees as it is until this transaction ends: no build begins or ends unseen."""
    await session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _TREES})


async def change_trees(session: AsyncSession) -> None:
    """Wait until no transaction holds the set of trees, and keep others waiting: only for moments."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TREES})


async def queue_paths(
    session: AsyncSession, dirt: Iterable[Dirt], *, tree: int | None = None
) -> None:
    """Queue *dirt* for *tree*, or for every tree that is written; `hold_trees` comes first.

    A path that is queued already is written anew by this: were it left alone, a renderer that read the record before
    our commit could remove the row for good. It removes only the row that it has seen. Paths are sorted, so that two of us wait for each
    other in one direction only.
    """
    urgent: dict[str, Dirt] = {}
    for one in dirt:
        known = urgent.get(one.path)
        if known is None or one.rank < known.rank:
            urgent[one.path] = one
    rows = sorted(urgent.values())
    if not rows:
        return
    await session.execute(
        text(
            "INSERT INTO publisher.dirty (tree_id, path, kind, args, rank) "
            "SELECT t.tree_id, d.path, d.kind, d.args, d.rank FROM publisher.tree t, "
            "unnest(CAST(:paths AS text[]), CAST(:kinds AS text[]), CAST(:args AS jsonb[]), CAST(:ranks AS smallint[])) "
            "AS d (path, kind, args, rank) "
            "WHERE t.standing IN ('living', 'building') AND (CAST(:tree AS integer) IS NULL OR t.tree_id = :tree) "
            'ORDER BY t.tree_id, d.path COLLATE "C" '
            "ON CONFLICT (tree_id, path) DO UPDATE "
            "SET rank = least(dirty.rank, excluded.rank), args = dirty.args || excluded.args, "
            "tries = 0, next_at = NULL, error = NULL"
        ),
        {
            "paths": [one.path for one in rows],
            "kinds": [one.kind for one in rows],
            "args": [json.dumps(one.args) for one in rows],
            "ranks": [one.rank for one in rows],
            "tree": tree,
        },
    )
