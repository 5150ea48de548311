"""A publisher on a real database and a real folder, without a broker: events are handed to it directly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from services.publisher.actions.build_trees import begin_tree, first_tree
from services.publisher.actions.render_dirty import Visible
from services.publisher.inbox import on_record
from services.publisher.reads.frame import Surroundings
from services.publisher.renderer import Renderer
from services.publisher.store import FolderStore
from shared.db import Database
from shared.events.record import AnyRecord

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Press:
    """The publisher's parts, as its app puts them together."""

    db: Database
    store: FolderStore
    renderer: Renderer
    said: list[Visible] = field(default_factory=list)

    async def hear(self, *events: AnyRecord) -> None:
        """Let the inbox handle *events* in one transaction."""
        async with self.db.sessions.begin() as session:
            await on_record(events, session, NOW, zone=ZONE)

    async def print(self, *events: AnyRecord) -> int:
        """Handle *events* and render until nothing is dirty; return how many paths that were."""
        await self.hear(*events)
        return await self.renderer.drain()

    async def waiting(self) -> list[str]:
        """Return the paths that are queued, the most urgent first."""
        async with self.db.sessions() as session:
            found = await session.execute(
                text("SELECT path FROM publisher.dirty ORDER BY rank, queued")
            )
            return list(found.scalars())

    async def rebuild(self) -> None:
        """Build a new tree beside the living one until it is served."""
        await begin_tree(self.db.sessions, self.store, digest="test")
        await self.renderer.drain()

    @property
    def current(self) -> Path:
        """The folder that is served."""
        return self.store.root / "current"

    def page(self, path: str) -> str:
        """Return the text of a page."""
        return (self.current / path.lstrip("/") / "index.html").read_text(encoding="utf-8")

    def files(self) -> dict[str, bytes]:
        """Return every file of the served tree."""
        root = self.current.resolve()
        return {
            str(file.relative_to(root)): file.read_bytes()
            for file in sorted(root.rglob("*"))
            if file.is_file()
        }


async def press_at(database_url: str, folder: Path) -> AsyncIterator[Press]:
    """Build a publisher on a fresh database and folder."""
    async for built in press_on(database_url, FolderStore(folder)):
        yield built


async def press_on(database_url: str, store: Any) -> AsyncIterator[Press]:
    """Build a publisher on a fresh database and a store."""
    db = Database(database_url, "publisher")
    await first_tree(db.sessions, store, digest="test")
    renderer = Renderer(db.sessions, store, Surroundings("https://www.qinghe.test"), keep_old=0)
    built = Press(db, store, renderer)

    async def say(seen: Sequence[Visible]) -> None:
        built.said.extend(seen)

    renderer.say = say
    try:
        yield built
    finally:
        await db.close()
        store.close()


@pytest.fixture
async def press(database_url: str, tmp_path: Path) -> AsyncIterator[Press]:
    """Give a publisher whose first tree is served and empty."""
    async for built in press_at(database_url, tmp_path / "site"):
        yield built
