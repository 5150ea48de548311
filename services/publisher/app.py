"""Composition root of the publisher: settings → database → store → bus → renderer → HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI

from services.publisher import http
from services.publisher.actions.build_trees import begin_tree, first_tree, forget_record
from services.publisher.actions.render_dirty import Visible
from services.publisher.bucket import BucketStore
from services.publisher.inbox import on_record
from services.publisher.pages import render
from services.publisher.reads.frame import Surroundings
from services.publisher.renderer import Renderer
from services.publisher.settings import Settings
from services.publisher.store import FolderStore, SiteStore
from services.publisher.tables import tables
from shared import position
from shared.background import background
from shared.bus import Bus, Listener
from shared.db import Database, unreachable, who_is_away, why
from shared.events.effects import visible
from shared.feed import FeedUnreachable, RecordFeed
from shared.http import install
from shared.objects import Bucket, on_s3
from shared.purging import Purger
from shared.web.frame import fragment

log = structlog.get_logger()

TEXTS = ("publisher.item", "publisher.item_version", "publisher.parked")
"""Tables with texts, for a leak."""
RETRY = 1.0
"""Seconds between attempts to start while database or disk do not allow it."""


def create_app(settings: Settings) -> FastAPI:
    """Return the publisher's app; its lifespan hears the record and renders."""
    bus = Bus(settings.nats_url, name="publisher")
    feed = RecordFeed(settings.catalog_url)
    publisher = _publisher(settings, bus, feed)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            async with background(partial(_work, publisher, bus)):
                yield
        finally:
            await feed.close()
            await publisher.db.close()
            publisher.store.close()

    app = FastAPI(
        title="Open Gazette: publisher",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    install(app)
    app.include_router(http.router)
    app.state.publisher = publisher
    return app


def _publisher(settings: Settings, bus: Bus, feed: RecordFeed) -> http.Publisher:
    """Build everything; nothing runs yet."""
    db = Database(settings.database_url, "publisher")
    store = _store(settings.site_store)
    around = _around(settings)
    digest = _digest(around)
    renderer = Renderer(db.sessions, store, around, say=partial(_say, bus))

    async def on_epoch(_: UUID) -> None:
        async with db.sessions.begin() as session:
            await forget_record(session)
        await begin_tree(db.sessions, store, digest=digest)

    listener = Listener(
        bus,
        on_record,
        db,
        tables,
        feed=feed,
        resources={"zone": ZoneInfo(settings.timezone)},
        after_commit=renderer.wake,
        on_epoch=on_epoch,
    )
    renderer.caught_up = partial(_caught_up, db, feed, listener)
    return http.Publisher(settings, db, store, renderer, listener, digest)


def _store(place: str | Path) -> SiteStore:
    """Return the store that `GAZETTE_SITE_STORE` names: a bucket, or a folder."""
    return (
        BucketStore(Bucket(str(place), setting="GAZETTE_SITE_STORE"))
        if on_s3(place)
        else FolderStore(Path(place))
    )


async def _caught_up(db: Database, feed: RecordFeed, listener: Listener) -> bool:
    """Say whether every event up to the record's head has been dealt with, in the record's own epoch."""
    try:
        epoch, head = await feed.head()
    except FeedUnreachable:
        return False
    async with db.sessions() as session:
        known = await position.epoch_of(session, tables.position, listener.name)
        return known == epoch and not await position.missing(
            session, tables.position, listener.name, head
        )


async def _work(publisher: http.Publisher, bus: Bus) -> None:
    """Render from the first moment; hear as soon as the broker answers, which may be later."""
    while not await _ready(publisher):  # noqa: ASYNC110 — there is no event to wait for, but a server that comes back
        await asyncio.sleep(RETRY)
    await asyncio.to_thread(render.read_templates)
    purger = Purger(publisher.db, TEXTS)
    async with background(purger.run), publisher.renderer, bus, publisher.listener:
        await asyncio.Event().wait()


async def _ready(publisher: http.Publisher) -> bool:
    """Have a tree that is served; False while the database or the disk does not allow it."""
    try:
        await first_tree(publisher.db.sessions, publisher.store, digest=publisher.digest)
    except Exception as error:
        if unreachable(error):
            log.warning(who_is_away(error), service="publisher", reason=why(error))
        else:
            log.exception("start_failed", service="publisher")
        return False
    return True


def _around(settings: Settings) -> Surroundings:
    return Surroundings(
        site_url=settings.site_url.rstrip("/"),
        prefix=settings.path_prefix.rstrip("/"),
        portal_header=fragment(settings.portal_header),
        portal_footer=fragment(settings.portal_footer),
    )


def _digest(around: Surroundings) -> str:
    """Return the digest of everything but the record that pages are made of."""
    folder = Path(__file__).parent
    code = sorted([*folder.glob("files/*.py"), *folder.glob("rules/*.py")])
    total = hashlib.sha256(render.digest().encode())
    for part in (repr(around).encode(), *(file.read_bytes() for file in code)):
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


async def _say(bus: Bus, seen: Sequence[Visible]) -> None:
    """Say what became visible."""
    effects = [
        visible(
            "publisher",
            one.item_id,
            one.version,
            department=one.department,
            at=one.at,
            trace=one.trace,
        )
        for one in seen
    ]
    await bus.say_visible(effects)
