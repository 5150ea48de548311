"""Composition root of search: settings → index → database → bus → HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import structlog
from fastapi import FastAPI

from services.search.actions.rebuild_index import (
    EpochChanged,
    Rebuilt,
    rebuild_index,
    replace_rows,
)
from services.search.engines.cluster import ClusterShelf
from services.search.engines.engine import SearchDown
from services.search.engines.folder import FolderShelf
from services.search.engines.shelf import Shelf
from services.search.engines.wire import address_of
from services.search.http import api, internal, page
from services.search.http.edge import Search
from services.search.inbox import on_record
from services.search.names import NameBoard
from services.search.settings import Settings
from services.search.shown import shown_in_all
from services.search.tables import SCHEMA, tables
from shared.background import background
from shared.bus import Bus, Listener
from shared.db import Database, unreachable
from shared.feed import FeedUnreachable, RecordFeed
from shared.http import install
from shared.leader import locked
from shared.position import epoch_of
from shared.purging import Purger
from shared.web.dates import zone as zone_of

log = structlog.get_logger()

TEXTS = (f"{SCHEMA}.parked",)
"""Tables with texts, for a leak."""
READERS = 4
"""Threads that search in a folder; more would only wait for each other on two cores."""
ASKERS = 32
"""Threads that wait for a cluster's answers."""
PATIENCE = 5.0
"""Seconds between tries of a rebuild that the record feed does not yet allow."""
LOOK = 15.0
"""Seconds between looks at an index that others can change."""


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
            shelf = await asyncio.to_thread(shelf_of, settings)
            stack.push_async_callback(asyncio.to_thread, shelf.close)
            readers = ASKERS if shelf.shared else READERS
            threads = stack.enter_context(ThreadPoolExecutor(readers, thread_name_prefix="search"))
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
            purger = Purger(db, TEXTS, keeper.rebuild_after_a_leak)
            hear = partial(_hear, bus, listener)
            await stack.enter_async_context(background(hear, keeper.mend, purger.run))
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


def shelf_of(settings: Settings) -> Shelf:
    """Return where the index lies: on the cluster that the settings name, else in the folder."""
    if settings.search_url:
        return ClusterShelf(address_of(settings.search_url))
    return FolderShelf(settings.search_index)


async def _hear(bus: Bus, listener: Listener) -> None:
    """Hear the record until cancelled; searching begins before NATS can be reached."""
    async with bus, listener:
        await asyncio.Event().wait()


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
        self._behind: bool | None = None
        """Whether the index lags behind the tables; None: not known yet."""

    async def prepare(self) -> None:
        """Read the names, and see how things stand with the index; what cannot be reached may come later than we."""
        try:
            async with self._db.sessions() as session:
                await self._names.read(session)
            await self._look()
        except Exception as error:
            if not unreachable(error):
                raise
            log.warning("started_alone", service="search", reason=type(error).__name__)

    async def mend(self) -> None:
        """Rebuild when the index is of other code, missing or behind; go on looking where others can change it."""
        while True:
            try:
                await self._mend()
            except Exception as error:
                if isinstance(error, FeedUnreachable) or unreachable(error):
                    log.warning("mending_waits", service="search", reason=type(error).__name__)
                    await asyncio.sleep(PATIENCE)
                    continue
                log.exception("rebuild_failed", service="search")
                await asyncio.sleep(PATIENCE * 6)
                continue
            if not self._shelf.shared:
                return
            await asyncio.sleep(LOOK)

    async def rebuild(self) -> int:
        """Rebuild beside the living index and swap; return the number of items."""
        async with self._alone():
            return len((await self._rebuilt()).items)

    async def rebuild_after_a_leak(self) -> bool:
        """Make the index anew: engines keep the words of what was replaced until segments are merged."""
        try:
            await self.rebuild()
        except (FeedUnreachable, SearchDown):
            return False
        return True

    async def begin_epoch(self, epoch: UUID) -> None:
        """Show what the record says after a restore, telling nobody."""
        log.info("epoch_changed", service="search", epoch=str(epoch))
        async with self._alone():
            rebuilt = await self._rebuilt()
            async with self._db.sessions.begin() as session:
                await replace_rows(session, rebuilt, now=datetime.now(UTC))
                await self._names.read(session)

    async def _mend(self) -> None:
        if not await self._wanting():
            return
        async with self._alone():
            if await self._wanting():  # else another copy has rebuilt it while we waited
                await self._rebuilt()
                self._behind = False

    async def _wanting(self) -> bool:
        """Say whether the index has to be made anew."""
        if self._shelf.shared or self._behind is None:
            await self._look()
        return self._shelf.stale or bool(self._behind)

    async def _look(self) -> None:
        """Look at the index, and when it can be read for the first time compare it with the tables."""
        await asyncio.to_thread(self._shelf.look)
        if self._behind is None and not self._shelf.stale:
            self._behind = await self._lags()

    async def _lags(self) -> bool:
        """Say whether the index holds less than the tables say (a lost or older one), or another epoch."""
        async with self._db.sessions() as session:
            items, sequence = await shown_in_all(session)
            epoch = await epoch_of(session, tables.position, "search")
        engine = self._shelf.engine
        held = await asyncio.to_thread(lambda: (engine.size(), engine.newest_sequence()))
        foreign = None not in (epoch, self._shelf.epoch) and epoch != self._shelf.epoch
        return foreign or held[0] < items or held[1] < sequence

    async def _rebuilt(self) -> Rebuilt:
        while True:
            with suppress(EpochChanged):
                return await rebuild_index(self._shelf, self._feed, self._zone)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Be the only copy of the service that rebuilds a shared index; wait for another one that does."""
        if not self._shelf.shared:
            yield
            return
        async with locked(self._db.url, f"rebuild {SCHEMA}"):
            yield
