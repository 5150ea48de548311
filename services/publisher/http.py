"""The publisher's own routes: health, figures, what is shown, rebuild. The site itself is files."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from prometheus_client.core import Metric

from services.publisher import queries
from services.publisher.actions.build_trees import begin_tree
from services.publisher.actions.look_at_files import look_at_files
from services.publisher.renderer import Renderer
from services.publisher.settings import Settings
from services.publisher.store import SiteStore
from shared import figures
from shared.bus import Listener
from shared.db import Database
from shared.http import require_internal

router = APIRouter(include_in_schema=False)
LATE = 60.0
"""Seconds after which a path that still waits makes the publisher not ready."""


@dataclass(frozen=True)
class Publisher:
    """What `app.py` built."""

    settings: Settings
    db: Database
    store: SiteStore
    renderer: Renderer
    listener: Listener
    digest: str


def publisher_of(request: Request) -> Publisher:
    """Return what `app.py` built."""
    built: Publisher = request.app.state.publisher
    return built


def now() -> datetime:
    """Read the clock: the edge does, nobody below it."""
    return datetime.now(UTC)


Here = Annotated[Publisher, Depends(publisher_of)]
Now = Annotated[datetime, Depends(now)]


@router.get("/internal/shown")
async def shown(
    request: Request,
    publisher: Here,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> dict[str, Any]:
    """Answer which version of each item readers see, by item id."""
    require_internal(request, publisher.settings.internal_token)
    async with publisher.db.sessions() as session:
        return await queries.shown_after(session, after, limit)


@router.post("/internal/look")
async def look(
    request: Request,
    publisher: Here,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Look at the files of the items that are shown, by item id, and answer what is wrong: it is being written anew."""
    require_internal(request, publisher.settings.internal_token)
    async with publisher.db.sessions() as session:
        page = await queries.shown_after(session, after, limit)
    ids = [UUID(row["item_id"]) for row in page["shown"]]
    faults = await look_at_files(publisher.db.sessions, publisher.store, ids, fronts=after is None)
    if faults:
        publisher.renderer.wake()
    return {"faults": [asdict(fault) for fault in faults], "next": page["next"]}


@router.post("/internal/rebuild")
async def rebuild(request: Request, publisher: Here) -> dict[str, Any]:
    """Build a new tree beside the living one and answer when it is served."""
    require_internal(request, publisher.settings.internal_token)
    number = await begin_tree(publisher.db.sessions, publisher.store, digest=publisher.digest)
    publisher.renderer.wake()
    while True:
        await asyncio.sleep(0.2)
        async with publisher.db.sessions() as session:
            standing = await queries.tree_standing(session, number)
        if standing != "building":
            return {"tree": number, "standing": standing or "given up"}


@router.get("/internal/standing")
async def standing(request: Request, publisher: Here, at: Now) -> dict[str, Any]:
    """Answer what waits and what is parked in the queue of paths."""
    require_internal(request, publisher.settings.internal_token)
    return await _paths(publisher, at)


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(publisher: Here, at: Now) -> Response:
    """Say whether the database answers, the consumer hears and has caught up, and the queue of paths moves."""
    seen = await figures.look(publisher.db, publisher.listener)
    paths = await _paths(publisher, at) if seen.parked is not None else None
    told = ("waiting", "parked", "oldest_seconds")
    return figures.readiness(
        seen,
        also=paths is not None and paths["oldest_seconds"] < LATE,
        paths={name: paths[name] for name in told} if paths else None,
    )


@router.get("/metrics")
async def metrics(publisher: Here, at: Now) -> Response:
    """Return our figures (Prometheus text format); what the database would tell is left out while it is away."""
    seen = await figures.look(publisher.db, publisher.listener)
    own = _own(await _paths(publisher, at)) if seen.parked is not None else []
    return figures.metrics(seen, *own)


async def _paths(publisher: Publisher, at: datetime) -> dict[str, Any]:
    async with publisher.db.sessions() as session:
        return await queries.standing(session, at)


def _own(paths: dict[str, Any]) -> list[Metric]:
    states = {state: paths[state] for state in ("waiting", "parked")}
    oldest = {(): paths["oldest_seconds"]}
    return [
        figures.gauge("gazette_publisher_paths", "Paths to be rendered.", states, "state"),
        figures.gauge(
            "gazette_publisher_oldest_path_seconds", "Age of the path that waits longest.", oldest
        ),
    ]
