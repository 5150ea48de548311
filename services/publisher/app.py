"""Composition root of the publisher: settings → database → store → bus → renderer → HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI
from uuid_utils import uuid7

from services.publisher import http
from services.publisher.actions.build_trees import begin_tree, first_tree, forget_record
from services.publisher.actions.render_dirty import Visible as Seen
from services.publisher.inbox import on_record
from services.publisher.pages import render
from services.publisher.reads.frame import Surroundings
from services.publisher.renderer import Renderer
from services.publisher.settings import Settings
from services.publisher.store import FolderStore
from services.publisher.tables import tables
from shared.bus import Bus, Listener
from shared.db import Database
from shared.events.effects import VISIBLE, Visible, VisibleEvent
from shared.feed import RecordFeed
from shared.http import install

log = structlog.get_logger()


def create_app(settings: Settings) -> FastAPI:
    """Return the publisher's app; its lifespan hears the record and renders."""
    db = Database(settings.database_url, "publisher")
    store = FolderStore(settings.site_store)
    bus = Bus(settings.nats_url, name="publisher")
    feed = RecordFeed(settings.catalog_url)
    around = _around(settings)
    digest = _digest(around)

    async def say(seen: Sequence[Seen], at: datetime) -> None:
        await asyncio.gather(
            *(bus.say(_effect(one, at), subject=_subject(one), stream="EFFECTS") for one in seen)
        )

    async def on_epoch(_: UUID) -> None:
        async with db.sessions.begin() as session:
            await forget_record(session)
        await begin_tree(db.sessions, store, digest=digest)

    renderer = Renderer(db.sessions, store, around, say=say)
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
    renderer.caught_up = lambda: listener.caught_up

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await first_tree(db.sessions, store, digest=digest)
            async with bus, listener, renderer:
                yield
        finally:
            await feed.close()
            await db.close()
            store.close()

    app = FastAPI(
        title="Open Gazette: publisher",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    install(app)
    app.include_router(http.router)
    app.state.publisher = http.Publisher(settings, db, store, renderer, listener, digest)
    app.state.listeners = [listener]
    return app


def _around(settings: Settings) -> Surroundings:
    return Surroundings(
        site_url=settings.site_url.rstrip("/"),
        prefix=settings.path_prefix.rstrip("/"),
        portal_header=_fragment(settings.portal_header),
        portal_footer=_fragment(settings.portal_footer),
    )


def _fragment(file: Path | None) -> str:
    return file.read_text(encoding="utf-8") if file else ""


def _digest(around: Surroundings) -> str:
    """Return the digest of everything but the record that pages are made of."""
    folder = Path(__file__).parent
    code = sorted([*folder.glob("files/*.py"), *folder.glob("rules/*.py")])
    total = hashlib.sha256(render.digest().encode())
    for part in (repr(around).encode(), *(file.read_bytes() for file in code)):
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


def _subject(seen: Seen) -> str:
    return f"effects.publisher.{seen.department}.{seen.item_id}"


def _effect(seen: Seen, at: datetime) -> VisibleEvent:
    data = Visible(
        service="publisher",
        department=seen.department,
        item_id=seen.item_id,
        version=seen.version,
        visible_at=at,
    )
    return VisibleEvent(
        id=str(uuid7()), source="/services/publisher", type=VISIBLE, time=at, data=data
    )
