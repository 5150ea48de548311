"""Note which files a tree has that is built beside the served one in a bucket, and which of them wait to be moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.draw_files import Drawn, names_in
from services.publisher.store import parts_of


async def note_files(session: AsyncSession, tree: int, drawn: Sequence[Drawn]) -> None:
    """Note what one group wrote aside; a folder, and the tree that is served, write nothing aside."""
    aside = {key: waits for one in drawn for key, waits in one.aside.items()}
    if not aside:
        return
    for one in drawn:
        if one.error is None and one.sheet.folder is not None:
            names = names_in(one.sheet.folder, one.files)
            await _forget_others(session, tree, one.sheet.folder, names)
    lists = all(one.sheet.item_id is None for one in drawn)
    await note_aside(session, tree, aside, lists=lists)


async def note_aside(
    session: AsyncSession, tree: int, aside: Mapping[str, bool | None], *, lists: bool
) -> None:
    """Note key → whether it waits to be moved; None: the tree has no such file."""
    kept = {key: waits for key, waits in aside.items() if waits is not None}
    await session.execute(
        text("DELETE FROM publisher.tree_file WHERE tree_id = :tree AND key = ANY(:keys)"),
        {"tree": tree, "keys": sorted(aside.keys() - kept.keys())},
    )
    await session.execute(
        text(
            "INSERT INTO publisher.tree_file (tree_id, key, lists, waits) "
            "SELECT :tree, k.key, :lists, k.waits FROM unnest(CAST(:keys AS text[]), CAST(:waits AS boolean[])) "
            'AS k (key, waits) ORDER BY k.key COLLATE "C" '
            "ON CONFLICT (tree_id, key) DO UPDATE SET waits = excluded.waits"
        ),
        {"tree": tree, "lists": lists, "keys": list(kept), "waits": list(kept.values())},
    )


async def _forget_others(
    session: AsyncSession, tree: int, folder: str, names: frozenset[str]
) -> None:
    """Forget what lies in a folder of the tree under other names than these."""
    base = "/".join(parts_of(folder.rstrip("/") + "/x")[:-1]) + "/"
    await session.execute(
        text(
            "DELETE FROM publisher.tree_file WHERE tree_id = :tree AND key > :base AND key < :end "
            "AND NOT split_part(substr(key, :after), '/', 1) = ANY(:names)"
        ),
        {
            "tree": tree,
            "base": base,
            "end": base[:-1] + "0",  # the character after the slash
            "after": len(base) + 1,
            "names": sorted(names),
        },
    )
