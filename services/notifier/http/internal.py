"""Health, figures, and what `verify` reads."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from services.notifier.http.edge import Here
from services.notifier.queries import deliveries_by_state, shown_after
from shared.db import unreachable
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
    listener = notifier.listener
    try:
        async with notifier.db.sessions() as session:
            await session.execute(text("SELECT 1"))
        database = True
    except Exception as error:
        if not unreachable(error):
            raise
        database = False
    pending = await listener.pending() if listener.bus.connected else None
    ready = database and pending is not None and listener.caught_up
    state = {
        "status": "ok" if ready else "degraded",
        "database": database,
        "nats": listener.bus.connected,
        "pending": pending,
        "caught_up": listener.caught_up,
    }
    return JSONResponse(state, 200 if ready else 503)


@router.get("/metrics")
async def metrics(notifier: Here) -> Response:
    """Return our figures (Prometheus text format)."""
    async with notifier.db.sessions() as session:
        states = await deliveries_by_state(session)
    pending = await notifier.listener.pending() if notifier.listener.bus.connected else None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(states, pending, notifier.listener.events_handled))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """One look at the notifier."""

    def __init__(
        self, states: dict[tuple[str, str], int], pending: int | None, handled: int
    ) -> None:
        self._states, self._pending, self._handled = states, pending, handled

    def collect(self) -> list[Metric]:
        """Return the families."""
        mails = GaugeMetricFamily(
            "gazette_notifier_deliveries",
            "Mails and webhooks by state.",
            labels=["channel", "state"],
        )
        for kind, count in self._states.items():
            mails.add_metric(kind, count)
        lag = GaugeMetricFamily(
            "gazette_consumer_pending", "Events not yet handled.", labels=["consumer"]
        )
        if self._pending is not None:
            lag.add_metric(["notifier"], self._pending)
        handled = GaugeMetricFamily(
            "gazette_consumer_handled", "Events handled since the start.", labels=["consumer"]
        )
        handled.add_metric(["notifier"], self._handled)
        return [mails, lag, handled]
