"""Health, figures, what `verify` reads, and rebuilding."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.search.engines.engine import SearchDown
from services.search.http.edge import Here
from services.search.shown import shown_after
from shared import figures
from shared.errors import Unavailable
from shared.feed import FeedUnreachable
from shared.http import require_internal

router = APIRouter(include_in_schema=False)


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
    items = await _items(here)
    return figures.readiness(
        await figures.look(here.db, here.listener),
        also=items is not None and not here.shelf.stale,
        rebuilding=here.shelf.rebuilding.locked(),
        engine=items is not None,
        items=items,
    )


async def _items(here: Here) -> int | None:
    """Return the number of cards; None while the engine does not answer."""
    try:
        return await here.read(here.shelf.engine.size)
    except SearchDown:
        return None


@router.get("/metrics")
async def metrics(here: Here) -> Response:
    """Return our figures (Prometheus text format)."""
    items = await _items(here)
    up, cards = {"search": items is not None}, {"search": items} if items is not None else {}
    return figures.metrics(
        await figures.look(here.db, here.listener),
        figures.gauge(
            "gazette_search_engine_up", "Whether the search engine answers.", up, "consumer"
        ),
        figures.gauge(
            "gazette_search_cards", "Items in the index, tombstones included.", cards, "consumer"
        ),
    )
