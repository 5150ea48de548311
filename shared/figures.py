"""Health and figures that every service with consumers answers: `/readyz` and `/metrics`, from one look at both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from shared.bus import Listener
from shared.db import Database, unreachable


@dataclass(frozen=True)
class Look:
    """One look at a service: its database, and its consumers."""

    service: str
    parked: int | None
    """Events that it has put aside; None: the database does not answer."""
    pending: Mapping[str, int | None]
    """Consumer → events not yet handled; None: NATS or its durable is not there."""
    handled: Mapping[str, int]
    """Consumer → events handled since the start."""
    caught_up: bool
    """Whether the record feed has been read to its head since the start, where there is one to read."""

    @property
    def ready(self) -> bool:
        """Whether the database answers, and each consumer hears and has caught up."""
        return self.parked is not None and None not in self.pending.values() and self.caught_up


async def look(db: Database, *listeners: Listener) -> Look:
    """Ask the database and the consumers; what is away is said, not raised."""
    return Look(
        db.schema,
        await _parked(db),
        {one.name: await one.pending() if one.bus.connected else None for one in listeners},
        {one.name: one.events_handled for one in listeners},
        all(one.caught_up for one in listeners),
    )


async def _parked(db: Database) -> int | None:
    try:
        async with db.sessions() as session:
            found = await session.execute(text(f"SELECT count(*) FROM {db.schema}.parked"))
            return int(found.scalar_one())
    except Exception as error:
        if not unreachable(error):
            raise
        return None


def readiness(seen: Look, *, also: bool = True, **more: Any) -> Response:
    """Answer `/readyz`: 200 when the service is ready, and *also* holds; *more* stands in the answer."""
    ready = seen.ready and also
    state = {
        "status": "ok" if ready else "degraded",
        "database": seen.parked is not None,
        "nats": None not in seen.pending.values(),
        "pending": dict(seen.pending),
        "caught_up": seen.caught_up,
        **more,
    }
    return JSONResponse(state, 200 if ready else 503)


def gauge(name: str, meaning: str, values: Mapping[Any, float], *labels: str) -> Metric:
    """Return a gauge with a sample for each value, whose key is the label's value, or a tuple of them."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for key, value in values.items():
        family.add_metric([key] if isinstance(key, str) else key, value)
    return family


def metrics(seen: Look, *own: Metric) -> Response:
    """Answer `/metrics`: what every consumer says, and the service's *own* figures; what is away is left out."""
    pending = {name: count for name, count in seen.pending.items() if count is not None}
    parked = {seen.service: seen.parked} if seen.parked is not None else {}
    families = [
        gauge("gazette_consumer_pending", "Events not yet handled.", pending, "consumer"),
        gauge(
            "gazette_consumer_handled", "Events handled since the start.", seen.handled, "consumer"
        ),
        gauge("gazette_parked", "Events put aside as not processable.", parked, "service"),
        *own,
    ]
    return Response(page(families), media_type=CONTENT_TYPE_LATEST)


def page(families: Iterable[Metric]) -> bytes:
    """Return *families* in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    return generate_latest(registry)


class _Families(Collector):
    """Families that are there already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """Return what was given."""
        return self._families
