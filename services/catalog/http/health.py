"""Health of the catalog and its figures for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from services.catalog import queries
from services.catalog.http.edge import Catalog, Here
from shared.db import unreachable

router = APIRouter(include_in_schema=False)

_MEANINGS = {
    "items": "Items on the record, tombstones included.",
    "departments": "Bodies that owe disclosure.",
    "waiting": "Events that wait for a person or their time.",
    "sequence": "Newest sequence of the record.",
    "unsent": "Outbox rows that the relay has not sent.",
    "parked": "Events that the catalog has set aside.",
}


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(catalog: Here) -> Response:
    """Say whether the database answers and each consumer's durable is there."""
    figures = await _figures(catalog)
    pending = {
        listener.name: await listener.pending()
        for listener in catalog.listeners
        if listener.bus.connected
    }
    nats = len(pending) == len(catalog.listeners) and None not in pending.values()
    state = {
        "status": "ok" if figures is not None and nats else "degraded",
        "database": figures is not None,
        "nats": nats,
        "pending": pending,
    }
    # without NATS the catalog still takes what comes over HTTP: the outbox keeps it
    return JSONResponse(state, 200 if figures is not None and nats else 503)


async def _figures(catalog: Catalog) -> dict[str, Any] | None:
    try:
        async with catalog.db.sessions() as session:
            return await queries.figures(session)
    except Exception as error:
        if not unreachable(error):
            raise
        return None


@router.get("/metrics")
async def metrics(catalog: Here) -> Response:
    """Answer in the text format of Prometheus; what the database would tell is left out while it is away."""
    registry = CollectorRegistry()
    handled = Gauge(
        "gazette_consumer_handled",
        "Events handled since the start.",
        ["consumer"],
        registry=registry,
    )
    pending = Gauge(
        "gazette_consumer_pending", "Events not yet handled.", ["consumer"], registry=registry
    )
    for listener in catalog.listeners:
        handled.labels(listener.name).set(listener.events_handled)
        waiting = await listener.pending() if listener.bus.connected else None
        if waiting is not None:
            pending.labels(listener.name).set(waiting)
    figures = await _figures(catalog) or {}
    for name, meaning in _MEANINGS.items():
        if name in figures:
            Gauge(f"gazette_catalog_{name}", meaning, registry=registry).set(figures[name])
    await _age(catalog, registry, known=bool(figures))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _age(catalog: Catalog, registry: CollectorRegistry, *, known: bool) -> None:
    """Add how long the oldest current version has waited to become visible in each projection."""
    if not known:
        return
    age = Gauge(
        "gazette_end_to_end_age_seconds",
        "Age of the oldest current version that a projection does not show yet.",
        ["projection"],
        registry=registry,
    )
    async with catalog.db.sessions() as session:
        for projection, seconds in (await queries.oldest_invisible(session)).items():
            age.labels(projection).set(seconds)
