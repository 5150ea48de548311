"""Look whether readers get the files that the record asks for, and queue what they do not get to be written anew.

Of a page the look knows that it is whole and shows the hash of its state; of the JSON beside it every byte. A change
in the middle of a page would only be seen by rendering it: that is what a rebuild does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from services.publisher.actions.queue_paths import Sessions, hold_trees, queue_paths
from services.publisher.files.items import GONE, GONE_MARKER, state_json
from services.publisher.pages import paths
from services.publisher.rules import dirt
from services.publisher.rules.dirt import Dirt
from services.publisher.store import SiteStore, parts_of
from shared.web.dates import LANGS

log = structlog.get_logger()

_FRONTS = {"home", "departments", "site-map", "plain"}


@dataclass(frozen=True)
class Fault:
    """A file that is not what the record asks for."""

    item_id: UUID | None
    """None: a page that belongs to no item."""
    path: str
    there: bool
    """False: it is missing; True: it is damaged, or should not be there."""


@dataclass
class _Wanted:
    """What is to be there."""

    pages: dict[str, bytes] = field(default_factory=dict)
    """Path → what the whole page contains."""
    files: dict[str, bytes | None] = field(default_factory=dict)
    """Path → bytes; None: no file."""
    rows: dict[str, Dirt] = field(default_factory=dict)
    """Path → the row of the queue that writes it."""

    def add(
        self,
        row: Dirt,
        *,
        pages: Mapping[str, bytes],
        files: Mapping[str, bytes | None] | None = None,
    ) -> None:
        """Add what *row* writes."""
        self.pages |= pages
        self.files |= files or {}
        self.rows |= dict.fromkeys((*pages, *(files or {})), row)


async def look_at_files(
    sessions: Sessions, store: SiteStore, ids: Sequence[UUID], *, fronts: bool = False
) -> list[Fault]:
    """Look at what is served of the items *ids*, and at the pages in front of them all; return what is wrong there.

    What is not shown yet, or waits to be written, is not looked at.
    """
    wanted = await _wanted(sessions, ids, fronts=fronts)
    if not await asyncio.to_thread(store.faults, wanted.pages, wanted.files):
        return []
    wanted = await _wanted(sessions, ids, fronts=fronts)  # pages may have been written meanwhile
    wrong = await asyncio.to_thread(store.faults, wanted.pages, wanted.files)
    if not wrong:
        return []
    damaged = ["/".join(parts_of(path)) for path, there in wrong.items() if there]
    await asyncio.to_thread(store.remove, damaged)  # a bucket leaves alone what bears our digest
    async with sessions.begin() as session:
        await hold_trees(session)
        await queue_paths(session, [wanted.rows[path] for path in wrong])
    log.warning("files_faulty", service="publisher", files=len(wrong), first=list(wrong)[:5])
    return [Fault(_item_of(wanted.rows[path]), path, there) for path, there in wrong.items()]


async def _wanted(sessions: Sessions, ids: Sequence[UUID], *, fronts: bool) -> _Wanted:
    async with sessions() as session:
        rows = (await session.execute(_SHOWN, {"ids": list(ids)})).all()
        waiting = set((await session.execute(_WAITING)).scalars()) if fronts else set()
    wanted = _Wanted()
    await asyncio.to_thread(_add_items, wanted, rows)
    for row in [*dirt.site_pages(), *dirt.fixed_pages()] if fronts else []:
        if row.kind in _FRONTS and row.path not in waiting:
            for lang in LANGS:
                wanted.add(row, pages={paths.in_language(row.path, lang): b""})
    return wanted


_SHOWN = text(
    "SELECT i.item_id, i.url, i.standing, i.sha256, i.state FROM publisher.item i JOIN publisher.shown s "
    "ON (s.item_id, s.version, s.sequence) = (i.item_id, i.version, i.sequence) WHERE i.item_id = ANY(:ids)"
)
_WAITING = text("SELECT path FROM publisher.dirty WHERE kind <> 'item'")


def _add_items(wanted: _Wanted, rows: Sequence[Any]) -> None:
    for row in rows:
        published = row.standing == "published"
        files: dict[str, bytes | None] = {paths.item_json(row.url): None}
        if published:
            files = {paths.item_json(row.url): state_json(row), row.url + GONE_MARKER: None}
        elif row.standing != "redirect":
            files[row.url + GONE_MARKER] = GONE
        mark = row.sha256.encode() if published else b""
        wanted.add(dirt.refresh(row.item_id, row.url), pages={row.url: mark}, files=files)


def _item_of(row: Dirt) -> UUID | None:
    return UUID(row.args["item_id"]) if row.kind == "item" else None
