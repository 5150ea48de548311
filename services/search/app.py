"""Composition root of search: settings → index → database → bus → HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import UUID

import structlog
from fastapi import FastAPI

from services.search.actions.rebuild_index import (
    EpochChanged,
    Rebuilt,
    rebuild_index,
    replace_rows,
)
from services.search.engines.shelf import Shelf
from services.search.http import api, internal, page
from services.search.http.edge import Search
from services.search.inbox import on_record
from services.search.names import NameBoard
from services.search.settings import Settings
from services.search.shown import shown_in_all
from services.search.tables import SCHEMA, tables
from shared.bus import Bus, Listener
from shared.db import Database, unreachable
from shared.feed import FeedUnreachable, RecordFeed
from shared.http import install
from shared.position import epoch_of
from shared.web.dates import zone as zone_of

log = structlog.get_logger()

READERS = 4
"""Threads that search; more would only wait for each other on two cores."""
PATIENCE = 5.0
"""Seconds between tries of a rebuild that the record feed does not yet allow."""


def create_app(settings: Settings) -> FastAPI:
    """Return search's app; its lifespan opens the index, hears the record and rebuilds where needed."""
    zone = zone_of(settings.timezone)
    db = Database(settings.database_url, SCHEMA)
    bus = Bus(settings.nats_url, name="search")
    feed = RecordFeed(settings.catalog_url)
    names = NameBoard()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(db.close)
            stack.push_async_callback(feed.close)
            shelf = await asyncio.to_thread(Shelf, settings.search_index)
            stack.push_async_callback(asyncio.to_thread, shelf.close)
            threads = stack.enter_context(ThreadPoolExecutor(READERS, thread_name_prefix="search"))
            keeper = _Keeper(db, shelf, feed, names, settings.timezone)
            listener = Listener(
                bus,
                on_record,
                db,
                tables,
                feed=feed,
                resources={"shelf": shelf, "names": names, "zone": zone},
                on_epoch=keeper.begin_epoch,
            )
            app.state.search = Search(
                settings, db, shelf, names, listener, feed, zone, threads, keeper.rebuild
            )
            await keeper.prepare()
            for work, what in ((_hear(bus, listener), "hears"), (keeper.mend(), "mends")):
                task = asyncio.create_task(work, name=f"search {what}")
                stack.push_async_callback(_ended, task)
            yield

    app = FastAPI(
        title="Open Gazette: search",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    install(app)
    for resource in (api, page, internal):
        app.include_router(resource.router)
    return app


async def _hear(bus: Bus, listener: Listener) -> None:
    """Hear the record until cancelled; searching begins before NATS can be reached."""
    async with bus, listener:
        await asyncio.Event().wait()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class _Keeper:
    """Keeps the index true: rebuilds it when it is not what database, record and code say."""

    def __init__(
        self, db: Database, shelf: Shelf, feed: RecordFeed, names: NameBoard, timezone: str
    ) -> None:
        self._db = db
        self._shelf = shelf
        self._feed = feed
        self._names = names
        self._zone = zone_of(timezone)
        self._behind = False

    async def prepare(self) -> None:
        """Read the names, and see whether the index lags behind the tables (a lost or older folder)."""
        try:
            async with self._db.sessions() as session:
                await self._names.read(session)
                items, sequence = await shown_in_all(session)
                epoch = await epoch_of(session, tables.position, "search")
        except Exception as error:
            if not unreachable(error):
                raise
            log.warning("started_without_database", service="search", reason=type(error).__name__)
            return
        held = await asyncio.to_thread(
            lambda: (self._shelf.engine.size(), self._shelf.engine.newest_sequence())
        )
        foreign = None not in (epoch, self._shelf.epoch) and epoch != self._shelf.epoch
        self._behind = foreign or held[0] < items or held[1] < sequence

    async def mend(self) -> None:
        """Rebuild once when the index is of other code or behind; the feed may come later than we."""
        while self._shelf.stale or self._behind:
            try:
                await self.rebuild()
                self._behind = False
            except FeedUnreachable:
                await asyncio.sleep(PATIENCE)
            except Exception:
                log.exception("rebuild_failed", service="search")
                await asyncio.sleep(PATIENCE * 6)

    async def rebuild(self) -> int:
        """Rebuild beside the living index and swap; return the number of items."""
        return len((await self._rebuilt()).items)

    async def begin_epoch(self, epoch: UUID) -> None:
        """Show what the record says after a restore, telling nobody."""
        log.info("epoch_changed", service="search", epoch=str(epoch))
        rebuilt = await self._rebuilt()
        async with self._db.sessions.begin() as session:
            await replace_rows(session, rebuilt, now=datetime.now(UTC))
            await self._names.read(session)

    async def _rebuilt(self) -> Rebuilt:
        while True:
            with suppress(EpochChanged):
                return await rebuild_index(self._shelf, self._feed, self._zone)
