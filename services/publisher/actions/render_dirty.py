"""Render dirty paths: lock rows of the queue, read the record, write files, count what is visible, commit."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.draw_files import Drawn, draw_and_write
from services.publisher.actions.note_files import note_files
from services.publisher.actions.queue_paths import hold_trees
from services.publisher.actions.settle_lists import settle_lists
from services.publisher.reads.frame import Surroundings, site_view
from services.publisher.reads.sheets import sheets_of
from services.publisher.rules.dirt import LATER, LIST, REFRESH, TRIES
from services.publisher.store import SiteStore
from shared import failpoints
from shared.db import lock_key

log = structlog.get_logger()

_ITEMS, _LISTS = 64, 16


class Pick(Enum):
    """Which rows to take next."""

    ANY = "any"
    ITEMS = "items"
    """Items, and the lists of a withdrawal."""
    LISTS = "lists"
    OLDEST_LISTS = "oldest lists"
    """Lists by the time they have waited: under a steady stream of items the less urgent ones have their turn too."""


_PICKED = {
    Pick.ANY: (0, LATER, "rank, queued"),
    Pick.ITEMS: (0, REFRESH, "rank, queued"),
    Pick.LISTS: (LIST, LATER, "rank, queued"),
    Pick.OLDEST_LISTS: (LIST, LATER, "queued"),
}


@dataclass(frozen=True)
class Visible:
    """A version that readers see for the first time."""

    item_id: UUID
    department: str
    version: int
    at: datetime
    trace: str | None = None
    """The `traceparent` of the event that brought it."""


@dataclass
class Rendered:
    """What one call did."""

    paths: int = 0
    changed: int = 0
    visible: list[Visible] = field(default_factory=list)


async def render_dirty(
    session: AsyncSession,
    tree: int,
    *,
    store: SiteStore,
    around: Surroundings,
    now: datetime,
    pick: Pick = Pick.ANY,
) -> Rendered:
    """Render the most urgent rows of *tree* that nobody else is at, of one kind of rank; do nothing if there are none.

    A crash leaves the rows; files are written before the commit that removes them. What two rows say of one item
    is rendered under one lock. A row of a list may be queued again while we draw: then it stays, and is drawn again.
    """
    started = time.monotonic()
    await hold_trees(session)
    rows = await _locked(session, tree, now, pick)
    if not rows:
        return Rendered()
    await failpoints.reach("render.locked")
    site = await site_view(session, around)
    sheets = await sheets_of(session, rows, site)
    drawn = await _to_its_end(partial(draw_and_write, store, tree, sheets))
    written_at = now + timedelta(seconds=time.monotonic() - started)
    await failpoints.reach("render.drawn")
    await note_files(session, tree, drawn)
    await _settle(session, rows, drawn, tree)
    await failpoints.reach("render.settled")
    done = [one for one in drawn if one.error is None]
    stamps = {row.path: row.stamp for row in rows}
    traces = {row.args["item_id"]: row.args["trace"] for row in rows if "trace" in row.args}
    visible = await _note_shown(session, tree, done, written_at, traces)
    await _forget(session, tree, done, stamps)
    failed = [one for one in drawn if one.error is not None]
    await _put_off(session, tree, failed, stamps, now)
    await failpoints.reach("render.shown")
    return Rendered(len(drawn), sum(one.changed for one in drawn), visible)


async def _to_its_end(work: Callable[[], list[Drawn]]) -> list[Drawn]:
    """Do *work* in a thread, to its end even when we are cancelled.

    The rows' locks keep others away from these files; let go earlier, an older file could land on a newer one.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled = False
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        working.exception()  # looked at: nobody else will
        raise asyncio.CancelledError
    return working.result()


async def _locked(session: AsyncSession, tree: int, now: datetime, pick: Pick) -> Sequence[Any]:
    """Take the next rows, of the first rank there is (items with items, lists with lists).

    Rows of items stay locked, so that an item's page and its places in lists agree. Rows of lists do not: each item
    queues the same ones, and would wait until a whole batch of lists is written.
    """
    lowest, highest, order = _PICKED[pick]
    lock = "" if lowest >= LIST else "FOR UPDATE SKIP LOCKED"
    found = await session.execute(
        text(
            "SELECT path, kind, args, rank, tries, CAST(xmin AS text) AS stamp FROM publisher.dirty WHERE tree_id = :tree "
            "AND rank BETWEEN :lowest AND :highest AND (tries = 0 OR (tries < :tries AND next_at <= :now)) "
            f"ORDER BY {order} LIMIT :limit {lock}"
        ),
        {
            "tree": tree,
            "lowest": lowest,
            "highest": highest,
            "now": now,
            "tries": TRIES,
            "limit": _ITEMS,
        },
    )
    rows = list(found)
    if not rows:
        return []
    group = _group(rows[0].rank)
    most = _LISTS if group == LIST and rows[0].kind != "item" else _ITEMS
    rows = [row for row in rows if _group(row.rank) == group]
    for start in range(0, len(rows), most):
        if alone := await _alone(session, tree, rows[start : start + most]):
            return alone
    return []


def _group(rank: int) -> int:
    """Return which ranks are rendered together: items by their own record never with refreshed ones."""
    return min(LIST, rank)


async def _alone(session: AsyncSession, tree: int, rows: list[Any]) -> list[Any]:
    """Leave out what another renderer is at: an item, by whichever row of the queue, or a list."""
    names = {_name(row) for row in rows}
    found = await session.execute(
        text(
            "SELECT k.name, pg_try_advisory_xact_lock(k.key) AS got FROM "
            "unnest(CAST(:names AS text[]), CAST(:keys AS bigint[])) AS k (name, key)"
        ),
        {
            "names": list(names),
            "keys": [lock_key(f"publisher {tree} {name}") for name in names],
        },
    )
    got = {row.name for row in found if row.got}
    return [row for row in rows if _name(row) in got]


def _name(row: Any) -> str:
    """Return by what a row's files are told apart: all rows of an item write the same ones."""
    return str(row.args["item_id"] if row.kind == "item" else row.path)


async def _settle(
    session: AsyncSession, rows: Sequence[Any], drawn: Sequence[Drawn], number: int
) -> None:
    """Put items into their lists once their pages are there: those whose own record changed.

    While a tree is served, its pages decide; a tree beside it may be ahead.
    """
    own = {row.path for row in rows if row.kind == "item" and not row.path.endswith("#refresh")}
    ids = sorted(
        one.sheet.item_id
        for one in drawn
        if one.error is None and one.sheet.path in own and one.sheet.item_id
    )
    if ids and not await _another_is_served(session, number):
        await settle_lists(session, ids)


async def _another_is_served(session: AsyncSession, number: int) -> bool:
    found = await session.execute(
        text("SELECT tree_id FROM publisher.tree WHERE standing = 'living' AND tree_id <> :number"),
        {"number": number},
    )
    return found.first() is not None


async def _note_shown(
    session: AsyncSession,
    tree: int,
    done: Sequence[Drawn],
    at: datetime,
    traces: Mapping[str, str],
) -> list[Visible]:
    """Note versions that became visible with this; return those that were not before. Only the served tree counts."""
    items = {one.sheet.item_id: one.sheet for one in done if one.sheet.item_id is not None}
    if not items:
        return []
    order = [items[key] for key in sorted(items)]
    found = await session.execute(
        text(
            "INSERT INTO publisher.shown AS s (item_id, version, sequence, sha256, since) "
            "SELECT n.*, :at FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[]), CAST(:sequences AS bigint[]), "
            "CAST(:sums AS text[])) AS n WHERE EXISTS (SELECT 1 FROM publisher.tree t WHERE t.tree_id = :tree "
            "AND t.standing = 'living') ON CONFLICT (item_id) DO UPDATE SET version = excluded.version, "
            "sequence = excluded.sequence, sha256 = excluded.sha256, since = excluded.since "
            "WHERE s.version < excluded.version RETURNING s.item_id, s.version"
        ),
        {
            "at": at,
            "tree": tree,
            "ids": [sheet.item_id for sheet in order],
            "versions": [sheet.version for sheet in order],
            "sequences": [sheet.sequence for sheet in order],
            "sums": [sheet.sha256 for sheet in order],
        },
    )
    return [
        Visible(
            row.item_id,
            items[row.item_id].department,
            row.version,
            at,
            traces.get(str(row.item_id)),
        )
        for row in found
    ]


_STILL = (
    "SELECT d.path FROM publisher.dirty d JOIN unnest(CAST(:paths AS text[]), CAST(:stamps AS text[])) AS s (path, stamp) "
    "ON d.path = s.path AND CAST(d.xmin AS text) = s.stamp WHERE d.tree_id = :tree FOR UPDATE OF d SKIP LOCKED"
)
"""Rows that nobody has queued again since we took them; one that is being queued again is locked, and counts as that."""


async def _forget(
    session: AsyncSession, tree: int, done: Sequence[Drawn], stamps: Mapping[str, str]
) -> None:
    """Remove the rows of what is drawn; one that was queued again meanwhile waits from now on, behind the others."""
    if not done:
        return
    paths = [one.sheet.path for one in done]
    gone = await session.execute(
        text(
            f"WITH still AS ({_STILL}) DELETE FROM publisher.dirty d USING still "
            "WHERE d.tree_id = :tree AND d.path = still.path RETURNING d.path"
        ),
        {"tree": tree, "paths": paths, "stamps": [stamps[path] for path in paths]},
    )
    if again := set(paths).difference(gone.scalars()):
        await session.execute(
            text(
                "WITH again AS (SELECT path FROM publisher.dirty WHERE tree_id = :tree AND path = ANY(:paths) "
                "FOR UPDATE SKIP LOCKED) UPDATE publisher.dirty d SET queued = DEFAULT, created_at = now() "
                "FROM again WHERE d.tree_id = :tree AND d.path = again.path"
            ),
            {"tree": tree, "paths": list(again)},
        )


async def _put_off(
    session: AsyncSession,
    tree: int,
    failed: Sequence[Drawn],
    stamps: Mapping[str, str],
    now: datetime,
) -> None:
    """Let what failed wait 1, 2, 4 … seconds; it holds up nothing else."""
    for one in failed:
        path = one.sheet.path
        log.error(
            "page_failed",
            service="publisher",
            path=path,
            tries=one.sheet.tries + 1,
            reason=repr(one.error)[:300],
            where=_where(one.error),
        )
        await session.execute(
            text(
                f"WITH still AS ({_STILL}) UPDATE publisher.dirty d SET tries = d.tries + 1, error = :error, next_at = "
                "CAST(:now AS timestamptz) + make_interval(secs => power(2, least(d.tries, 6))) "
                "FROM still WHERE d.tree_id = :tree AND d.path = still.path"
            ),
            {
                "tree": tree,
                "paths": [path],
                "stamps": [stamps[path]],
                "now": now,
                "error": repr(one.error)[:500],
            },
        )


def _where(error: Exception | None) -> str:
    """Return the innermost place of our own code that *error* went through; no values, they may be texts."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    return next((f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames)), "")
