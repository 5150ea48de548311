"""Health, figures, and what `verify` reads."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from prometheus_client.core import Metric

from services.notifier.http.edge import Here, Notifier
from services.notifier.queries import deliveries_by_state, shown_after
from shared import figures
from shared.http import require_internal

router = APIRouter(include_in_schema=False)


@router.get("/internal/shown")
async def shown(
    request: Request,
    notifier: Here,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> dict[str, Any]:
    """Answer up to which notice each item counts as told (not which version is shown: the notifier shows none)."""
    require_internal(request, notifier.settings.internal_token)
    async with notifier.db.sessions() as session:
        rows = await shown_after(session, after, limit)
    return {"shown": rows, "next": rows[-1]["item_id"] if len(rows) == limit else None}


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(notifier: Here) -> Response:
    """Say whether the database answers, and whether the consumer hears and has caught up."""
    return figures.readiness(await figures.look(notifier.db, notifier.listener))


@router.get("/metrics")
async def metrics(notifier: Here) -> Response:
    """Return our figures (Prometheus text format); what the database would tell is left out while it is away."""
    seen = await figures.look(notifier.db, notifier.listener)
    return figures.metrics(
        seen, *([await _deliveries(notifier)] if seen.parked is not None else [])
    )


async def _deliveries(notifier: Notifier) -> Metric:
    async with notifier.db.sessions() as session:
        states = await deliveries_by_state(session)
    meaning = "Mails and webhooks by state."
    return figures.gauge("gazette_notifier_deliveries", meaning, states, "channel", "state")
