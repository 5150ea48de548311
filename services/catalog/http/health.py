"""Health of the catalog and its figures for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client.core import Metric

from services.catalog import queries
from services.catalog.http.edge import Catalog, Here
from shared import figures

router = APIRouter(include_in_schema=False)

_MEANINGS = {
    "items": "Items on the record, tombstones included.",
    "departments": "Bodies that owe disclosure.",
    "waiting": "Events that wait for a person.",
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
    # without NATS the catalog still takes what comes over HTTP: the outbox keeps it
    return figures.readiness(await figures.look(catalog.db, *catalog.listeners))


@router.get("/metrics")
async def metrics(catalog: Here) -> Response:
    """Answer in the text format of Prometheus; what the database would tell is left out while it is away."""
    seen = await figures.look(catalog.db, *catalog.listeners)
    return figures.metrics(seen, *(await _own(catalog) if seen.parked is not None else []))


async def _own(catalog: Catalog) -> list[Metric]:
    """Return the numbers of the record, and how long the oldest current version has waited to become visible where."""
    async with catalog.db.sessions() as session:
        numbers: dict[str, Any] = await queries.figures(session)
        ages = await queries.oldest_invisible(session)
    return [
        *(
            figures.gauge(f"gazette_catalog_{name}", meaning, {(): numbers[name]})
            for name, meaning in _MEANINGS.items()
            if name in numbers
        ),
        figures.gauge(
            "gazette_end_to_end_age_seconds",
            "Age of the oldest current version that a projection does not show yet.",
            ages,
            "projection",
        ),
    ]
