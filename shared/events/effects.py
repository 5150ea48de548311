"""EFFECTS: what became visible where (`effects.<service>.<department>.<item_id>`)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from uuid_utils import uuid7

from shared.events.envelope import Event

VISIBLE = "org.opengazette.effect.visible.v1"


class Visible(BaseModel):
    """A version was visible in one projection for the first time; rebuilds send none."""

    model_config = ConfigDict(extra="allow")

    service: str
    department: str
    item_id: UUID
    version: int
    visible_at: datetime


class VisibleEvent(Event[Visible]):
    """One first visibility."""

    @property
    def nats_subject(self) -> str:
        """Where it is said."""
        data = self.data
        return f"effects.{data.service}.{data.department}.{data.item_id}"


def visible(
    service: str,
    item_id: UUID,
    version: int,
    *,
    department: str,
    at: datetime,
    trace: str | None = None,
) -> VisibleEvent:
    """Return the event that says since when *service* shows a version; *trace* is the `traceparent` that led there."""
    return VisibleEvent(
        id=str(uuid7()),
        source=f"/services/{service}",
        subject=str(item_id),
        type=VISIBLE,
        time=at,
        traceparent=trace,
        data=Visible(
            service=service,
            department=department,
            item_id=item_id,
            version=version,
            visible_at=at,
        ),
    )
