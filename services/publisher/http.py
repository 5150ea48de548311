"""The publisher's own routes: health, figures, what is shown, rebuild. The site itself is files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.publisher import queries
from services.publisher.actions.build_trees import begin_tree
from services.publisher.renderer import Renderer
from services.publisher.settings import Settings
from services.publisher.store import SiteStore
from shared.bus import Listener
from shared.db import Database, unreachable
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
    async with publisher.db.sessions() as session:
        return await queries.standing(session, at)


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(publisher: Here, at: Now) -> Response:
    """Say whether the database answers, the consumer hears and has caught up, and the queue of paths moves."""
    listener, paths = publisher.listener, None
    try:
        async with publisher.db.sessions() as session:
            paths = await queries.standing(session, at)
    except Exception as error:
        if not unreachable(error):
            raise
    pending = await listener.pending() if listener.bus.connected else None
    ready = (
        paths is not None
        and pending is not None
        and listener.caught_up
        and paths["oldest_seconds"] < LATE
    )
    state = {
        "status": "ok" if ready else "degraded",
        "database": paths is not None,
        "nats": listener.bus.connected,
        "pending": pending,
        "caught_up": listener.caught_up,
        "paths": {name: paths[name] for name in ("waiting", "parked", "oldest_seconds")}
        if paths
        else None,
    }
    return JSONResponse(state, 200 if ready else 503)


@router.get("/metrics")
async def metrics(publisher: Here, at: Now) -> Response:
    """Return our figures (Prometheus text format)."""
    async with publisher.db.sessions() as session:
        paths = await queries.standing(session, at)
    pending = await publisher.listener.pending() if publisher.listener.bus.connected else None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(paths, pending, publisher.listener.events_handled))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """One look at the publisher."""

    def __init__(self, paths: dict[str, Any], pending: int | None, handled: int) -> None:
        self._paths, self._pending, self._handled = paths, pending, handled

    def collect(self) -> list[Metric]:
        """Return the families."""
        waiting = GaugeMetricFamily(
            "gazette_publisher_paths", "Paths to be rendered.", labels=["state"]
        )
        waiting.add_metric(["waiting"], self._paths["waiting"])
        waiting.add_metric(["parked"], self._paths["parked"])
        age = GaugeMetricFamily(
            "gazette_publisher_oldest_path_seconds", "Age of the path that waits longest."
        )
        age.add_metric([], self._paths["oldest_seconds"])
        lag = GaugeMetricFamily(
            "gazette_consumer_pending", "Events not yet handled.", labels=["consumer"]
        )
        if self._pending is not None:
            lag.add_metric(["publisher"], self._pending)
        handled = GaugeMetricFamily(
            "gazette_consumer_handled", "Events handled since the start.", labels=["consumer"]
        )
        handled.add_metric(["publisher"], self._handled)
        return [waiting, age, lag, handled]
