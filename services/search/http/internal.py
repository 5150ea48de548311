"""Health, figures, what `verify` reads, and rebuilding."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text

from services.search.engines.engine import SearchDown
from services.search.http.edge import Here
from services.search.shown import shown_after
from shared.db import unreachable
from shared.errors import Unavailable
from shared.feed import FeedUnreachable
from shared.http import require_internal

router = APIRouter(include_in_schema=False)

_MEANINGS = {
    "gazette_search_engine_up": "Whether the search engine answers.",
    "gazette_search_cards": "Items in the index, tombstones included.",
    "gazette_consumer_handled": "Events handled since the start.",
    "gazette_consumer_pending": "Events not yet handled.",
}


@router.get("/internal/shown")
async def shown(
    request: Request,
    here: Here,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> dict[str, Any]:
    """Answer which version of each item the index really holds, since when."""
    require_internal(request, here.settings.internal_token)
    async with here.db.sessions() as session:
        rows = await shown_after(session, after, limit)
    held = await here.read(partial(here.shelf.engine.versions, [row["item_id"] for row in rows]))
    return {
        "shown": [row for row in rows if held.get(row["item_id"]) == row["version"]],
        "next": rows[-1]["item_id"] if len(rows) == limit else None,
    }


@router.post("/internal/rebuild")
async def rebuild(request: Request, here: Here) -> dict[str, Any]:
    """Make the index anew from the record, beside the living one, and answer when it is swapped in."""
    require_internal(request, here.settings.internal_token)
    started = time.monotonic()
    try:
        items = await here.rebuild()
    except FeedUnreachable as error:
        raise Unavailable(str(error)) from error
    return {"items": items, "seconds": round(time.monotonic() - started, 1)}


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(here: Here) -> Response:
    """Say whether database and engine answer, the consumer hears and has caught up, and the index is of this code."""
    listener = here.listener
    database = await _database_answers(here)
    pending = await listener.pending() if listener.bus.connected else None
    items = await _items(here)
    hears = pending is not None and listener.caught_up
    ready = database and hears and items is not None and not here.shelf.stale
    state = {
        "status": "ok" if ready else "degraded",
        "database": database,
        "nats": listener.bus.connected,
        "pending": pending,
        "caught_up": listener.caught_up,
        "rebuilding": here.shelf.rebuilding.locked(),
        "engine": items is not None,
        "items": items,
    }
    return JSONResponse(state, 200 if ready else 503)


async def _items(here: Here) -> int | None:
    """Return the number of cards; None while the engine does not answer."""
    try:
        return await here.read(here.shelf.engine.size)
    except SearchDown:
        return None


async def _database_answers(here: Here) -> bool:
    try:
        async with here.db.sessions() as session:
            await session.execute(text("SELECT 1"))
    except Exception as error:
        if not unreachable(error):
            raise
        return False
    return True


@router.get("/metrics")
async def metrics(here: Here) -> Response:
    """Return our figures (Prometheus text format)."""
    listener = here.listener
    pending = await listener.pending() if listener.bus.connected else None
    items = await _items(here)
    figures = {
        "gazette_search_engine_up": int(items is not None),
        **({"gazette_search_cards": items} if items is not None else {}),
        "gazette_consumer_handled": listener.events_handled,
        **({"gazette_consumer_pending": pending} if pending is not None else {}),
    }
    registry = CollectorRegistry()
    for name, value in figures.items():
        gauge = Gauge(name, _MEANINGS[name], ["consumer"], registry=registry)
        gauge.labels("search").set(value)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
