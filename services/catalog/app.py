"""Composition root of the catalog: settings → database → bus → HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import structlog
from fastapi import FastAPI

from services.catalog import clockwork, standard
from services.catalog.actions.purge_texts import TABLES
from services.catalog.doors import open_doors
from services.catalog.http import blobs, docs, events, health, internal, items, records
from services.catalog.http.edge import Catalog
from services.catalog.inbox import on_effect, on_intake
from services.catalog.leaks import Heard, take_out
from services.catalog.settings import Settings
from services.catalog.tables import tables
from shared.background import background
from shared.bus import Bus, Listener
from shared.db import Database
from shared.http import install
from shared.leader import lead
from shared.purging import Purger
from shared.web.frame import default_settings

log = structlog.get_logger()


def create_app(settings: Settings) -> FastAPI:
    """Return the catalog's app; its lifespan runs intake, the clockwork and the ear for effects."""
    db = Database(settings.database_url, "catalog", size=3)
    doors = open_doors(
        timezone=settings.timezone,
        index_number_rule=settings.index_number_rule,
        blobs=settings.blobs_url,
        data=settings.data,
    )
    bus = Bus(settings.nats_url, name="catalog")
    intake = Listener(bus, on_intake, db, tables, resources={"doors": doors})
    effects = Listener(bus, on_effect, db, tables)
    catalog = Catalog(settings, db, doors, (intake, effects))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.catalog = catalog
        try:
            async with background(*_led(settings, bus, intake, effects, catalog)):
                yield
        finally:
            await db.close()

    app = FastAPI(
        title="Open Gazette",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    install(app)
    for resource in (events, items, records, blobs, docs, health, internal):
        app.include_router(resource.router)
    return app


def _led(
    settings: Settings, bus: Bus, intake: Listener, effects: Listener, catalog: Catalog
) -> list[Callable[[], Awaitable[None]]]:
    """Return what runs beside the routes: the ears, and what only a leader does."""

    async def hear() -> None:
        async with bus, effects:
            await lead(settings.database_url, "intake", listen)

    async def listen() -> None:
        async with intake:
            await asyncio.Event().wait()

    async def tick() -> None:
        await clockwork.run(catalog, standard_lists())

    purger = Purger(
        catalog.db,
        TABLES,
        prepare=partial(take_out, catalog.db, catalog.doors.blobs, settings.nats_url, Heard()),
    )
    return [hear, tick, purger.run]


def standard_lists() -> dict[str, dict[str, object]]:
    """Return the lists of the whole site as they are when nobody has changed them."""
    return {
        "catalogue": {"entries": standard.plain()},
        "vocabulary": dict(standard.vocabulary()),
        "settings": default_settings().model_dump(
            mode="json", by_alias=True, exclude_defaults=True
        ),
    }
